"""Which comparison does this labeler get next, and for how long.

A comparison with slots left is in one of two lines: *waiting* (it was handed out before and a
slot is free again, or more judgments are wanted), first come first served, so that what was
begun gets finished; and *fresh*, by priority, or at random in a set share of hand-outs.
A claim is one UPDATE whose row is chosen by an index in either line, so its cost depends
neither on the queue's size nor on how much this labeler has done. On PostgreSQL concurrent
claims step over each other's rows (SKIP LOCKED); on SQLite an IMMEDIATE transaction lets one
claim at a time pass.
Leases are kept in labeling/leases.py.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from labeling.leases import expire_leases
from labeling.models import (
    Assignment,
    Comparison,
    ComparisonResponse,
    Membership,
    Project,
    Response,
    User,
)
from labeling.models.work import assignment_uuid

State = Assignment.State

# A claim that is being committed right now may become visible with a slightly earlier time.
CURSOR_SLACK = timedelta(seconds=30)
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)

NOT_MINE = """
    NOT EXISTS (
        SELECT 1 FROM labeling_assignment a
        WHERE a.comparison_id = c.id AND a.labeler_id = %(labeler)s
          AND a.state NOT IN ('expired', 'released'))
"""
WAITING = f"""
    (SELECT c.id FROM labeling_comparison c
     WHERE c.project_id = %(project)s AND c.slots_left > 0 AND c.waiting_since IS NOT NULL
       AND c.waiting_since >= %(cursor)s AND {NOT_MINE}
     ORDER BY c.waiting_since, c.id LIMIT 1 {{lock}})
"""
FRESH = f"""
    (SELECT c.id FROM labeling_comparison c
     WHERE c.project_id = %(project)s AND c.slots_left > 0 AND c.waiting_since IS NULL
       AND {NOT_MINE}
     ORDER BY c.priority DESC, c.id LIMIT 1 {{lock}})
"""
FRESH_RANDOM = FRESH.replace("ORDER BY c.priority DESC, c.id", "ORDER BY c.random_key")
FRESH_FROM_RANDOM_KEY = FRESH_RANDOM.replace(
    "ORDER BY", "AND c.random_key >= %(random_key)s ORDER BY"
)
CLAIM = """
    UPDATE labeling_comparison
    SET slots_left = slots_left - 1,
        waiting_since = CASE WHEN waiting_since IS NULL AND slots_left > 1
                             THEN %(now)s ELSE waiting_since END,
        arm = CASE WHEN arm = '' THEN %(arm)s ELSE arm END
    WHERE id = COALESCE({lines}) AND slots_left > 0
    RETURNING id, waiting_since
"""


@dataclass(frozen=True)
class Nothing:
    """Why there is no comparison for a labeler at present."""

    reason: str
    text: str


def current_or_next(user: User, project: Project) -> Assignment | None:
    """The comparison this labeler holds already, so that a reload loses nothing; else the next."""
    held = (
        Assignment.objects.filter(
            labeler=user,
            project=project,
            state=State.LEASED,
            expires_at__gt=timezone.now(),
        )
        .order_by("-leased_at")
        .first()
    )
    if held is not None:
        return held
    if project.is_paused or not may_label(user, project):
        return None
    last = Assignment.objects.filter(labeler=user, project=project).order_by("-leased_at").first()
    return claim_next(user.pk, project, cursor=last.queue_cursor if last else None)


def may_label(user: User, project: Project) -> bool:
    if user.is_superuser:
        return True
    return Membership.objects.filter(project=project, user=user, is_paused=False).exists()


def claim_next(
    labeler_id: int, project: Project, *, cursor: datetime | None = None
) -> Assignment | None:
    """Leases the next comparison to the labeler; None when there is none for them.

    `cursor` says how far this labeler has read the waiting line (an assignment's
    `queue_cursor`); without it, and before saying "none", the whole line is read.
    """
    with transaction.atomic():
        return claim_in_transaction(labeler_id, project, cursor)


def claim_in_transaction(
    labeler_id: int, project: Project, cursor: datetime | None
) -> Assignment | None:
    """`claim_next` for callers inside a transaction of their own, without a savepoint."""
    now = timezone.now()
    claimed = _claim(labeler_id, project, cursor or BEGINNING, now)
    if claimed is None and cursor is not None:
        claimed = _claim(labeler_id, project, BEGINNING, now)
    if claimed is None and expire_leases(now, project):
        claimed = _claim(labeler_id, project, BEGINNING, now)
    if claimed is None:
        return None
    return _lease(labeler_id, project, *claimed, now)


def _claim(
    labeler_id: int, project: Project, cursor: datetime, now: datetime
) -> tuple[int, datetime] | None:
    """Takes a slot of the next comparison; gives its id and the labeler's new cursor."""
    at_random = random.random() < project.random_share
    fresh = [FRESH_FROM_RANDOM_KEY, FRESH_RANDOM] if at_random else [FRESH]
    lock = "FOR UPDATE SKIP LOCKED" if connection.features.has_select_for_update_skip_locked else ""
    sql = CLAIM.format(lines=", ".join([WAITING, *fresh, "NULL"])).replace("{lock}", lock)
    adapt = connection.ops.adapt_datetimefield_value
    parameters = {
        "project": project.pk,
        "labeler": labeler_id,
        "cursor": adapt(cursor),
        "now": adapt(now),
        "random_key": random.random(),
        "arm": Comparison.Arm.RANDOM if at_random else Comparison.Arm.ACTIVE,
    }
    with connection.cursor() as database:
        database.execute(sql, parameters)
        row = database.fetchone()
    if row is None:
        return None
    comparison_id, waiting_since = row[0], _from_database(row[1])
    was_waiting = waiting_since is not None and waiting_since != now
    return comparison_id, waiting_since if was_waiting else now - CURSOR_SLACK


