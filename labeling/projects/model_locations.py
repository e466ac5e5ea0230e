"""Where models lie, and which of them a project may use: what its own runs have made, folders below
those that the operator lists in MODEL_ROOTS, the policy of the demo, and hub ids.

Only names of files are looked at; nothing is loaded or downloaded here. A folder that is not there
and one that is another's are refused in the same words: who may name a folder learns nothing of
the machine by it.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.conf import settings

from labeling.models import Project
from labeling.texts.shown_paths import without_paths

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)
WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "pytorch_model*.bin")
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json")
SHOWN = 120  # characters of a location that is refused
DEMO_POLICY = "modeling/demo/policy"  # below the program's folder


class NotUsable(ValueError):
    """The model cannot be used as asked. The message is a sentence for people."""


def locate(location: str, project: Project | None = None) -> Path | None:
    """The folder that the project may use by this location; None for a hub id. Raises NotUsable.

    Relative folders lie below the program's folder (the demo policy), DATA_DIR (what runs have
    made) or a folder of MODEL_ROOTS, so that each of these can be moved.
    """
    for candidate in _candidates(location):
        folder = _allowed(candidate, project)
        if folder is not None:
            return folder
    if HUB_ID.fullmatch(location):
        return None
    raise NotUsable(
        f"There is no folder {without_paths(location)[:SHOWN] or '“”'} that this project can use, "
        "and it is no hub id such as org/name. Beside hub ids, a project can use the models of its "
        "own runs (runs/12/model) and folders below those that the operator lists in the setting "
        "MODEL_ROOTS."
    )


def resolve(location: str, project: Project | None = None) -> str:
    """The absolute folder that `location` names, or else the hub id as it is. Raises NotUsable."""
    folder = locate(location, project)
    return location if folder is None else str(folder)


def written(location: str, project: Project | None = None) -> str:
    """The location as it is to be stored: without what lies above the folders that are known."""
    folder = locate(location, project)
    if folder is None:
        return location
    short = without_paths(str(folder))
    try:
        return short if locate(short, project) == folder else location
    except NotUsable:
        return location


def check_model(location: str, project: Project | None = None) -> Path | None:
    """Checks that the folder has everything that a model needs; of a hub id, only its form. Returns
    the folder, or None for a hub id. Raises NotUsable."""
    folder = locate(location, project)
    if folder is None:
        return None
    shown = without_paths(str(folder))
    if not (folder / "config.json").is_file():
        raise NotUsable(f"{shown} has no config.json: it is not a model folder.")
    if not any(any(folder.glob(pattern)) for pattern in WEIGHTS):
        raise NotUsable(f"{shown} has no weights (model.safetensors): the model is incomplete.")
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise NotUsable(f"{shown} has no tokenizer (tokenizer.json): save it beside the model.")
    return folder


def _candidates(location: str) -> Iterator[str]:
    if not location or not location.isprintable():
        return
    if os.path.isabs(location):
        yield location
        return
    relative = os.path.normpath(location)
    yield os.path.join(settings.BASE_DIR, relative)
    yield os.path.join(settings.DATA_DIR, relative)
    for root in settings.MODEL_ROOTS:
        yield os.path.join(root, relative)
        yield os.path.join(root, os.pardir, relative)  # by the root's own name


def _allowed(candidate: str, project: Project | None) -> Path | None:
    """The folder, if it is there and the project may use it. A folder outside the roots is not even
    looked at."""
    path = os.path.normpath(candidate)
    for root in _roots(path, project):
        real_root = os.path.realpath(root)
        if not (_is_below(path, root) or _is_below(path, real_root)):
            continue
        real = os.path.realpath(path)
        if not _covers(real_root, real):
            continue
        led_to = (os.path.realpath(link) for link in _links(real))
        if os.path.isdir(real) and all(_covers(real_root, file) for file in led_to):
            return Path(real)
    return None


def _roots(path: str, project: Project | None) -> Iterator[str]:
    """The folders below which this project may name any."""
    yield os.path.join(settings.BASE_DIR, DEMO_POLICY)
    yield from map(str, settings.MODEL_ROOTS)
    number = _run_of(path)
    run = apps.get_model("modeling", "Run")
    if project is not None and number and run.objects.filter(pk=number, project=project).exists():
        yield os.path.join(settings.DATA_DIR, "runs", str(number))


def _run_of(path: str) -> int:
    """The number of the run whose folder this lies in; 0 where it lies in none."""
    runs = os.path.join(settings.DATA_DIR, "runs")
    for folder in (runs, os.path.realpath(runs)):
        first = os.path.relpath(path, folder).split(os.sep)[0]
        if re.fullmatch(r"[1-9][0-9]{0,17}", first):
            return int(first)
    return 0


def _covers(real_root: str, real: str) -> bool:
    """Whether this lies below the root. A root above DATA_DIR does not cover DATA_DIR: each project
    would have the models, and the answers, of all others."""
    data = os.path.realpath(settings.DATA_DIR)
    is_apart = _is_below(real, data) and _is_below(os.path.join(data, "runs"), real_root)
    return _is_below(real, real_root) and not is_apart


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _links(folder: str) -> list[str]:
    """The links among its files: a link may lead out even where the folder itself does not."""
    try:
        with os.scandir(folder) as entries:
            return [entry.path for entry in entries if entry.is_symlink()]
    except OSError:
        return []
