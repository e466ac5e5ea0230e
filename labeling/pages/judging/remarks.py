"""What a labeler is told about the answer just given, if anything: quietly, never in the way."""

from labeling.judging.checks import GoldFeedback
from labeling.judging.recording import Recorded
from labeling.models import Comparison
from labeling.models.work import Purpose

LETTERS = "ABCDEFGHI"


def remark_on(recorded: Recorded) -> str:
    """Silent gold and mirrored repeats are answered like any comparison: no remark tells."""
    judgment, assignment = recorded.judgment, recorded.assignment
    if recorded.outcome is not None:
        return _feedback(recorded.outcome, assignment.order)
    if judgment.is_surplus and judgment.purpose == Purpose.WORK:
        if assignment.comparison.state == Comparison.State.WITHDRAWN:
            return "Your answer is kept but not counted: the comparison was withdrawn meanwhile."
        return "Your answer is kept but not counted: it came late, and others have judged this."
    if judgment.too_fast and recorded.is_new:
        least = assignment.project.min_seconds
        return f"Saved. That was quick: please take at least {least} s to read. Undo takes it back."
    return ""


def _feedback(outcome: GoldFeedback, order: list[int]) -> str:
    """After a comparison of the first round: what was expected, and how the round stands."""
    best = LETTERS[order.index(outcome.expected[0][0])]
    said = f"Right: {best} is better." if outcome.is_right else f"Here {best} was expected."
    if outcome.ended == "passed":
        return f"{said} You have passed the first round; the work begins."
    if outcome.ended:
        return f"{said} That was the last of the first round."
    return f"{said} First round: {outcome.answered} of {outcome.needed}."
