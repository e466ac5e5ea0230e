"""Takes JSONL files into a project: a file is taken whole or not at all.

It is read twice, one line at a time: first every line is checked and nothing is written; then
all of it is stored in one transaction. The formats are in docs/data-formats.md.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import IO

from django.db import transaction
from django.utils import timezone

from config.nudges import nudge
from labeling.audit import write_entry
from labeling.importing.checking import Row, check_row
from labeling.importing.reading import MAX_BYTES, read_objects
from labeling.importing.reports import (
    SHOWN_PROBLEMS,
    ImportRefused,
    ImportReport,
    NoticeCounter,
    Problem,
)
from labeling.importing.storing import Storing
from labeling.models import Project, User

__all__ = [
    "MAX_PAIRS",
    "Findings",
    "ImportOptions",
    "ImportRefused",
    "ImportReport",
    "Problem",
    "check_file",
    "import_file",
    "preview_rows",
]

MAX_PAIRS = 36
CHUNK_ROWS = 500
CHUNK_RESPONSES = 4000
CHUNK_CHARACTERS = 8_000_000
PROGRESS_EVERY = 5_000

# Called with what is being done, the rows done so far, and all of them (None: not known yet).
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class Findings:
    """What a sound file holds: rows by shape, and what is worth saying about them."""

    rows: int
    shapes: dict[str, int]
    notices: list[str]


@dataclass(frozen=True)
class ImportOptions:
    """Choices for a whole file. `pairs` is how many comparisons to queue for each prompt that
    comes with two or more responses; each is of two responses, or of as many as the project
    ranks, unless `responses_per_comparison` says otherwise."""

    pairs: int = 1
    responses_per_comparison: int | None = None
    source: str = ""
    tags: tuple[str, ...] = ()
    dry_run: bool = False
    max_bytes: int = MAX_BYTES

    def __post_init__(self) -> None:
        if not 0 <= self.pairs <= MAX_PAIRS:
            raise ValueError(f"pairs must be from 0 to {MAX_PAIRS}, not {self.pairs}")
        size = self.responses_per_comparison
        if size is not None and not 2 <= size <= 9:
            raise ValueError(f"responses_per_comparison must be from 2 to 9, not {size}")
        for name, text in [("source", self.source), *(("tag", tag) for tag in self.tags)]:
            if len(text) > 120 or "\x00" in text:
                raise ValueError(f"{name} must have at most 120 characters and no NUL")


def import_file(
    project: Project,
    actor: User | None,
    file: IO[bytes],
    *,
    name: str,
    options: ImportOptions | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Stores the file's rows and says what it brought; raises ImportRefused for a faulty file.

    `file` must be seekable. A dry run does everything and takes it back, so its report is exact.
    """
    options = options or ImportOptions()
    tell = progress or (lambda *_: None)
    started = time.monotonic()
    found = check_file(file, max_bytes=options.max_bytes, progress=tell)
    report = ImportReport(notices=found.notices, dry_run=options.dry_run)
    storing = Storing(
        project=project,
        source=options.source or name[:120],
        model=options.source,
        tags=options.tags,
        pairs_per_prompt=options.pairs,
        responses_per_comparison=options.responses_per_comparison
        or project.responses_per_comparison,
        report=report,
        now=timezone.now(),
    )
    with transaction.atomic():
        # Two imports at once would wait for each other's rows in opposite order: one at a time.
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        for rows in _chunks(_sound_rows(file, options.max_bytes)):
            storing.store(rows)
            tell("Storing", report.rows, found.rows)
        storing.finish()
        if options.dry_run:
            transaction.set_rollback(True)
        else:
            write_entry(project, actor, "import", project, file=name[:300], **report.as_dict())
            transaction.on_commit(partial(nudge, "modeling.tasks.advance", project.pk))
    return replace(report, seconds=round(time.monotonic() - started, 2))


def check_file(
    file: IO[bytes], *, max_bytes: int = MAX_BYTES, progress: Progress | None = None
) -> Findings:
    """What the file holds, without touching the database; raises ImportRefused."""
    notices = NoticeCounter()
    shapes: Counter[str] = Counter()
    problems: list[Problem] = []
    total = 0
    for line, value in read_objects(file, max_bytes=max_bytes):
        found = [value] if isinstance(value, Problem) else check_row(line, value, notices)
        if isinstance(found, Row):
            shapes[found.shape] += 1
        else:
            total += len(found)
            problems += found[: SHOWN_PROBLEMS - len(problems)]
        if progress and line % PROGRESS_EVERY == 0:
            progress("Checking", line, None)
    if not shapes and not total:
        problems.append(Problem(0, "file", "Holds no rows.", "Give one JSON object on each line."))
        total = 1
    if total:
        raise ImportRefused(problems, total)
    return Findings(shapes.total(), dict(shapes), notices.sentences())


def preview_rows(file: IO[bytes], count: int = 5) -> list[Row]:
    """The first rows of a file that was checked."""
    return list(islice(_sound_rows(file, MAX_BYTES), count))


def _sound_rows(file: IO[bytes], max_bytes: int) -> Iterator[Row]:
    for line, value in read_objects(file, max_bytes=max_bytes):
        row = value if isinstance(value, Problem) else check_row(line, value)
        if not isinstance(row, Row):
            raise RuntimeError(f"the file changed while it was read (line {line})")
        yield row


def _chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Rows by the hundreds, fewer where they are long, so that memory stays bounded."""
    chunk: list[Row] = []
    responses = characters = 0
    for row in rows:
        chunk.append(row)
        responses += len(row.responses)
        characters += row.size
        full = len(chunk) >= CHUNK_ROWS or responses >= CHUNK_RESPONSES
        if full or characters >= CHUNK_CHARACTERS:
            yield chunk
            chunk, responses, characters = [], 0, 0
    if chunk:
        yield chunk
