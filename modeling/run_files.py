"""The files of a run: written whole or not at all, and read as rows of JSON."""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from labeling.model_locations import HUB_ID
from labeling.models import Prompt
from labeling.snapshots import SnapshotDamaged, verify
from modeling import registry
from modeling.core.chat_server import is_server
from modeling.core.files import write_jsonl
from modeling.models import Run


class CannotPrepare(ValueError):
    """An input is missing. The message is a sentence for people."""


def clean(text: str) -> str:
    """Without NUL, which PostgreSQL cannot store."""
    return text.replace("\x00", "")


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file, one per line; none when there is no file."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def usable(location: str, what: str) -> str:
    """The folder, hub id or address behind a location. Raises CannotPrepare for a folder that is
    gone: a relative one is then no hub id either."""
    resolved = registry.resolve(location)
    folder = Path(resolved)
    is_elsewhere = is_server(resolved) or HUB_ID.fullmatch(resolved)
    if not folder.is_dir() and not is_elsewhere:
        raise CannotPrepare(
            f"The folder of the {what} is gone.\n"
            f"Put it back and try again, or choose another one and start a new run.\n"
            f"Where: {resolved}"
        )
    return resolved


def copy_snapshot(run: Run, folder: Path) -> None:
    """The preferences that the run learns from. Raises CannotPrepare for a damaged snapshot."""
    assert run.snapshot is not None
    try:
        shutil.copyfile(verify(run.snapshot), folder / "preferences.jsonl")
    except SnapshotDamaged as problem:
        raise CannotPrepare(str(problem)) from problem


def write_prompts(folder: Path, ids: Sequence[int]) -> None:
    """prompts.jsonl with these prompts, in this order."""
    messages = dict(Prompt.objects.filter(pk__in=ids).values_list("pk", "messages"))
    write_jsonl(
        folder / "prompts.jsonl",
        ({"id": str(pk), "prompt": messages[pk]} for pk in ids if pk in messages),
    )
