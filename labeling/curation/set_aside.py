"""Takes comparisons that cannot be shown out of everybody's way, for a curator to look at, and
brings them back."""

from django.db import transaction
from django.utils import timezone

from labeling.database.transactions import retried
from labeling.models import Assignment, Comparison, Gold, Project, User
from labeling.people.audit import write_entry
from labeling.people.members import lock_project
from labeling.preferences.resettling import resettle
from labeling.webhooks import events

State = Comparison.State


def set_aside(assignment: Assignment, reason: str) -> None:
    """Stops handing out this assignment's comparison and gives back its labeler's lease.

    Work is withdrawn from the queue. A check stays what it is and is not handed out. Whoever has it
    on screen from before keeps their answer. Doing it twice changes nothing.
    """
    with transaction.atomic():
        comparison = _lock(assignment.comparison_id)
        if comparison is None:
            return  # deleted meanwhile, with its assignments
        Assignment.objects.filter(pk=assignment.pk, state=Assignment.State.LEASED).update(
            state=Assignment.State.RELEASED
        )
        _set_aside(comparison, None, reason)


@retried
def set_aside_comparison(project: Project, actor: User, comparison_id: int, reason: str) -> bool:
    """Stops handing out a comparison because a curator says so. False: it is withdrawn or set aside
    already. Whoever has it on screen keeps their answer; it is not counted."""
    comparison = _lock(comparison_id)
    if comparison is None or comparison.project_id != project.pk:
        return False
    return _set_aside(comparison, actor, reason)


def _set_aside(comparison: Comparison, actor: User | None, reason: str) -> bool:
    if comparison.state == State.WITHDRAWN or comparison.set_aside_at:
        return False
    reason = _storable(reason)
    is_open = comparison.state == State.OPEN
    withdrawn = {"state": State.WITHDRAWN, "slots_left": 0, "waiting_since": None}
    Comparison.objects.filter(pk=comparison.pk).update(
        set_aside_at=timezone.now(), set_aside_reason=reason, **withdrawn if is_open else {}
    )
    project = comparison.project
    write_entry(project, actor, "set aside", comparison, reason)
    if actor is not None:
        events.comparison_reviewed(project, actor, "set_aside", comparison.pk, reason)
    return True


def hand_out_again(project: Project, actor: User, comparison_id: int) -> bool:
    """Lets the comparison be handed out again, if it ever was. False: it is not set aside.

    An answer from a page that was open meanwhile stays on record, uncounted.
    """
    with transaction.atomic():
        if not set_aside_in(project).filter(pk=comparison_id).exists():
            return False
        comparison = _lock(comparison_id)
        if comparison is None or comparison.set_aside_at is None:
            return False
        was_open = comparison.state == State.WITHDRAWN
        Comparison.objects.filter(pk=comparison_id).update(
            set_aside_at=None, set_aside_reason="", **{"state": State.OPEN} if was_open else {}
        )
        reason = comparison.set_aside_reason
        write_entry(project, actor, "restore", comparison, reason)
        events.comparison_reviewed(project, actor, "hand_out_again", comparison_id, reason)
        if was_open:
            resettle(project, [comparison_id])
    return True


@retried
def restore_withdrawn(project: Project, actor: User, comparison_id: int, reason: str = "") -> bool:
    """Asks people again about a comparison that a curator has withdrawn. False: it is not
    withdrawn, is set aside, or has become gold meanwhile."""
    lock_project(project.pk)  # gold of a file is made of what is withdrawn, under the same lock
    comparison = _lock(comparison_id)
    if comparison is None or comparison.project_id != project.pk:
        return False
    is_free = comparison.state == State.WITHDRAWN and comparison.set_aside_at is None
    if not is_free or Gold.objects.filter(comparison=comparison).exists():
        return False
    Comparison.objects.filter(pk=comparison_id).update(state=State.OPEN)
    write_entry(project, actor, "restore", comparison, reason)
    events.comparison_reviewed(project, actor, "hand_out_again", comparison_id, reason)
    resettle(project, [comparison_id])
    return True
