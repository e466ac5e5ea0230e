"""Leases: whose a comparison is, until when, and how its slot goes back to the queue.

An assignment's state changes only while its comparison's row is locked, and by compare-and-set.
What a labeler does themselves first locks their membership: two tabs of one person, or a curator
who takes that person out, come one after the other (labeling/queue/locking.py).
"""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, QuerySet
from django.utils import timezone

from labeling.database.transactions import Conflict, retried
from labeling.models import Assignment, Comparison, Project
from labeling.preferences.slots import refill
from labeling.queue.locking import lock_assignment

State = Assignment.State
Purpose = Assignment.Purpose

EXPIRY_BATCH = 500
# How long a comparison is kept after its page has closed: a reload, or the way back, finds it.
GRACE = timedelta(seconds=30)


def leases_of(
    labeler_id: int, project_id: int, on_screen: UUID | None = None
) -> QuerySet[Assignment]:
    """What the labeler holds in the project, the first handed out first. Leaves out what is on
    their screen already."""
    held = Assignment.objects.filter(
        labeler_id=labeler_id,
        project_id=project_id,
        state=State.LEASED,
        expires_at__gt=timezone.now(),
    ).order_by("leased_at", "pk")
    return held.exclude(uuid=on_screen) if on_screen else held


def change_assignment(assignment: Assignment, **values: Any) -> None:
    """Changes the row by compare-and-set: it may have changed between its reading and its lock.
    Raises Conflict."""
    changed = Assignment.objects.filter(pk=assignment.pk, state=assignment.state).update(**values)
    if not changed:
        raise Conflict("this comparison was changed in another window at the same moment")
    for name, value in values.items():
        setattr(assignment, name, value)


WRITTEN = (
    "uuid", "project", "comparison", "labeler", "state", "purpose", "showing", "order",
    "leased_at", "expires_at", "queue_cursor",
)  # fmt: skip
FIELDS = [field for field in Assignment._meta.concrete_fields if field.name in WRITTEN]
# Django's upsert has no WHERE: it would hand out to the same labeler what they hold already.
# A lease taken anew keeps its id and its sides: a page may still be open from the first time.
LEASE = """
    INSERT INTO labeling_assignment ({columns}) VALUES ({places})
    ON CONFLICT (comparison_id, labeler_id, showing) DO UPDATE
    SET state = excluded.state, purpose = excluded.purpose, leased_at = excluded.leased_at,
        expires_at = excluded.expires_at, queue_cursor = excluded.queue_cursor, finished_at = NULL
    WHERE labeling_assignment.state IN ('expired', 'released')
    RETURNING id, uuid, "order"
""".format(
    columns=", ".join(f'"{field.column}"' for field in FIELDS),
    places=", ".join(["%s"] * len(FIELDS)),
)


def write_lease(assignment: Assignment) -> bool:
    """Stores a new lease, or takes up again one that had ended, with its id and its order; False
    when the labeler holds or has answered this already."""
    values = [
        field.get_db_prep_save(getattr(assignment, field.attname), connection) for field in FIELDS
    ]
    with connection.cursor() as database:
        database.execute(LEASE, values)
        row = database.fetchone()
    if row is None:
        return False
    pk, uuid, order = row
    assignment.pk = pk
    # From raw SQL SQLite gives text for both.
    assignment.uuid = uuid if isinstance(uuid, UUID) else UUID(uuid)
    assignment.order = json.loads(order) if isinstance(order, str) else order
    assignment._state.adding = False
    return True


def start_lease(assignment: Assignment) -> None:
    """Leases the assignment to its labeler from now on, for the project's time. Its slot is taken
    already."""
    change_assignment(
        assignment,
        state=State.LEASED,
        leased_at=timezone.now(),
        expires_at=_end_of_lease(assignment),
        repeat_at=None,
    )


def _end_of_lease(assignment: Assignment) -> datetime:
    return timezone.now() + timedelta(seconds=assignment.project.lease_seconds)


@retried
def renew_lease(uuid: UUID, labeler_id: int) -> bool:
    """Keeps the comparison for a labeler who is still reading; an expired lease is taken up again
    if its slot is free.

    False: it is no longer theirs (a late answer is still kept), or they were paused or removed. A
    page that they leave open then keeps it from nobody.
    """
    locked = lock_assignment(uuid, labeler_id)
    if locked is None or not locked.is_active:
        return False
    assignment = locked.assignment
    if assignment.state in (State.EXPIRED, State.RELEASED):
        if assignment.purpose == Purpose.WORK and not take_slot(assignment.comparison_id):
            return False
        start_lease(assignment)
        return True
    if assignment.state != State.LEASED:
        return False
    # `leased_at` stays: of two leases, the one handed out first is on screen.
    change_assignment(assignment, expires_at=_end_of_lease(assignment))
    return True


@retried
def let_go(uuids: Iterable[UUID], labeler_id: int, grace: timedelta = GRACE) -> int:
    """Ends the leases of a page that has closed, after a moment of grace. Returns how many.

    To shorten a lease is no change of state, so nothing is locked.
    """
    end = timezone.now() + grace
    # Never later than it ends now: a page that closes twice must not keep a comparison longer.
    return Assignment.objects.filter(
        uuid__in=list(uuids), labeler_id=labeler_id, state=State.LEASED, expires_at__gt=end
    ).update(expires_at=end)


@retried
def bring_leases_near(now: datetime | None = None) -> int:
    """Shortens leases that end later than one given now would. Returns how many.

    The clock was set back, or the project's time made shorter: nobody else would get these
    comparisons until then.
    """
    now = now or timezone.now()
    shortened = 0
    for seconds in Project.objects.order_by().values_list("lease_seconds", flat=True).distinct():
        end = now + timedelta(seconds=seconds)
        shortened += Assignment.objects.filter(
            state=State.LEASED, project__lease_seconds=seconds, expires_at__gt=end + GRACE
        ).update(expires_at=end)
    return shortened


@retried
def release_lease(uuid: UUID, labeler_id: int) -> bool:
    """Gives the comparison back unanswered; it may come to the same labeler again."""
    locked = lock_assignment(uuid, labeler_id)
    if locked is None or locked.assignment.state != State.LEASED:
        return False
    assignment = locked.assignment
    change_assignment(assignment, state=State.RELEASED)
    if assignment.purpose == Purpose.WORK:
        refill(assignment.comparison)
    return True


def expire_leases(now: datetime | None = None, project: Project | None = None) -> int:
    """Gives the slots of expired leases back to the queue. Returns how many leases."""
    now = now or timezone.now()
    overdue = Assignment.objects.filter(state=State.LEASED, expires_at__lt=now)
    if project is not None:
        overdue = overdue.filter(project=project)
    rows = list(overdue.values_list("pk", "comparison_id", "purpose")[:EXPIRY_BATCH])
    return sum(_expire(*row, now) for row in rows)


@retried
def _expire(assignment_id: int, comparison_id: int, purpose: str, now: datetime) -> bool:
    # Whoever has the lock is answering or letting go at this moment: the next look decides.
    if not _lock_comparison(comparison_id, skip_locked=True):
        return False
    changed = Assignment.objects.filter(
        pk=assignment_id, state=State.LEASED, expires_at__lt=now, purpose=purpose
    ).update(state=State.EXPIRED)
    if changed and purpose == Purpose.WORK:
        refill(Comparison.objects.select_related("prompt").get(pk=comparison_id))
    return bool(changed)


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
