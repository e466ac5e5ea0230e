"""Which comparison does this labeler get next, and for how long.

A comparison with slots left is in one of two lines: *waiting* (it was handed out before and a
slot is free again, or more judgments are wanted), first come first served, so that what was
begun gets finished; and *fresh*, by priority, or at random in a set share of hand-outs.
A claim is one UPDATE whose row is chosen by an index in either line, so its cost depends
neither on the queue's size nor on how much this labeler has done. On PostgreSQL concurrent
claims step over each other's rows (SKIP LOCKED); on SQLite an IMMEDIATE transaction lets one
claim at a time pass.
Now and then a check comes instead, without a sign of it: *gold*, whose answer is known, or a
*mirrored repeat* of one's own answer. The SQL is in labeling/queue/claim_sql.py, leases are kept in
labeling/queue/leases.py.
"""

import json
import random
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from labeling.database.transactions import retried
from labeling.models import (
    Assignment,
    Comparison,
    ComparisonResponse,
    Membership,
    Project,
    Prompt,
    Response,
    Role,
    User,
)
from labeling.models.people import Qualification
from labeling.models.work import Purpose
from labeling.people.access import may_work
from labeling.preferences.slots import refill
from labeling.queue import claim_sql
from labeling.queue.leases import expire_leases, leases_of, write_lease

State = Assignment.State

ATTEMPTS = 3
# How often a labeler who has a mirrored repeat due gets it instead of work.
REPEAT_CHANCE = 0.25

# A claim that is being committed right now may become visible with a slightly earlier time.
CURSOR_SLACK = timedelta(seconds=30)
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


def current_or_next(
    user: User, project: Project, on_screen: UUID | None = None
) -> Assignment | None:
    """The comparison that this labeler holds already, so that a reload loses nothing; else the next
    one.

    With `on_screen`, the one to read after that: a labeler holds two at most.
    """
    held = leases_of(user.pk, project.pk, on_screen).first()
    if held is not None:
        return held
    if project.is_paused:
        return None
    membership = Membership.objects.filter(project=project, user=user).first()
    if not may_work(user, membership):
        return None
    last = Assignment.objects.filter(labeler=user, project=project).order_by("-leased_at").first()
    cursor = last.queue_cursor if last else None
    only_gold = must_qualify(project, membership)
    return retried(claim_next)(user.pk, project, cursor, only_gold=only_gold)


def must_qualify(project: Project, membership: Membership | None) -> bool:
    """Whether this member gets nothing but gold until the qualification round is passed."""
    return (
        project.qualification_items > 0
        and membership is not None
        and membership.role == Role.LABELER
        and membership.qualification == Qualification.OPEN
    )


def claim_next(
    labeler_id: int, project: Project, cursor: datetime | None, *, only_gold: bool = False
) -> Assignment | None:
    """Leases the next comparison to the labeler; None when there is none for them. Call it in a
    transaction.

    `cursor` says how far this labeler has read the waiting line (an assignment's `queue_cursor`).
    Without it, and before saying "none", the whole line is read. `only_gold` is for a labeler who
    has yet to pass the qualification round.
    """
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
            refill(Comparison.objects.select_related("prompt").get(pk=claimed.comparison_id))
    return None


@dataclass(frozen=True)
class Claimed:
    """A comparison taken for a labeler. `order` is set for a mirrored repeat."""

    comparison_id: int
    cursor: datetime
    purpose: Purpose
    responses: list[Response]
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
    taken = claim_sql.take(_lines_to_read(project, at_random, only_gold), parameters)
    if taken is None:
        return None
    responses = _read_responses(taken.responses)
    if taken.first_order is not None:
        mirrored = tuple(reversed(json.loads(taken.first_order)))
        return Claimed(taken.comparison_id, cursor, Purpose.REPEAT, responses, mirrored)
    if taken.state != Comparison.State.OPEN:
        return Claimed(taken.comparison_id, cursor, Purpose.GOLD, responses)
    if taken.comes_again:
        return Claimed(taken.comparison_id, cursor, Purpose.WORK, responses)
    # The claim itself stamps a fresh comparison with `now`: any other stamp is of the waiting line.
    waiting_since = _from_database(taken.waiting_since)
    was_waiting = waiting_since is not None and waiting_since != now
    reached = waiting_since if was_waiting else now - CURSOR_SLACK
    assert reached is not None
    return Claimed(taken.comparison_id, reached, Purpose.WORK, responses)


