"""Takes files into a project: a file is taken whole or not at all.

It is read once, one record at a time: each becomes rows of ours (files, sources) and is checked
(lines), and what is sound is kept aside (staging.py). When all of it is, the file is taken in one
moment, and its rows are added in short transactions for which nobody waits (applying.py). The
formats are in docs/data-formats.md.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import IO, Any, TypeAlias

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from labeling.importing import staging
from labeling.importing.applying import put_in_force
from labeling.importing.files import Folder, read_records
from labeling.importing.lines.checking import check_row
from labeling.importing.lines.columns import UnknownColumns
from labeling.importing.lines.rows import CheckedRow
from labeling.importing.lines.votes import FileVotes
from labeling.importing.rehearsing import Rehearsing, RememberedRows
from labeling.importing.reports import (
    SHOWN_PROBLEMS,
    ImportInterrupted,
    ImportRefused,
    ImportReport,
    ImportUnfinished,
    NoticeCounter,
    Problem,
    SkippedLine,
    printable,
)
from labeling.importing.scratch_database import scratch_database
from labeling.importing.skipping import SkippedRows
from labeling.importing.sources import Recognised, rows_of_records
from labeling.importing.sources.mapping import ColumnMapping
from labeling.models import Import, Project, User
from labeling.texts.limits import COUNTED_PROBLEMS, UPLOADED, FileLimits

__all__ = [
    "MAX_PAIRS",
    "Findings",
    "ImportInterrupted",
    "ImportOptions",
    "ImportRefused",
    "ImportReport",
    "ImportUnfinished",
    "Problem",
    "check_file",
    "import_file",
    "preview_rows",
]

MAX_PAIRS = 36
LONGEST_SOURCE = 120  # of the column of prompts
# A chunk is the least that one transaction adds: small, so that nobody waits for it.
CHUNK_ROWS = 400
CHUNK_RESPONSES = 1000
CHUNK_CHARACTERS = 2_000_000
PROGRESS_EVERY = 5_000

# Called with what is being done, the rows done so far, and all of them (None: not known yet).
Progress = Callable[[str, int, int | None], None]
# A file, or a folder of them.
Source: TypeAlias = IO[bytes] | Folder


@dataclass(frozen=True)
class Findings:
    """What a sound file holds: its rows by shape, and notices about them."""

    rows: int
    shapes: dict[str, int]
    notices: list[str]
    skipped: int = 0
    skipped_lines: list[SkippedLine] = field(default_factory=list)

    def begin(self, *, dry_run: bool = False) -> ImportReport:
        """The report of an import that has brought nothing so far."""
        return ImportReport(
            notices=self.notices,
            skipped=self.skipped,
            skipped_lines=self.skipped_lines,
            dry_run=dry_run,
        )


@dataclass(frozen=True)
class ImportOptions:
    """Choices that hold for a whole file.

    `pairs` is how many comparisons to queue for each prompt that comes with two or more responses.
    Each is of two responses, or of as many as the project ranks, unless `responses_per_comparison`
    says otherwise. With `skip_bad`, rows with errors are left out, counted and listed; what makes
    the whole file unreadable is an error all the same. A `mapping` says what the columns are;
    without one they are recognised.
    """

    pairs: int = 1
    responses_per_comparison: int | None = None
    source: str = ""
    tags: tuple[str, ...] = ()
    dry_run: bool = False
    skip_bad: bool = False
    mapping: ColumnMapping | None = None
    limits: FileLimits = UPLOADED

    def __post_init__(self) -> None:
        if not 0 <= self.pairs <= MAX_PAIRS:
            raise ValueError(f"pairs must be from 0 to {MAX_PAIRS}, not {self.pairs}")
        size = self.responses_per_comparison
        if size is not None and not 2 <= size <= 9:
            raise ValueError(f"responses_per_comparison must be from 2 to 9, not {size}")
        if len(self.source) > LONGEST_SOURCE:
            raise ValueError(
                f"source has {len(self.source)} characters, and at most {LONGEST_SOURCE} fit"
            )
        for name, text in [("source", self.source), *(("tag", tag) for tag in self.tags)]:
            if len(text) > 120 or "\x00" in text:
                raise ValueError(f"{name} must have at most 120 characters and no NUL")


def import_file(
    project: Project,
    actor: User | None,
    file: Source,
    *,
    name: str,
    options: ImportOptions | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Stores the file's rows and returns what it brought; raises ImportRefused for a faulty file.

    `file` must be seekable. A dry run takes the same steps without writing to the database, so that
    its report says what would happen now and nobody waits for it.
    """
    options = options or ImportOptions()
    tell = progress or (lambda *_: None)
    started = time.monotonic()
    choices = {
        "source": options.source or name[:LONGEST_SOURCE],
        "model": options.source,
        "tags": list(options.tags),
        "pairs_per_prompt": options.pairs,
        "responses_per_comparison": options.responses_per_comparison
        or project.responses_per_comparison,
    }
    if options.dry_run:
        report = _rehearse(project, file, name, options, choices, tell)
    else:
        job = staging.begin(project, actor, name, choices)
        report = _take(job, file, name, options, tell)
    return replace(report, seconds=round(time.monotonic() - started, 2))


