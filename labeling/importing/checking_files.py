"""Goes through a file once: hands on its sound rows, and counts what is wrong with the others."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from labeling.importing.files import Source, read_records
from labeling.importing.lines.checking import check_row
from labeling.importing.lines.columns import UnknownColumns
from labeling.importing.lines.opinions import Opinion
from labeling.importing.lines.rows import CheckedRow
from labeling.importing.reports import (
    SHOWN_PROBLEMS,
    ImportRefused,
    ImportReport,
    NoticeCounter,
    Problem,
    SkippedLine,
    printable,
)
from labeling.importing.skipping import SkippedRows, beginning_of
from labeling.importing.sources import Recognised, rows_of_records
from labeling.importing.sources.mapping import ColumnMapping
from labeling.texts.limits import COUNTED_PROBLEMS, FileLimits

PROGRESS_EVERY = 5_000

# Called with what is being done, the rows done so far, and all of them (None: not known yet).
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class Findings:
    """What a sound file holds: its rows by shape, and notices about them."""

    rows: int
    shapes: dict[str, int]
    notices: list[str]
    skipped: int = 0
    skipped_lines: list[SkippedLine] = field(default_factory=list)
    labelers: int = 0
    judgments: int = 0  # of named labelers

    def begin(self, *, dry_run: bool = False) -> ImportReport:
        """The report of an import that has brought nothing so far."""
        return ImportReport(
            notices=self.notices,
            skipped=self.skipped,
            skipped_lines=self.skipped_lines,
            dry_run=dry_run,
        )


class CheckedFile:
    """Iterates over the sound rows of a file, and counts what is wrong with the others."""

    def __init__(
        self,
        file: Source,
        name: str,
        limits: FileLimits,
        progress: Progress | None,
        *,
        skipped: SkippedRows | None = None,
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
        self.skipped = skipped
        self.labelers: set[bytes] = set()
        self.judgments = 0

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
                if result.opinion and result.opinion.said:
                    self._count_said(result.opinion)
                yield result
            elif self.skipped is not None and not any(one.is_of_file for one in result):
                self.skipped.add([one.of_row(beginning_of(value)) for one in result])
            else:
                self._refuse(result)
            if self.progress and line % PROGRESS_EVERY == 0:
                self.progress("Checking", line, None)

    def _count_said(self, opinion: Opinion) -> None:
        for vote in opinion.said:
            # Short, since a file may name very many.
            self.labelers.add(hashlib.md5(vote.labeler.encode(), usedforsecurity=False).digest())
            self.judgments += 1

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
        return Findings(
            rows,
            dict(self.shapes),
            notices,
            skipped.count,
            skipped.lines,
            len(self.labelers),
            self.judgments,
        )
