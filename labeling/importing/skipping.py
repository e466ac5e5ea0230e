"""Rows that were left out because of errors, where that was asked for: counted, and listed."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice

from labeling.importing.reports import (
    LONGEST_BEGINNING,
    SHOWN_PROBLEMS,
    NoticeCounter,
    Problem,
    SkippedLine,
)

# Of a report, which is kept for ever; each kind of error is counted to the end.
SHOWN_SKIPPED = 500


class SkippedRows:
    """Hands every row on to `note`, which keeps the whole list."""

    def __init__(self, note: Callable[[Sequence[Problem]], object] = lambda _: None) -> None:
        self._note = note
        self.count = 0
        self.lines: list[SkippedLine] = []
        self.problems: list[Problem] = []
        self._kinds = NoticeCounter()

    def add(self, problems: list[Problem]) -> None:
        """Counts a row, and lists it with everything that is wrong with it."""
        self.count += 1
        self._note(problems)
        if len(self.lines) < SHOWN_SKIPPED:
            first = problems[0]
            words = " ".join(f"{one.field}: {one.words}" for one in problems)
            where = first.field if len(problems) == 1 else "line"
            words = first.words if len(problems) == 1 else words
            line, place = int(first.line), first.place
            self.lines.append(
                {"line": line, "place": place, "field": where, "problem": words[:500]}
            )
            self.problems += problems[: SHOWN_PROBLEMS - len(self.problems)]
        for problem in problems:
            words = problem.problem.rstrip(".")
            self._kinds.add(f"skipped, {problem.field}: {words}", problem.line)

    def sentences(self) -> list[str]:
        return self._kinds.sentences()


def beginning_of(row: object) -> str:
    """How the row begins, as JSON; of what is no row, nothing."""
    if not isinstance(row, dict):
        return ""
    cut = {
        name: inner[:LONGEST_BEGINNING] if isinstance(inner, str) else inner
        for name, inner in islice(row.items(), 8)
    }
    with suppress(ValueError, RecursionError):
        return json.dumps(cut, ensure_ascii=False, default=str)[:LONGEST_BEGINNING]
    return ""
