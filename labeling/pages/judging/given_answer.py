"""Fills the form of a comparison with the answer that its labeler has taken back."""

from dataclasses import dataclass

from labeling.judging.modes import FLAG, RANK
from labeling.models import Assignment, Judgment
from labeling.pages.judging.my_work import choice_of, describe_judgment, places_of, side_of


@dataclass(frozen=True)
class GivenAnswer:
    """An answer as the form shows it again. `choice` is the value of the button. `ticks` are names
    and values of the boxes that were ticked."""

    choice: str
    said: str
    rationale: str
    reasons: tuple[str, ...]
    rewrite: str
    ticks: frozenset[tuple[str, str]]


def taken_back(assignment: Assignment) -> GivenAnswer | None:
    """Returns the last answer to this assignment if it was taken back and not replaced since."""
    last = (
        Judgment.objects.filter(assignment_id=assignment.pk)
        .select_related("rewrite", "project")
        .order_by("-id")
        .first()
    )
    return None if last is None or last.superseded_at is None else given_in(last)


def given_in(judgment: Judgment) -> GivenAnswer:
    ticks = {("reasons", reason) for reason in judgment.reasons}
    ticks |= {(f"place-{letter}", str(place)) for letter, place in places_of(judgment).items()}
    for number, aspect in enumerate(judgment.project.aspects):
        if aspect in judgment.aspects:
            ticks.add((f"aspect-{number}", side_of(judgment, judgment.aspects[aspect])))
    return GivenAnswer(
        _button_of(judgment),
        describe_judgment(judgment),
        judgment.rationale,
        tuple(judgment.reasons),
        judgment.rewrite.text if judgment.rewrite else "",
        frozenset(ticks),
    )


def _button_of(judgment: Judgment) -> str:
    if judgment.kind == Judgment.Kind.FLAG:
        return FLAG + judgment.flag
    is_ranking = len(judgment.order) > 2 and judgment.kind in (
        Judgment.Kind.PREFER,
        Judgment.Kind.TIE,
    )
    return RANK if is_ranking else choice_of(judgment)
