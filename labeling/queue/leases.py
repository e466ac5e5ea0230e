"""Leases: whose a comparison is, until when, and how its slot goes back to the queue.

An assignment's state changes only while its comparison's row is locked, and by compare-and-set.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import (
    BooleanField,
    Case,
    F,
    FilteredRelation,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    When,
)
from django.db.models.functions import Coalesce
from django.utils import timezone

from labeling.models import Assignment, Comparison, Judgment, Project
from labeling.prepared import Prepared

State = Assignment.State
Purpose = Assignment.Purpose

EXPIRY_BATCH = 500
# How long a comparison is kept after its page has closed: a reload, or the way back, finds it.
GRACE = timedelta(seconds=30)


class Conflict(Exception):
    """Two requests changed one assignment at the same moment; the later one starts again."""


def leases_of(
    labeler_id: Any,
    project_id: Any,
    on_screen: UUID | None = None,
    now: datetime | None = None,
) -> QuerySet[Assignment]:
    """What the labeler holds in the project, first handed out first; of that, what is not on
    their screen already."""
    held = Assignment.objects.filter(
        labeler_id=labeler_id,
        project_id=project_id,
        state=State.LEASED,
        expires_at__gt=now or timezone.now(),
    ).order_by("leased_at", "pk")
    return held.exclude(uuid=on_screen) if on_screen else held


def lock_assignment(
    uuid: UUID, labeler_id: int, on_screen: UUID | None = None
) -> Assignment | None:
    """The labeler's assignment with all that judging it needs, in one query, its comparison's
    row locked; None when it is not theirs. `on_screen` is what they look at meanwhile."""
    values = {"uuid": uuid, "labeler": labeler_id, "on_screen": on_screen or NOTHING}
    found = LOCKED.rows(**values, now=timezone.now())
    return found[0] if found else None


def _locked(uuid: UUID, labeler: int, on_screen: UUID, now: datetime) -> QuerySet[Assignment]:
    last_judgment = Judgment.objects.filter(assignment_id=OuterRef("pk")).order_by("-id")
    others = leases_of(OuterRef("labeler_id"), OuterRef("project_id"), on_screen, now)
    is_member = Q(member__isnull=False)
    return (
        Assignment.objects.select_for_update(of=("comparison",))
        .select_related("comparison__prompt", "project", "labeler")
        .annotate(  # type: ignore[no-redef]  # the model declares them, for those who read them
            member=FilteredRelation(
                "project__memberships",
                condition=Q(project__memberships__user=F("labeler")),
            ),
            reliability=Coalesce(F("member__reliability"), 1.0),
            labeler_is_active=_truth(is_member & Q(member__is_paused=False)),
            labeler_is_member=_truth(is_member),
            labeler_is_excluded=_truth(is_member & Q(member__excluded_at__isnull=False)),
            labeler_role=F("member__role"),
            qualification=F("member__qualification"),
            expected=F("comparison__gold__expected"),
            other_lease_id=Subquery(others.exclude(pk=OuterRef("pk")).values("pk")[:1]),
            last_judgment_id=Subquery(last_judgment.values("pk")[:1]),
        )
        .filter(uuid=uuid, labeler_id=labeler)
    )


def _truth(condition: Q) -> Case:
    return Case(When(condition, then=True), default=False, output_field=BooleanField())


NOTHING = UUID(int=0)
# Compiled once: building it would take most of the busiest request's time.
LOCKED = Prepared(
    _locked,
    {
        "uuid": (Assignment._meta.get_field("uuid"), UUID(int=1)),
        "labeler": (Assignment._meta.get_field("labeler"), 2**62 + 1),
        "on_screen": (Assignment._meta.get_field("uuid"), UUID(int=2)),
        "now": (Assignment._meta.get_field("expires_at"), datetime(1970, 1, 2, tzinfo=UTC)),
    },
)


def change_assignment(assignment: Assignment, **values: Any) -> None:
    """Compare-and-set: the row may have changed between its reading and its lock."""
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
LEASE = """
    INSERT INTO labeling_assignment ({columns}) VALUES ({places})
    ON CONFLICT (comparison_id, labeler_id, showing) DO UPDATE
    SET state = excluded.state, purpose = excluded.purpose, "order" = excluded."order",
        leased_at = excluded.leased_at, expires_at = excluded.expires_at,
        queue_cursor = excluded.queue_cursor, finished_at = NULL
    WHERE labeling_assignment.state IN ('expired', 'released')
    RETURNING id
""".format(
    columns=", ".join(f'"{field.column}"' for field in FIELDS),
    places=", ".join(["%s"] * len(FIELDS)),
)


def write_lease(assignment: Assignment) -> bool:
    """Stores a new lease, or takes up again one that had ended; False when it had not."""
    values = [
        field.get_db_prep_save(getattr(assignment, field.attname), connection) for field in FIELDS
    ]
    with connection.cursor() as database:
        database.execute(LEASE, values)
        row = database.fetchone()
    if row is not None:
        assignment.pk = row[0]
        assignment._state.adding = False
    return row is not None


def start_lease(assignment: Assignment) -> None:
    """The assignment is the labeler's from now on, for the project's time. Its slot is taken."""
    change_assignment(
        assignment,
        state=State.LEASED,
        leased_at=timezone.now(),
        expires_at=_end_of_lease(assignment),
        repeat_at=None,
    )


def _end_of_lease(assignment: Assignment) -> datetime:
    return timezone.now() + timedelta(seconds=assignment.project.lease_seconds)


def renew_lease(uuid: UUID, labeler_id: int) -> bool:
    """Keeps the comparison for a labeler who is still reading. An expired lease is taken up
    again if its slot is free. False: it is no longer theirs (a late answer is still kept)."""
    with transaction.atomic():
        assignment = lock_assignment(uuid, labeler_id)
        if assignment is None:
            return False
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


def let_go(uuids: Iterable[UUID], labeler_id: int) -> int:
    """The labeler's page has closed: what it held goes back to the queue after a moment of
    grace. Shortening a lease is no change of state, so nothing is locked."""
    end = timezone.now() + GRACE
    return Assignment.objects.filter(
        uuid__in=list(uuids), labeler_id=labeler_id, state=State.LEASED, expires_at__gt=end
    ).update(expires_at=end)


def release_lease(uuid: UUID, labeler_id: int) -> bool:
    """Gives the comparison back unanswered; it may come to the same labeler again."""
    with transaction.atomic():
        assignment = lock_assignment(uuid, labeler_id)
        if assignment is None or assignment.state != State.LEASED:
            return False
        change_assignment(assignment, state=State.RELEASED)
        if assignment.purpose == Purpose.WORK:
            give_slot_back(assignment.comparison_id)
        return True


def expire_leases(now: datetime | None = None, project: Project | None = None) -> int:
    """Gives the slots of expired leases back to the queue; returns how many."""
    now = now or timezone.now()
    overdue = Assignment.objects.filter(state=State.LEASED, expires_at__lt=now)
    if project is not None:
        overdue = overdue.filter(project=project)
    expired = 0
    found = overdue.values_list("pk", "comparison_id", "purpose")
    for assignment_id, comparison_id, purpose in found[:EXPIRY_BATCH]:
        with transaction.atomic():
            if not _lock_comparison(comparison_id, skip_locked=True):
                continue
            changed = Assignment.objects.filter(
                pk=assignment_id, state=State.LEASED, expires_at__lt=now, purpose=purpose
            ).update(state=State.EXPIRED)
            if changed and purpose == Purpose.WORK:
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