def _take(
    job: Import, file: Source, name: str, options: ImportOptions, tell: Progress
) -> ImportReport:
    try:
        with scratch_database() as database:
            votes = FileVotes(database)
            checked = _Checked(
                file,
                name,
                options.limits,
                tell,
                skip_bad=options.skip_bad,
                mapping=options.mapping,
            )
            for number, rows in enumerate(_chunks(iter(checked))):
                if checked.is_sound:
                    votes.note(rows)
                    staging.keep(job, number, rows)
            findings = checked.findings()
            if votes.close():
                staging.change_rows(job, votes.counted)
        job.report = findings.begin().as_dict()
        job.save(update_fields=["report"])
        return put_in_force(job, lambda rows: tell("Storing", rows, findings.rows))
    except BaseException:
        # Where the database is gone, a worker removes it later.
        with suppress(DatabaseError, InterfaceError):
            staging.remove(job)
        raise


def _rehearse(
    project: Project,
    file: Source,
    name: str,
    options: ImportOptions,
    choices: dict[str, Any],
    tell: Progress,
) -> ImportReport:
    with scratch_database() as database:
        votes = FileVotes(database)
        checked = _Checked(
            file,
            name,
            options.limits,
            tell,
            skip_bad=options.skip_bad,
            mapping=options.mapping,
        )
        for rows in _chunks(iter(checked)):
            votes.note(rows)
        findings = checked.findings()
        votes.close()
        report = findings.begin(dry_run=True)
        now = timezone.now()
        remembered = RememberedRows(database)
        rehearsing = Rehearsing(
            project=project, report=report, now=now, remembered=remembered, **choices
        )
        sound_rows = _sound_rows(
            file, name, options.limits, skip_bad=options.skip_bad, mapping=options.mapping
        )
        for rows in _chunks(sound_rows):
            rehearsing.store(votes.counted(rows))
            tell("Storing", report.rows, findings.rows)
    return report


def check_file(
    file: Source,
    *,
    name: str = "",
    limits: FileLimits = UPLOADED,
    progress: Progress | None = None,
    skip_bad: bool = False,
    mapping: ColumnMapping | None = None,
) -> Findings:
    """What the file holds, without touching the database; raises ImportRefused."""
    checked = _Checked(file, name, limits, progress, skip_bad=skip_bad, mapping=mapping)
    for _ in checked:
        pass
    return checked.findings()


