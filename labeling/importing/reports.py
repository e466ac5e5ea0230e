"""What an import did, or why it was refused: the words that command, page and API share."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypedDict

# A file with more errors than this has one fault many times over: the rest is only counted.
SHOWN_PROBLEMS = 100
SHOWN_NOTICES = 20
SHOWN_LINES = 5
# Kinds of notices counted one by one: a file may have another unknown field on each line.
KINDS = 1_000
LONGEST_BEGINNING = 300  # characters of a row, in the list of those left out
FILE = "file"  # where another problem names a field
COLUMNS = "columns"  # likewise, of a problem about columns that are not understood
NO_PROMPT = ("prompt", "Is missing.")
OTHER_KINDS = "notices of further kinds"


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of the file. Line 0 is the file as a whole."""

    line: int
    field: str
    problem: str
    advice: str = ""
    beginning: str = dataclasses.field(default="", compare=False)  # of the row, as it was read

    def __post_init__(self) -> None:
        for name in ("field", "problem", "advice", "beginning"):
            object.__setattr__(self, name, printable(getattr(self, name)))

    def of_row(self, beginning: str) -> "Problem":
        """The same with the beginning of its row, where nobody has said it yet."""
        if self.beginning:
            return self
        return replace(self, beginning=beginning[:LONGEST_BEGINNING])

    @property
    def is_of_file(self) -> bool:
        """Whether the file cannot be read on from here, or at all."""
        return self.field == FILE

    @property
    def place(self) -> str:
        """Where it is, in words: "line 7", "row 7 of part.csv"; empty for the file as a whole."""
        return place_in_words(self.line) if self.line else ""

    @property
    def words(self) -> str:
        return f"{self.problem} {self.advice}".strip()


def printable(text: str) -> str:
    """The text with half surrogate pairs written as escapes: a file may name a column so, and no
    page or database takes one."""
    return text.encode(errors="backslashreplace").decode()


def place_in_words(line: int) -> str:
    """A number of a line, or a place that has words of its own (labeling/importing/files)."""
    return f"line {line}" if f"{line}".isdigit() else f"{line}"


class Wrong(ValueError):
    """A fault in a field, with what to do about it."""

    def __init__(self, field: str, problem: str, advice: str = "") -> None:
        self.field, self.problem, self.advice = field, problem, advice
        super().__init__(problem)


class ImportRefused(ValueError):
    """The file has faults; nothing of it was stored."""

    def __init__(
        self,
        problems: list[Problem],
        total: int,
        *,
        read_on: bool = True,
        nothing_left: bool = False,
    ) -> None:
        self.problems = problems
        self.total = total
        self.nothing_left = nothing_left  # true: rows with errors were to be skipped, and all have
        self.read_on = read_on  # false: there were so many that the rest was not read
        super().__init__(self.summary)

    @property
    def summary(self) -> str:
        errors = "1 error" if self.total == 1 else f"{self.total:,} errors"
        if self.nothing_left:
            return "The file was not imported: all of its rows have errors, so all were skipped."
        errors = errors if self.read_on else f"more than {errors}"
        shown = f" The first {len(self.problems)} are shown." if self.is_cut else ""
        return f"The file was not imported: {errors} found, and nothing was stored.{shown}"

    @property
    def can_skip(self) -> bool:
        """Whether the errors are of single rows, and others may be sound."""
        return not self.nothing_left and not any(one.is_of_file for one in self.problems)

    @property
    def is_unknown_shape(self) -> bool:
        """Whether nobody knows what the file's columns are, or none is known to be the prompt."""
        if any(one.field == COLUMNS for one in self.problems):
            return True
        missing = [one for one in self.problems if (one.field, one.problem) == NO_PROMPT]
        return 0 < len(missing) == len(self.problems)

    @property
    def is_cut(self) -> bool:
        return self.total > len(self.problems)


class ImportInterrupted(RuntimeError):
    """The import was ended from outside before its file was taken; nothing of it was stored."""


class ImportUnfinished(RuntimeError):
    """The file was taken, and not all of its rows could be added yet; the message says how it
    goes on."""


class SkippedLine(TypedDict):
    line: int
    place: str
    field: str
    problem: str


