"""The files of a run: written whole or not at all, and read as rows of JSON."""

import json
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labeling.models import Project, Prompt
from labeling.preferences.snapshots import SnapshotDamaged, verify
from labeling.projects import model_locations
from labeling.texts.shown_paths import without_paths
from modeling.core.generating.servers.chat_server import is_server
from modeling.core.program.files import write_atomically, write_json, write_jsonl
from modeling.core.program.seal import NotWhole, first_change, read_result
from modeling.models import RewardModel, Run
from modeling.models.versions import reward_model_by
from modeling.run_data.config import ConfigRefused
from modeling.run_data.programs import CONFIGS
from modeling.runs import model_files

log = logging.getLogger(__name__)


class CannotPrepare(ValueError):
    """An input is missing, or is not what it was. The message is a sentence for people."""


class DamagedOutput(ValueError):
    """What a program has left cannot be read. The message is a sentence for people."""


def clean(text: str) -> str:
    """Takes NUL out, which PostgreSQL cannot store."""
    return text.replace("\x00", "")


def clean_extra(sample: dict[str, Any]) -> dict[str, Any]:
    """What the sample's message holds beside its text, without NUL at any depth."""
    extra: dict[str, Any] = _without_nul(sample.get("extra") or {})
    return extra


def _without_nul(value: Any) -> Any:
    if isinstance(value, dict):
        return {clean(key): _without_nul(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_nul(inner) for inner in value]
    return clean(value) if isinstance(value, str) else value


def template_date(project: Project) -> dict[str, str]:
    """The part of a program's config with the day on which the project was made. Chat templates
    that print today's date print this one, in all its trainings and samples, whenever they run."""
    return {"template_date": project.created_at.date().isoformat()}


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file, one per line; none when there is no file."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _row_of(line, path, number)


def _row_of(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise DamagedOutput(
            f"Line {number} of {path.name} cannot be read: it was cut short or damaged.\n"
            "Start the run again: what is missing is made anew.\n"
            f"Where: {path.parent.name}/{path.name}"
        )
    return row


def rows_left(folder: Path, name: str) -> list[dict[str, Any]]:
    """What a run has left in this file, however long ago. A file that is not whole any more counts
    as gone, and the log says so: figures of an old run hold up nothing."""
    path = folder / name
    try:
        notes = read_result(folder).files
    except NotWhole:
        notes = {}
    change = first_change(folder, {name: notes[name]}) if name in notes and path.exists() else ""
    try:
        if change:
            raise DamagedOutput(change)
        return list(read_jsonl(path))
    except DamagedOutput as problem:
        log.warning("%s is left out: %s", path, problem)
        return []


@contextmanager
def readable(what: str) -> Iterator[None]:
    """Raises DamagedOutput where rows lack a field, or hold something else in it."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError, EOFError) as problem:
        if isinstance(problem, DamagedOutput | CannotPrepare):
            raise
        raise DamagedOutput(
            f"What the program has left cannot be used: {what} is not as it should be "
            f"({type(problem).__name__}: {problem}).\nStart the run again."
        ) from problem


def usable(location: str, what: str, project: Project) -> str:
    """The folder, hub id or address behind a location. Raises CannotPrepare for a folder that is
    gone, that the project may not use, or, of a policy that a run of this project has made, that
    was changed since."""
    if is_server(location):
        return location  # the program that connects looks where it leads
    try:
        resolved = model_locations.resolve(location, project)
    except model_locations.NotUsable:
        raise CannotPrepare(
            f"The folder of the {what} is gone, or this project may not use it.\n"
            f"Put it back and try again, or choose another one and start a new run.\n"
            f"Where: {without_paths(location)}"
        ) from None
    try:
        model_files.check_location(project, location)
    except model_files.Changed as problem:
        raise CannotPrepare(str(problem)) from problem
    return resolved


def usable_reward_model(pk: int | None) -> RewardModel:
    """Raises CannotPrepare for one that was deleted, or whose folders were changed."""
    model = reward_model_by(pk)
    if model is None:
        raise CannotPrepare("The reward model was deleted: choose another one and start a new run.")
    if not model.gone:  # else `usable` says which
        try:
            model_files.check(model)
        except model_files.Changed as problem:
            raise CannotPrepare(str(problem)) from problem
    return model


def copy_snapshot(run: Run, folder: Path) -> None:
    """The preferences that the run learns from. Raises CannotPrepare for a damaged snapshot."""
    assert run.snapshot is not None
    try:
        with verify(run.snapshot).open("rb") as source:
            write_atomically(
                folder / "preferences.jsonl", lambda file: shutil.copyfileobj(source, file)
            )
    except (SnapshotDamaged, FileNotFoundError) as problem:
        raise CannotPrepare(str(problem)) from problem


def write_config(folder: Path, program: str, given: Mapping[str, Any]) -> None:
    """The program's config.json. Raises CannotPrepare for what the program would refuse, in its own
    words: no process is started to say so."""
    try:
        CONFIGS[program].read(dict(given))
    except ConfigRefused as problem:
        raise CannotPrepare(
            f"{problem.message}\n{problem.hint}\nWhere: {problem.where}"
        ) from problem
    write_json(folder / "config.json", given)


def write_prompts(folder: Path, ids: Sequence[int]) -> None:
    """Writes prompts.jsonl with these prompts, in this order, less those that were deleted."""
    rows = Prompt.objects.filter(pk__in=ids).values_list("pk", "messages", "extra")
    prompts = {pk: {"id": str(pk), "prompt": messages, **extra} for pk, messages, extra in rows}
    write_jsonl(folder / "prompts.jsonl", (prompts[pk] for pk in ids if pk in prompts))


def predictions_of(run: Run) -> Path | None:
    """The file in which a training's model says what it thinks of each preference; None where there
    is none."""
    path = run.folder / "predictions.jsonl"
    return path if run.kind == Run.Kind.TRAIN_REWARD and path.is_file() else None
