"""Leases: whose a comparison is, until when, and how its slot goes back to the queue.

An assignment's state changes only while its comparison's row is locked, and by compare-and-set.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from labeling.models import Assignment, Comparison, Judgment, Membership, Project

State = Assignment.State

EXPIRY_BATCH = 500


class Conflict(Exception):
    """Two requests changed one assignment at the same moment; the later one starts again."""


def lock_assignment(uuid: UUID, labeler_id: int) -> Assignment | None:
    """The labeler's assignment with all that judging it needs, in one query, its comparison's
    row locked; None when it is not theirs."""
    membership = Membership.objects.filter(
        project_id=OuterRef("project_id"), user_id=OuterRef("labeler_id")
    )
    last_judgment = Judgment.objects.filter(assignment_id=OuterRef("pk")).order_by("-id")
    return (
        Assignment.objects.select_for_update(of=("comparison",))
        .select_related("comparison__prompt", "project", "labeler")
        .annotate(
            reliability=Coalesce(Subquery(membership.values("reliability")[:1]), 1.0),
            labeler_is_active=Exists(membership.filter(is_paused=False)),
            last_judgment_id=Subquery(last_judgment.values("pk")[:1]),
        )
        .filter(uuid=uuid, labeler_id=labeler_id)
        .first()
    )


def change_assignment(assignment: Assignment, **values: Any) -> None:
    """Compare-and-set: the row may have changed between its reading and its lock."""
    changed = Assignment.objects.filter(pk=assignment.pk, state=assignment.state).update(**values)
    if not changed:
        raise Conflict("this comparison was changed in another window at the same moment")
    for name, value in values.items():
        setattr(assignment, name, value)


def start_lease(assignment: Assignment) -> None:
    """The assignment is the labeler's from now on, for the project's time. Its slot is taken."""
    now = timezone.now()
    expires_at = now + timedelta(seconds=assignment.project.lease_seconds)
    change_assignment(assignment, state=State.LEASED, leased_at=now, expires_at=expires_at)


def renew_lease(uuid: UUID, labeler_id: int) -> bool:
    """Keeps the comparison for a labeler who is still reading. An expired lease is taken up
    again if its slot is free. False: it is no longer theirs (a late answer is still kept)."""
    with transaction.atomic():
        assignment = lock_assignment(uuid, labeler_id)
        if assignment is None:
            return False
        if assignment.state in (State.EXPIRED, State.RELEASED):
            if not take_slot(assignment.comparison_id):
                return False
        elif assignment.state != State.LEASED:
            return False
        start_lease(assignment)
        return True


def release_lease(uuid: UUID, labeler_id: int) -> bool:
    """Gives the comparison back unanswered; it may come to the same labeler again."""
    with transaction.atomic():
        assignment = lock_assignment(uuid, labeler_id)
        if assignment is None or assignment.state != State.LEASED:
            return False
        change_assignment(assignment, state=State.RELEASED)
        give_slot_back(assignment.comparison_id)
        return True


def expire_leases(now: datetime | None = None, project: Project | None = None) -> int:
    """Gives the slots of expired leases back to the queue; returns how many."""
    now = now or timezone.now()
    overdue = Assignment.objects.filter(state=State.LEASED, expires_at__lt=now)
    if project is not None:
        overdue = overdue.filter(project=project)
    expired = 0
    for assignment_id, comparison_id in overdue.values_list("pk", "comparison_id")[:EXPIRY_BATCH]:
        with transaction.atomic():
            if not _lock_comparison(comparison_id, skip_locked=True):
                continue
            changed = Assignment.objects.filter(
                pk=assignment_id, state=State.LEASED, expires_at__lt=now
            ).update(state=State.EXPIRED)
            if changed:
                give_slot_back(comparison_id)
                expired += changed
    return expired


def give_slot_back(comparison_id: int) -> None:
    """One more judgment to hand out. The caller holds the comparison's lock."""
    Comparison.objects.filter(
        pk=comparison_id, state=Comparison.State.OPEN, slots_left__lt=F("wanted")
    ).update(slots_left=F("slots_left") + 1, waiting_since=timezone.now())


def take_slot(comparison_id: int) -> bool:
    """Takes a free slot outside the queue's order; False when there is none."""
    return bool(
        Comparison.objects.filter(pk=comparison_id, slots_left__gt=0).update(
            slots_left=F("slots_left") - 1
        )
    )


def _lock_comparison(comparison_id: int, *, skip_locked: bool = False) -> bool:
    rows = Comparison.objects.select_for_update(skip_locked=skip_locked).filter(pk=comparison_id)
    return rows.values_list("pk", flat=True).first() is not None