class _Checked:
    """Iterates over the sound rows of a file, and counts what is wrong with the others."""

    def __init__(
        self,
        file: Source,
        name: str,
        limits: FileLimits,
        progress: Progress | None,
        *,
        skip_bad: bool = False,
        mapping: ColumnMapping | None = None,
    ) -> None:
        self.file, self.name, self.limits, self.progress = file, name, limits, progress
        self.mapping = mapping
        self.notices = NoticeCounter()
        self.recognised = Recognised()
        self.shapes: Counter[str] = Counter()
        self.problems: list[Problem] = []
        self.faults = 0
        self.columns = UnknownColumns()
        self.skipped = SkippedRows() if skip_bad else None

    def __iter__(self) -> Iterator[CheckedRow]:
        tell = self.notices.add
        records = read_records(self.file, self.name, limits=self.limits, tell=tell)
        for line, value in rows_of_records(records, self.recognised, tell, self.mapping):
            if isinstance(value, dict) and not self.columns.look(line, value):
                if self.columns.has_read_enough:
                    break
                continue
            result = [value] if isinstance(value, Problem) else check_row(line, value, self.notices)
            if isinstance(result, CheckedRow):
                self.shapes[result.shape] += 1
                yield result
            elif self.skipped is not None and not any(one.is_of_file for one in result):
                self.skipped.add(result)
            else:
                self._refuse(result)
            if self.progress and line % PROGRESS_EVERY == 0:
                self.progress("Checking", line, None)

    def _refuse(self, problems: list[Problem]) -> None:
        self.faults += len(problems)
        self.problems += problems[: SHOWN_PROBLEMS - len(self.problems)]
        if self.faults > COUNTED_PROBLEMS:
            raise ImportRefused(self.problems, COUNTED_PROBLEMS, read_on=False)

    @property
    def is_sound(self) -> bool:
        return not self.faults and not self.columns.names

    def findings(self) -> Findings:
        """Raises ImportRefused for a faulty file."""
        if columns := self.columns.problems():
            raise ImportRefused([*columns, *self.problems], len(columns) + self.faults)
        skipped = self.skipped or SkippedRows()
        if self.is_sound and not self.shapes and skipped.count:
            raise ImportRefused(skipped.problems, skipped.count, nothing_left=True)
        if not self.shapes and self.is_sound:
            advice = "Give one row for each line, such as JSON objects."
            raise ImportRefused([Problem(0, "file", "Holds no rows.", advice)], 1)
        if not self.is_sound:
            raise ImportRefused(self.problems, self.faults)
        notices = [
            *self.recognised.sentences(),
            *self.notices.sentences(),
            *skipped.sentences(),
        ]
        rows = self.shapes.total()
        notices = [printable(notice) for notice in notices]
        return Findings(rows, dict(self.shapes), notices, skipped.count, skipped.lines)


def preview_rows(
    file: Source,
    count: int = 5,
    *,
    name: str = "",
    skip_bad: bool = False,
    mapping: ColumnMapping | None = None,
) -> list[CheckedRow]:
    """The first rows of a file that was checked."""
    rows = _sound_rows(file, name, UPLOADED, skip_bad=skip_bad, mapping=mapping)
    return list(islice(rows, count))


def _sound_rows(
    file: Source,
    name: str,
    limits: FileLimits,
    *,
    skip_bad: bool = False,
    mapping: ColumnMapping | None = None,
) -> Iterator[CheckedRow]:
    for line, value in rows_of_records(read_records(file, name, limits=limits), mapping=mapping):
        row = value if isinstance(value, Problem) else check_row(line, value)
        if isinstance(row, CheckedRow):
            yield row
        elif not skip_bad:
            raise RuntimeError(f"the file changed while it was read (line {line})")


def _chunks(rows: Iterator[CheckedRow]) -> Iterator[list[CheckedRow]]:
    """Groups rows by the hundreds, fewer where they are long, so that memory stays bounded."""
    chunk: list[CheckedRow] = []
    responses = characters = 0
    for row in rows:
        chunk.append(row)
        responses += len(row.responses)
        characters += row.size_with_prompt
        full = len(chunk) >= CHUNK_ROWS or responses >= CHUNK_RESPONSES
        if full or characters >= CHUNK_CHARACTERS:
            yield chunk
            chunk, responses, characters = [], 0, 0
    if chunk:
        yield chunk
