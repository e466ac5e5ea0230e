"""What an import did, or why it was refused: the words that command, page and API share."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

# A file with more errors than this has one fault many times over: the rest is only counted.
SHOWN_PROBLEMS = 100
SHOWN_NOTICES = 20
SHOWN_LINES = 5


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of the file. Line 0 is the file as a whole."""

    line: int
    field: str
    problem: str
    advice: str = ""


class ImportRefused(ValueError):
    """The file has faults; nothing of it was stored."""

    def __init__(self, problems: list[Problem], total: int) -> None:
        self.problems = problems
        self.total = total
        super().__init__(self.summary)

    @property
    def summary(self) -> str:
        found = "1 error" if self.total == 1 else f"{self.total:,} errors"
        shown = f" The first {len(self.problems)} are shown." if self.is_cut else ""
        return f"The file was not imported: {found} found, and nothing was stored.{shown}"

    @property
    def is_cut(self) -> bool:
        return self.total > len(self.problems)


@dataclass
class ImportReport:
    """Counts of what a file brought. `…_new` was stored, `…_merged` was there already (in the
    project or earlier in the file)."""

    rows: int = 0
    prompts_new: int = 0
    prompts_merged: int = 0
    responses_new: int = 0
    responses_merged: int = 0
    comparisons_new: int = 0
    comparisons_merged: int = 0
    preferences_new: int = 0
    preferences_merged: int = 0
    identical_pairs: int = 0
    contradictory: int = 0
    left_to_people: int = 0
    dry_run: bool = False
    seconds: float = 0.0
    notices: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[tuple[str, int]]:
        """What to tell a person, in order; what did not occur is left out."""
        for name, words in WORDS.items():
            count = getattr(self, name)
            if count or name in ALWAYS_TOLD:
                yield words, count

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


WORDS = {
    "rows": "rows read",
    "prompts_new": "new prompts",
    "prompts_merged": "repeated prompts, merged",
    "responses_new": "new responses",
    "responses_merged": "repeated responses, merged",
    "comparisons_new": "comparisons queued",
    "comparisons_merged": "comparisons that were there already",
    "preferences_new": "preferences stored",
    "preferences_merged": "preferences that were there already",
    "identical_pairs": "pairs of identical responses, not compared",
    "contradictory": "triples that contradict one before them, left out",
    "left_to_people": "triples left out because people have been asked about this pair",
}
ALWAYS_TOLD = {"rows", "prompts_new"}


class NoticeCounter:
    """Things worth saying that are no fault, each with how often and on which first lines."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lines: dict[str, list[int]] = {}

    def add(self, what: str, line: int) -> None:
        self._counts[what] += 1
        lines = self._lines.setdefault(what, [])
        if len(lines) < SHOWN_LINES and line not in lines:
            lines.append(line)

    def sentences(self) -> list[str]:
        told = [self._sentence(what) for what, _ in self._counts.most_common(SHOWN_NOTICES)]
        if len(self._counts) > SHOWN_NOTICES:
            told.append(f"… and {len(self._counts) - SHOWN_NOTICES} more kinds of notices")
        return told

    def _sentence(self, what: str) -> str:
        count, lines = self._counts[what], self._lines[what]
        where = ", ".join(str(line) for line in lines)
        more = ", …" if len(lines) == SHOWN_LINES else ""
        return f"{what}: {count:,} (line{'s' if len(lines) > 1 else ''} {where}{more})"
