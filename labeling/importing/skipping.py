"""Rows that were left out because of errors, where that was asked for: counted, and listed."""

from labeling.importing.reports import SHOWN_PROBLEMS, NoticeCounter, Problem, SkippedLine

# Of a report, which is kept for ever; each kind of error is counted to the end.
SHOWN_SKIPPED = 500


class SkippedRows:
    def __init__(self) -> None:
        self.count = 0
        self.lines: list[SkippedLine] = []
        self.problems: list[Problem] = []
        self._kinds = NoticeCounter()

    def add(self, problems: list[Problem]) -> None:
        """Counts a row, and lists it with everything that is wrong with it."""
        self.count += 1
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