RESPONSE_COLUMNS = ("id", "prompt_id", "text", "extra", "digest")


def _read_responses(rows: Sequence[Mapping[str, Any]]) -> list[Response]:
    """Makes responses of what a claim read. Their other columns are read when somebody asks."""
    prompts: dict[int, Prompt] = {}
    responses = []
    for row in rows:
        response = Response.from_db(
            connection.alias,
            ["id", "prompt_id", "text", "extra", "digest", "finished"],
            [*(row[name] for name in RESPONSE_COLUMNS), bool(row["finished"])],
        )
        if response.prompt_id not in prompts:
            prompts[response.prompt_id] = Prompt.from_db(
                connection.alias,
                ["id", "messages", "extra"],
                [response.prompt_id, row["messages"], row["prompt_extra"]],
            )
        response.prompt = prompts[response.prompt_id]
        responses.append(response)
    return responses


def _lines_to_read(project: Project, at_random: bool, only_gold: bool) -> list[str]:
    """The lines to look for a comparison in, in order.

    Where the project has checks, what the labeler has begun comes first. A new check comes before
    work only now and then; where there is none left, work does.
    """
    if only_gold:
        return [claim_sql.BEGUN_GOLD, *claim_sql.GOLD_LINES]
    has_checks = project.gold_share or project.repeat_share or project.qualification_items
    begun = [claim_sql.BEGUN] if has_checks else []
    return [*begun, *_lines_to_begin(project, at_random)]


def _lines_to_begin(project: Project, at_random: bool) -> list[str]:
    fresh = (
        [claim_sql.FRESH_FROM_RANDOM_KEY, claim_sql.FRESH_RANDOM]
        if at_random
        else [claim_sql.FRESH]
    )
    work = [claim_sql.WAITING, *fresh]
    if random.random() < project.gold_share:
        return [*claim_sql.GOLD_LINES, *work]
    if project.repeat_share and random.random() < REPEAT_CHANCE:
        return [claim_sql.REPEAT, *work]
    return work


def _from_database(value: datetime | str | None) -> datetime | None:
    """A time that raw SQL returned. SQLite gives text without a zone."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


def _lease(labeler_id: int, project: Project, claimed: Claimed, now: datetime) -> Assignment | None:
    """Writes the assignment, or takes up again one that had expired or was released. None when the
    labeler has this comparison already."""
    order = claimed.order or draw_order([response.pk for response in claimed.responses])
    assignment = Assignment(
        project=project,
        comparison_id=claimed.comparison_id,
        labeler_id=labeler_id,
        state=State.LEASED,
        purpose=claimed.purpose,
        showing=2 if claimed.purpose == Purpose.REPEAT else 1,
        order=list(order),
        leased_at=now,
        expires_at=now + timedelta(seconds=project.lease_seconds),
        queue_cursor=claimed.cursor,
    )
    if not write_lease(assignment):
        return None
    # A lease taken up again has the order of its first time, not that of this claim.
    by_id = {response.pk: response for response in claimed.responses}
    if by_id.keys() == set(assignment.order):
        assignment.shown = [by_id[response_id] for response_id in assignment.order]
    # Else a response was deleted since: whoever shows it finds that out, after the answer that
    # this claim belongs to is saved.
    return assignment


def draw_order(response_ids: Collection[int]) -> list[int]:
    """Draws which response stands where, from the system's secret randomness, for this hand-out
    alone. Neither the page nor another hand-out tells it."""
    return secrets.SystemRandom().sample(list(response_ids), len(response_ids))


def responses_of(comparison_id: int) -> list[Response]:
    """The comparison's responses with their prompt, in one query."""
    places = ComparisonResponse.objects.filter(comparison_id=comparison_id)
    return [place.response for place in places.select_related("response__prompt")]


def shown_responses(assignment: Assignment) -> list[Response]:
    """The responses from left to right, as this labeler sees them, each with its prompt."""
    if assignment.shown is None:
        by_id = {response.pk: response for response in responses_of(assignment.comparison_id)}
        assignment.shown = [by_id[response_id] for response_id in assignment.order]
    return assignment.shown
