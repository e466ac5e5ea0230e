"""A labeler's own answers, and their correction inside the project's window.

A correction is an undo and a new answer in one step: the first judgment stays, superseded, and
the preference follows the new one.
"""

from datetime import datetime, timedelta

from django.db.models import Min, OuterRef, QuerySet, Subquery
from django.utils import timezone

from labeling.database.transactions import retried
from labeling.judging import recording
from labeling.judging.recording import AnswerTo, Recorded
from labeling.models import Comparison, Judgment, Project, User
from labeling.preferences.resettling import resettle
from labeling.queue import locking

SHOWN = 100


class CannotCorrect(Exception):
    """The answer stands; the message says why."""


def own_judgments(user: User, project: Project) -> QuerySet[Judgment]:
    """One's last answers and skips that stand, newest first. Each has `given_at`, when its
    comparison was first answered: the window for corrections begins there."""
    return (
        Judgment.objects.filter(labeler=user, project=project, superseded_at__isnull=True)
        .annotate(given_at=_first_given())
        .select_related("project", "comparison__prompt", "assignment")
        .order_by("-created_at", "-id")[:SHOWN]
    )


def own_judgment(user: User, judgment_id: int) -> Judgment | None:
    return (
        Judgment.objects.filter(pk=judgment_id, labeler=user)
        .annotate(given_at=_first_given())
        .select_related("project", "comparison__prompt", "assignment")
        .first()
    )


def why_not(judgment: Judgment, now: datetime | None = None) -> str:
    """Why this answer cannot be corrected; empty when it can."""
    minutes = judgment.project.correction_minutes
    now = now or timezone.now()
    given_at: datetime = judgment.given_at  # type: ignore[attr-defined]
    if judgment.superseded_at is not None:
        return "This answer was changed already. The list shows the one that stands."
    if judgment.excluded_at is not None:
        return "A curator has taken this answer out of training."
    if minutes == 0:
        return "In this project answers cannot be corrected."
    if now > given_at + timedelta(minutes=minutes):
        return f"Answers of this project can be corrected for {minutes} minutes."
    return ""


@retried
def correct(judgment_id: int, user: User, answer: recording.Answer | AnswerTo) -> Recorded:
    """Replaces one's answer. Raises CannotCorrect, or ValueError for an answer that does not fit
    the comparison."""
    judgment = own_judgment(user, judgment_id)
    if judgment is None:
        raise recording.NotYours("This is not an answer of yours.")
    locked = locking.lock_assignment(judgment.assignment.uuid, user.pk)
    assert locked is not None
    assignment = locked.assignment
    judgment.refresh_from_db(fields=["superseded_at", "excluded_at"])
    if problem := why_not(judgment):
        raise CannotCorrect(problem)
    if not locked.is_active:
        raise CannotCorrect("A curator has paused your work in this project.")
    was_finished = assignment.comparison.state == Comparison.State.FINISHED
    try:
        recorded = recording.judge_again(judgment, locked, answer)
    except recording.CannotUndo as problem:
        raise CannotCorrect(str(problem)) from None
    if was_finished:
        # Also with fewer judgments than wanted: what was finished asks nobody again.
        Comparison.objects.filter(pk=assignment.comparison_id, state=Comparison.State.OPEN).update(
            state=Comparison.State.FINISHED, finished_at=timezone.now(), slots_left=0
        )
        resettle(assignment.project, [assignment.comparison_id])
    return recorded


def _first_given() -> Subquery:
    same = Judgment.objects.filter(assignment_id=OuterRef("assignment_id")).order_by()
    return Subquery(same.values("assignment_id").annotate(first=Min("created_at")).values("first"))
