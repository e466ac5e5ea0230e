"""Which comparison does this labeler get next, and for how long.

A comparison with slots left is in one of two lines: *waiting* (it was handed out before and a
slot is free again, or more judgments are wanted), first come first served, so that what was
begun gets finished; and *fresh*, by priority, or at random in a set share of hand-outs.
A claim is one UPDATE whose row is chosen by an index in either line, so its cost depends
neither on the queue's size nor on how much this labeler has done. On PostgreSQL concurrent
claims step over each other's rows (SKIP LOCKED); on SQLite an IMMEDIATE transaction lets one
claim at a time pass.
Now and then a check comes instead, without a sign of it: *gold*, whose answer is known, or a
*mirrored repeat* of one's own answer. The SQL is in labeling/lines.py, leases are kept in
labeling/leases.py.
"""

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from labeling import lines
from labeling.leases import expire_leases, give_slot_back, leases_of, write_lease
from labeling.models import (
    Assignment,
    Comparison,
    ComparisonResponse,
    Membership,
    Project,
    Response,
    Role,
    User,
)
from labeling.models.people import PausedBy, Qualification
from labeling.models.work import Purpose, assignment_uuid
from labeling.prepared import Prepared

State = Assignment.State

ATTEMPTS = 3
# How often a labeler who has a mirrored repeat due gets it instead of work.
REPEAT_CHANCE = 0.25

# A claim that is being committed right now may become visible with a slightly earlier time.
CURSOR_SLACK = timedelta(seconds=30)
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Nothing:
    """Why there is no comparison for a labeler at present."""

    reason: str
    text: str


def current_or_next(
    user: User, project: Project, on_screen: UUID | None = None
) -> Assignment | None:
    """The comparison this labeler holds already, so that a reload loses nothing; else the next.

    With `on_screen`, the one to read after that: a labeler holds two at most.
    """
    held = leases_of(user.pk, project.pk, on_screen).first()
    if held is not None:
        return held
    membership = None if project.is_paused else active_membership(user, project)
    if project.is_paused or not (membership or user.is_superuser):
        return None
    last = Assignment.objects.filter(labeler=user, project=project).order_by("-leased_at").first()
    with transaction.atomic():
        cursor = last.queue_cursor if last else None
        only_gold = must_qualify(project, membership)
        return claim_in_transaction(user.pk, project, cursor, only_gold=only_gold)


def active_membership(user: User, project: Project) -> Membership | None:
    return Membership.objects.filter(project=project, user=user, is_paused=False).first()


def must_qualify(project: Project, membership: Membership | None) -> bool:
    """Whether this member gets nothing but gold until the qualification round is passed."""
    return (
        project.qualification_items > 0
        and membership is not None
        and membership.role == Role.LABELER
        and membership.qualification == Qualification.OPEN
    )


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
    labeler_id: int, project: Project, cursor: datetime | None, *, only_gold: bool = False
) -> Assignment | None:
    """`claim_next` for callers inside a transaction of their own, without a savepoint.
    `only_gold`: for a labeler who has yet to pass the qualification round."""
    now = timezone.now()
    for _ in range(ATTEMPTS):
        claimed = _claim(labeler_id, project, cursor or BEGINNING, now, only_gold)
        if claimed is None and cursor is not None:
            claimed = _claim(labeler_id, project, BEGINNING, now, only_gold)
        if claimed is None and expire_leases(now, project):
            claimed = _claim(labeler_id, project, BEGINNING, now, only_gold)
        if claimed is None:
            return None
        assignment = _lease(labeler_id, project, claimed, now)
        if assignment is not None:
            return assignment
        # Another tab of the same labeler took the same comparison at the same moment.
        if claimed.purpose == Purpose.WORK:
            give_slot_back(claimed.comparison_id)
    return None


@dataclass(frozen=True)
class Claimed:
    """A comparison taken for a labeler. `order` is set for a mirrored repeat."""

    comparison_id: int
    cursor: datetime
    purpose: Purpose
    order: tuple[int, ...] = ()


def _claim(
    labeler_id: int, project: Project, cursor: datetime, now: datetime, only_gold: bool
) -> Claimed | None:
    """Takes a slot of the next comparison, or something to check the labeler with."""
    at_random = random.random() < project.random_share
    adapt = connection.ops.adapt_datetimefield_value
    parameters = {
        "project": project.pk,
        "labeler": labeler_id,
        "cursor": adapt(cursor),
        "now": adapt(now),
        "random_key": random.random(),
        "arm": Comparison.Arm.RANDOM if at_random else Comparison.Arm.ACTIVE,
    }
    taken = lines.take(_lines_to_read(project, at_random, only_gold), parameters)
    if taken is None:
        return None
    if taken.first_order is not None:
        mirrored = tuple(reversed(json.loads(taken.first_order)))
        return Claimed(taken.comparison_id, cursor, Purpose.REPEAT, mirrored)
    if taken.state != Comparison.State.OPEN:
        return Claimed(taken.comparison_id, cursor, Purpose.GOLD)
    waiting_since = _from_database(taken.waiting_since)
    was_waiting = waiting_since is not None and waiting_since != now
    reached = waiting_since if was_waiting else now - CURSOR_SLACK
    assert reached is not None
    return Claimed(taken.comparison_id, reached, Purpose.WORK)


