"""Takes files into a project: a file is taken whole or not at all.

It is read once, one record at a time: each becomes rows of ours (files, sources) and is checked
(lines), and what is sound is kept aside (staging.py). When all of it is, the file is taken in one
moment, and its rows are added in short transactions for which nobody waits (applying.py). The
formats are in docs/data-formats.md.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from labeling.importing import staging
from labeling.importing.applying import put_in_force
from labeling.importing.checking_files import CheckedFile, Findings, Progress
from labeling.importing.files import Source, read_records
from labeling.importing.kept.import_folder import skipped_list
from labeling.importing.lines.checking import check_row
from labeling.importing.lines.rows import CheckedRow
from labeling.importing.lines.votes import FileVotes
from labeling.importing.rehearsing import Rehearsing, RememberedRows
from labeling.importing.reports import (
    ImportInterrupted,
    ImportRefused,
    ImportReport,
    ImportUnfinished,
    Problem,
)
from labeling.importing.scratch_database import scratch_database
from labeling.importing.skipping import SkippedRows
from labeling.importing.sources import rows_of_records
from labeling.importing.sources.mapping import ColumnMapping
from labeling.models import Import, ImportChunk, Project, User
from labeling.texts.limits import UPLOADED, FileLimits

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
    "import_choices",
    "import_file",
    "is_unknown_shape",
    "preview_rows",
]

MAX_PAIRS = 36
LONGEST_SOURCE = 120  # of the column of prompts
# A chunk is the least that one transaction adds: small, so that nobody waits for it.
CHUNK_ROWS = 400
CHUNK_RESPONSES = 1000
CHUNK_CHARACTERS = 2_000_000
LOOKED_AT = 200  # rows, to see whether a file is of a known shape


@dataclass(frozen=True)
class ImportOptions:
    """Choices that hold for a whole file.

    `pairs` is how many comparisons to queue for each prompt that comes with two or more responses.
    Each is of two responses, or of as many as the project ranks, unless `responses_per_comparison`
    says otherwise. With `skip_bad`, rows with errors are left out, counted and listed; what makes
    the whole file unreadable is an error all the same. A `mapping` says what the columns are;
    without one they are recognised. With `number_labelers`, labelers whom the file names are called
    annotator 1, 2, … here.
    """

    pairs: int = 1
    responses_per_comparison: int | None = None
    source: str = ""
    tags: tuple[str, ...] = ()
    dry_run: bool = False
    skip_bad: bool = False
    mapping: ColumnMapping | None = None
    number_labelers: bool = False
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
    choices = import_choices(project, name, options)
    if options.dry_run:
        report = _rehearse(project, file, name, options, choices, tell)
    else:
        job = staging.begin(project, actor, name, choices)
        report = _take(job, file, name, options, tell)
    return replace(report, seconds=round(time.monotonic() - started, 2))


def import_choices(project: Project, name: str, options: ImportOptions) -> dict[str, Any]:
    """What holds for every row while it is stored, as the import's row keeps it."""
    return {
        "source": options.source or name[:LONGEST_SOURCE],
        "model": options.source,
        "tags": list(options.tags),
        "pairs_per_prompt": options.pairs,
        "responses_per_comparison": options.responses_per_comparison
        or project.responses_per_comparison,
        "number_labelers": options.number_labelers,
    }


def _take(
    job: Import, file: Source, name: str, options: ImportOptions, tell: Progress
) -> ImportReport:
    try:
        findings = stage(job, file, name, options, tell)
        return put_in_force(job, lambda rows: tell("Storing", rows, findings.rows))
    except BaseException:
        # Where the database is gone, a worker removes it later.
        with suppress(DatabaseError, InterfaceError):
            staging.remove(job)
        raise


def stage(job: Import, file: Source, name: str, options: ImportOptions, tell: Progress) -> Findings:
    """Reads the file, and keeps its rows aside for `put_in_force`; raises ImportRefused."""
    with scratch_database() as database, skipped_list(job.pk, name) as note:
        votes = FileVotes(database)
        checked = CheckedFile(
            file,
            name,
            options.limits,
            tell,
            skipped=SkippedRows(note) if options.skip_bad else None,
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
    return findings


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
        checked = CheckedFile(
            file,
            name,
            options.limits,
            tell,
            skipped=SkippedRows() if options.skip_bad else None,
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


def expect(job: Import, findings: Findings, look: Callable[[], object]) -> ImportReport:
    """What the rows that are kept aside would bring now, without storing them."""
    report = findings.begin(dry_run=True)
    with scratch_database() as database:
        remembered = RememberedRows(database)
        now = timezone.now()
        rehearsing = Rehearsing(
            project=job.project, report=report, now=now, remembered=remembered, **job.options
        )
        for pk in list(job.chunks.order_by("number").values_list("pk", flat=True)):
            rehearsing.store(staging.rows_of(ImportChunk.objects.get(pk=pk)))
            look()
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
    skipped = SkippedRows() if skip_bad else None
    checked = CheckedFile(file, name, limits, progress, skipped=skipped, mapping=mapping)
    for _ in checked:
        pass
    return checked.findings()


def is_unknown_shape(file: Source, name: str) -> bool:
    """Whether the first rows of a file say that nobody knows what its columns are."""
    checked = CheckedFile(file, name, UPLOADED, None)
    rows = iter(checked)
    with suppress(ImportRefused):
        for _ in islice(rows, LOOKED_AT):
            pass
        if checked.is_sound:
            return False
        checked.findings()
    problems = [*checked.columns.problems(), *checked.problems]
    return ImportRefused(problems, len(problems)).is_unknown_shape


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