def _from_database(value: datetime | str | None) -> datetime | None:
    """A time that raw SQL returned: SQLite gives text, without its zone."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


def _lease(
    labeler_id: int,
    project: Project,
    comparison_id: int,
    cursor: datetime,
    now: datetime,
) -> Assignment:
    """Writes the assignment. One that had expired or was released is taken up again."""
    responses = responses_of(comparison_id)
    uuid = assignment_uuid(comparison_id, labeler_id)
    # Sides follow from the assignment's id: a lease taken anew must not swap them under a page
    # that is still open from the first time and says "left".
    random.Random(uuid.int).shuffle(responses)
    assignment = Assignment(
        uuid=uuid,
        project=project,
        comparison_id=comparison_id,
        labeler_id=labeler_id,
        state=State.LEASED,
        order=[response.pk for response in responses],
        leased_at=now,
        expires_at=now + timedelta(seconds=project.lease_seconds),
        queue_cursor=cursor,
    )
    assignment.shown = responses
    Assignment.objects.bulk_create(
        [assignment],
        update_conflicts=True,
        unique_fields=["comparison", "labeler"],
        update_fields=[
            "state",
            "order",
            "leased_at",
            "expires_at",
            "queue_cursor",
            "finished_at",
        ],
    )
    return assignment


def responses_of(comparison_id: int) -> list[Response]:
    """The comparison's responses with their prompt, in one query."""
    return [
        place.response
        for place in ComparisonResponse.objects.filter(comparison_id=comparison_id).select_related(
            "response__prompt"
        )
    ]


def shown_responses(assignment: Assignment) -> list[Response]:
    """The responses from left to right, as this labeler sees them, each with its prompt."""
    if assignment.shown is None:
        by_id = {response.pk: response for response in responses_of(assignment.comparison_id)}
        assignment.shown = [by_id[response_id] for response_id in assignment.order]
    return assignment.shown


def set_priorities(priorities: dict[int, float]) -> None:
    """Reorders the fresh line: comparison id -> priority, higher first."""
    Comparison.objects.bulk_update(
        [Comparison(pk=pk, priority=value) for pk, value in sorted(priorities.items())],
        ["priority"],
        batch_size=300,
    )


def why_nothing(user: User, project: Project) -> Nothing:
    """Says to a labeler who has nothing to compare why, and what will change that."""
    if project.is_paused:
        return Nothing("paused", "The project is paused. Your work is saved.")
    if not may_label(user, project):
        return Nothing("member_paused", "A curator has paused your work in this project.")
    comparisons = Comparison.objects.filter(project=project)
    if not comparisons.exists():
        return Nothing("empty", "There is nothing to compare yet.")
    if comparisons.filter(slots_left__gt=0).exists():
        return Nothing(
            "waiting_for_others",
            "You have seen everything here; the rest waits for other people.",
        )
    if Assignment.objects.filter(project=project, state=State.LEASED).exists():
        return Nothing("waiting_for_others", "The last comparisons are with other people now.")
    return Nothing("all_done", "Everything is judged.")