def _lines_to_read(project: Project, at_random: bool, only_gold: bool) -> list[str]:
    """Work, and before it, now and then, a check. With nothing to check with, work."""
    if only_gold:
        return [*lines.GOLD_LINES]
    fresh = [lines.FRESH_FROM_RANDOM_KEY, lines.FRESH_RANDOM] if at_random else [lines.FRESH]
    work = [lines.WAITING, *fresh]
    if random.random() < project.gold_share:
        return [*lines.GOLD_LINES, *work]
    if project.repeat_share and random.random() < REPEAT_CHANCE:
        return [lines.REPEAT, *work]
    return work


def _from_database(value: datetime | str | None) -> datetime | None:
    """A time that raw SQL returned: SQLite gives text, without its zone."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


def _lease(labeler_id: int, project: Project, claimed: Claimed, now: datetime) -> Assignment | None:
    """Writes the assignment. One that had expired or was released is taken up again; None when
    the labeler has this comparison already."""
    showing = 2 if claimed.purpose == Purpose.REPEAT else 1
    uuid = assignment_uuid(claimed.comparison_id, labeler_id, showing)
    assignment = Assignment(
        uuid=uuid,
        project=project,
        comparison_id=claimed.comparison_id,
        labeler_id=labeler_id,
        state=State.LEASED,
        purpose=claimed.purpose,
        showing=showing,
        leased_at=now,
        expires_at=now + timedelta(seconds=project.lease_seconds),
        queue_cursor=claimed.cursor,
    )
    responses = responses_of(claimed.comparison_id)
    if claimed.order:
        responses.sort(key=lambda response: claimed.order.index(response.pk))
    else:
        # Sides follow from the assignment's id: a lease taken anew must not swap them under a
        # page that is still open from the first time and says "left".
        random.Random(uuid.int).shuffle(responses)
    assignment.order = [response.pk for response in responses]
    assignment.shown = responses
    return assignment if write_lease(assignment) else None


def responses_of(comparison_id: int) -> list[Response]:
    """The comparison's responses with their prompt, in one query."""
    return [place.response for place in PLACES.rows(comparison=comparison_id)]


def _places(comparison: int) -> QuerySet[ComparisonResponse]:
    found = ComparisonResponse.objects.filter(comparison_id=comparison)
    return found.select_related("response__prompt")


PLACES = Prepared(
    _places, {"comparison": (ComparisonResponse._meta.get_field("comparison"), 2**62 + 1)}
)


def shown_responses(assignment: Assignment) -> list[Response]:
    """The responses from left to right, as this labeler sees them, each with its prompt."""
    if assignment.shown is None:
        by_id = {response.pk: response for response in responses_of(assignment.comparison_id)}
        assignment.shown = [by_id[response_id] for response_id in assignment.order]
    return assignment.shown


def set_priorities(priorities: dict[int, float]) -> None:
    """Reorders the fresh line: comparison id -> priority, higher first. In the order of ids, so
    that two who do it at once do not wait for each other in a circle."""
    rows = [(value, pk) for pk, value in sorted(priorities.items())]
    with transaction.atomic(), connection.cursor() as database:
        database.executemany("UPDATE labeling_comparison SET priority = %s WHERE id = %s", rows)


def why_paused(membership: Membership | None) -> str:
    """What a paused member reads: which rule or person stopped them, and what happens next."""
    by_rule = membership.paused_by_rule if membership else PausedBy.NOBODY
    said = f" A curator wrote: {membership.note}" if membership and membership.note else ""
    if by_rule == PausedBy.GOLD:
        return (
            "Several of your last answers differ from ones that are known. A curator will look "
            f"at them with you; everything you did is kept.{said}"
        )
    if by_rule == PausedBy.QUALIFICATION:
        return f"The first round was not passed. A curator will decide how to go on.{said}"
    return f"A curator has paused your work in this project.{said}"


def why_nothing(user: User, project: Project) -> Nothing:
    """Says to a labeler who has nothing to compare why, and what will change that."""
    if project.is_paused:
        return Nothing("paused", "The project is paused. Your work is saved.")
    membership = Membership.objects.filter(project=project, user=user).first()
    if not user.is_superuser and (membership is None or membership.is_paused):
        return Nothing("member_paused", why_paused(membership))
    if must_qualify(project, membership):
        return Nothing("qualification", "You have judged all there is of the first round.")
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
