"""Tells a labeler about the answer just given, where there is something to tell."""

from labeling.judging.checks import GoldFeedback
from labeling.judging.modes import LETTERS
from labeling.judging.recording import Recorded
from labeling.models import Comparison
from labeling.models.work import Purpose


def remark_on(recorded: Recorded) -> str:
    """Returns a sentence about the answer, or "". Of silent gold and mirrored repeats it says
    nothing: nobody is to know which comparisons are checks."""
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
    """Says after a comparison of the first round what was expected, and how the round stands."""
    best = LETTERS[order.index(outcome.expected[0][0])]
    verdict = f"Right: {best} is better." if outcome.is_right else f"Here {best} was expected."
    if outcome.ended == "passed":
        return f"{verdict} You have passed the first round; the work begins."
    if outcome.ended:
        return f"{verdict} That was the last of the first round."
    return f"{verdict} First round: {outcome.answered} of {outcome.needed}."