@dataclass
class ImportReport:
    """Counts of what a file brought. `…_new` was stored, `…_merged` was there already (in the
    project or earlier in the file)."""

    import_id: int = 0  # 0: a dry run
    rows: int = 0
    prompts_new: int = 0
    prompts_merged: int = 0
    prompts_known: int = 0  # of these, in the project before
    responses_new: int = 0
    responses_merged: int = 0
    comparisons_new: int = 0
    comparisons_merged: int = 0
    preferences_new: int = 0
    preferences_merged: int = 0
    votes_counted: int = 0
    labelers_new: int = 0
    judgments_new: int = 0
    judgments_merged: int = 0
    judgments_replaced: int = 0
    preferences_resettled: int = 0
    votes_unnamed: int = 0
    skipped: int = 0
    identical_pairs: int = 0
    contradictory: int = 0
    left_to_people: int = 0
    other_split: int = 0
    metadata_left_out: int = 0
    dry_run: bool = False
    seconds: float = 0.0
    splits: dict[str, int] = field(default_factory=dict)  # of the new prompts
    notices: list[str] = field(default_factory=list)
    skipped_lines: list[SkippedLine] = field(default_factory=list)  # the first of them

    def lines(self) -> Iterator[tuple[str, int]]:
        """What to tell a person, in order; what did not occur is left out."""
        for name, words in WORDS.items():
            count = getattr(self, name)
            if count or name in ALWAYS_SHOWN:
                yield words, count
            if name == "prompts_new":
                yield from ((f"of the new prompts, in {split}", n) for split, n in self._splits())

    def _splits(self) -> list[tuple[str, int]]:
        order = ["train", "calibration", "dev", "test"]
        return sorted(self.splits.items(), key=lambda item: order.index(item[0]))

    def count_splits(self, splits: Iterable[str]) -> None:
        for split in splits:
            self.splits[split] = self.splits.get(split, 0) + 1

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


WORDS = {
    "rows": "rows read",
    "prompts_new": "new prompts",
    "prompts_merged": "repeated prompts, merged",
    "prompts_known": "of the repeated prompts, in the project before",
    "responses_new": "new responses",
    "responses_merged": "repeated responses, merged",
    "comparisons_new": "comparisons queued",
    "comparisons_merged": "comparisons that were there already",
    "preferences_new": "preferences stored",
    "preferences_merged": "preferences that were there already",
    "votes_counted": "further votes for a pair of the file, counted",
    "labelers_new": "new outside labelers",
    "judgments_new": "judgments of outside labelers stored",
    "judgments_merged": "judgments of outside labelers that were there already",
    "judgments_replaced": "earlier judgments of a pair, replaced by their labeler's last one",
    "preferences_resettled": "preferences settled anew with these judgments",
    "votes_unnamed": "votes that name nobody, left out: named labelers judged their pairs",
    "skipped": "rows with errors, skipped",
    "identical_pairs": "pairs of identical responses, not compared",
    "contradictory": "triples that contradict one before them, left out",
    "left_to_people": "triples left out because people have been asked about this pair",
    "other_split": "preferences in another split than the file says, where their prompts were",
    "metadata_left_out": "values of metadata that differ from what was known already, left out",
}
ALWAYS_SHOWN = {"rows", "prompts_new"}


class NoticeCounter:
    """Things worth saying that are no fault, each with how often and on which first lines."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lines: dict[str, list[int]] = {}

    def add(self, notice: str, line: int) -> None:
        if notice not in self._counts and len(self._counts) >= KINDS:
            notice = OTHER_KINDS
        self._counts[notice] += 1
        lines = self._lines.setdefault(notice, [])
        if len(lines) < SHOWN_LINES and line not in lines:
            lines.append(line)

    def sentences(self) -> list[str]:
        sentences = [
            self._sentence(notice) for notice, _ in self._counts.most_common(SHOWN_NOTICES)
        ]
        if len(self._counts) > SHOWN_NOTICES:
            sentences.append(f"… and {len(self._counts) - SHOWN_NOTICES} more kinds of notices")
        return sentences

    def _sentence(self, notice: str) -> str:
        count, lines = self._counts[notice], self._lines[notice]
        if lines == [0]:
            return notice if count == 1 else f"{notice}: {count:,}"
        where = ", ".join(dict.fromkeys(f"{line}" for line in lines))
        if where.replace(", ", "").isdigit():
            where = f"line{'s' if ',' in where else ''} {where}"
        more = ", …" if len(lines) == SHOWN_LINES else ""
        return f"{notice}: {count:,} ({where}{more})"
