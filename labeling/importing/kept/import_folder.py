"""What lies beside an import in DATA_DIR/imports: the files that a worker is to read, until they
were read, and the list of the rows that were left out, for KEPT_DAYS."""

import gzip
import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from django.conf import settings

from labeling.importing.kept.uploads import KeptFiles, read_folder
from labeling.importing.reports import Problem

KEPT_DAYS = 90
SKIPPED = "skipped.jsonl.gz"
UPLOAD = "upload"
# Of the list of skipped rows, in this order.
COLUMNS = ("file", "line", "place", "field", "problem", "advice", "beginning")


def folder_of(import_id: int) -> Path:
    return Path(settings.DATA_DIR) / "imports" / str(import_id)


def remove_folder(import_id: int) -> None:
    shutil.rmtree(folder_of(import_id), ignore_errors=True)


def remove_upload(import_id: int) -> None:
    shutil.rmtree(folder_of(import_id) / UPLOAD, ignore_errors=True)


def read_upload(import_id: int) -> KeptFiles | None:
    """The files that a worker is to read; None where they are gone."""
    return read_folder(folder_of(import_id) / UPLOAD)


def remove_old_folders() -> None:
    oldest = time.time() - KEPT_DAYS * 24 * 3600
    with suppress(FileNotFoundError):
        for path in (Path(settings.DATA_DIR) / "imports").iterdir():
            with suppress(FileNotFoundError):  # another worker was faster
                if path.stat().st_mtime < oldest:
                    shutil.rmtree(path, ignore_errors=True)


@contextmanager
def skipped_list(import_id: int, name: str) -> Iterator[Callable[[Sequence[Problem]], None]]:
    """What writes down a row that was left out, with all that is wrong with it. The list of an
    earlier attempt to read the import goes; one is made when the first row comes."""
    path = folder_of(import_id) / SKIPPED
    path.unlink(missing_ok=True)
    lists: list[IO[str]] = []
    until_read = ExitStack()

    def note(problems: Sequence[Problem]) -> None:
        if not lists:
            path.parent.mkdir(parents=True, exist_ok=True)
            packed = gzip.open(path, "wt", encoding="utf-8")  # noqa: SIM115 (closed at the end)
            lists.append(until_read.enter_context(packed))
        for problem in problems:
            lists[0].write(json.dumps(_row(problem, name), ensure_ascii=False) + "\n")

    with until_read:
        yield note


def _row(problem: Problem, name: str) -> dict[str, Any]:
    place = problem.line
    return {
        "file": getattr(place, "name", "") or name,
        "line": getattr(place, "own", int(place)),
        "place": problem.place,
        "field": problem.field,
        "problem": problem.problem,
        "advice": problem.advice,
        "beginning": problem.beginning,
    }


def skipped_rows(import_id: int) -> Iterator[dict[str, Any]] | None:
    """The rows that the import left out, each problem by itself; None where no list is kept."""
    path = folder_of(import_id) / SKIPPED
    return _rows_in(path) if path.is_file() else None


def _rows_in(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
