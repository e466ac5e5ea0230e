"""A labeler's assignment with its comparison locked, and what judging it needs to know.

Lock first, then read: a query that waits for a lock sees, but for the locked rows, the database
as it was before the wait (docs/decisions/017-lock-first-then-read.md). The SQL is written by hand:
it is part of every answer.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from labeling.database.whole_rows import ModelColumns
from labeling.models import Assignment, Comparison, Membership, Project, Prompt, User
from labeling.people.access import may_work

NOTHING = UUID(int=0)

# Only what the labeler holds themselves is locked, in this order (docs/architecture.md).
LOCK = """
    SELECT a.id FROM labeling_assignment a
    JOIN labeling_membership m ON m.project_id = a.project_id AND m.user_id = a.labeler_id
    JOIN labeling_comparison c ON c.id = a.comparison_id
    WHERE a.uuid = %s AND a.labeler_id = %s
    FOR NO KEY UPDATE OF m, c
"""
# Of somebody without a membership: a superuser, or one who was removed meanwhile.
LOCK_COMPARISON = """
    SELECT a.id FROM labeling_assignment a
    JOIN labeling_comparison c ON c.id = a.comparison_id
    WHERE a.uuid = %s AND a.labeler_id = %s
    FOR NO KEY UPDATE OF c
"""

ASSIGNMENT, COMPARISON = ModelColumns(Assignment, "a"), ModelColumns(Comparison, "c")
# No labeler is told what else is known of a prompt, so it is not even read.
PROMPT, PROJECT = ModelColumns(Prompt, "q", without=("metadata",)), ModelColumns(Project, "p")
LABELER, MEMBERSHIP = ModelColumns(User, "u"), ModelColumns(Membership, "m")
PARTS = (ASSIGNMENT, COMPARISON, PROMPT, PROJECT, LABELER, MEMBERSHIP)
READ = f"""
    SELECT {", ".join(part.sql for part in PARTS)},
        g.expected,
        EXISTS (SELECT 1 FROM labeling_assignment o
                WHERE o.comparison_id = c.id AND o.purpose = 'work' AND o.id <> a.id
                  AND o.state = 'judged'),
        (SELECT COUNT(*) FROM labeling_assignment o
         WHERE o.comparison_id = c.id AND o.purpose = 'work' AND o.id <> a.id
           AND o.state = 'leased'),
        (SELECT o.id FROM labeling_assignment o
         WHERE o.labeler_id = a.labeler_id AND o.project_id = a.project_id AND o.id <> a.id
           AND o.state = 'leased' AND o.expires_at > %(now)s AND o.uuid <> %(on_screen)s
         ORDER BY o.leased_at, o.id LIMIT 1),
        (SELECT j.id FROM labeling_judgment j WHERE j.assignment_id = a.id
         ORDER BY j.id DESC LIMIT 1)
    FROM labeling_assignment a
    JOIN labeling_comparison c ON c.id = a.comparison_id
    JOIN labeling_prompt q ON q.id = c.prompt_id
    JOIN labeling_project p ON p.id = a.project_id
    JOIN labeling_user u ON u.id = a.labeler_id
    LEFT JOIN labeling_membership m ON m.project_id = a.project_id AND m.user_id = a.labeler_id
    LEFT JOIN labeling_gold g ON g.comparison_id = c.id
    WHERE a.uuid = %(uuid)s AND a.labeler_id = %(labeler)s
"""


@dataclass
class Locked:
    """An assignment whose comparison is locked, and what judging it needs to know.

    `membership` is None for a superuser, and for one who was removed meanwhile. `expected` is the
    answer of gold. `others_judged` and `held_by_others` are about this comparison as work.
    `other_lease_id` is what the labeler holds beside it, without what is on their screen.
    """

    assignment: Assignment
    membership: Membership | None
    expected: list[list[int]]
    others_judged: bool
    held_by_others: int
    other_lease_id: int | None
    last_judgment_id: int | None

    @property
    def is_member(self) -> bool:
        """A superuser counts as a member everywhere."""
        return self.membership is not None or self.assignment.labeler.is_superuser

    @property
    def is_active(self) -> bool:
        return may_work(self.assignment.labeler, self.membership)

    @property
    def is_excluded(self) -> bool:
        return self.membership is not None and self.membership.excluded_at is not None

    @property
    def reliability(self) -> float:
        return 1.0 if self.membership is None else self.membership.reliability


def lock_assignment(uuid: UUID, labeler_id: int, on_screen: UUID | None = None) -> Locked | None:
    """Locks the labeler's membership and the comparison, then reads their assignment; None when it
    is not theirs. `on_screen` is what they look at meanwhile."""
    # On SQLite the transaction itself is the lock: it began as the only one that may write.
    if connection.features.has_select_for_update and not _lock_rows(uuid, labeler_id):
        return None
    row = _read_row(uuid, labeler_id, on_screen or NOTHING)
    if row is None:
        return None
    locked = _locked_of(row)
    if locked.assignment.uuid != uuid or locked.assignment.labeler_id != labeler_id:
        raise RuntimeError("another labeler's assignment was read")
    return locked


def _lock_rows(uuid: UUID, labeler_id: int) -> bool:
    with connection.cursor() as database:
        for sql in (LOCK, LOCK_COMPARISON):
            database.execute(sql, [uuid, labeler_id])
            if database.fetchone():
                return True
    return False


def _read_row(uuid: UUID, labeler_id: int, on_screen: UUID) -> tuple[Any, ...] | None:
    as_uuid = Assignment._meta.get_field("uuid").get_db_prep_value
    parameters = {
        "uuid": as_uuid(uuid, connection),
        "labeler": labeler_id,
        "on_screen": as_uuid(on_screen, connection),
        "now": connection.ops.adapt_datetimefield_value(timezone.now()),
    }
    with connection.cursor() as database:
        database.execute(READ, parameters)
        row: tuple[Any, ...] | None = database.fetchone()
    return row


def _locked_of(row: tuple[Any, ...]) -> Locked:
    values = iter(row)
    assignment, comparison, prompt, project, labeler, membership = (
        _instance(part, values) for part in PARTS
    )
    assignment.comparison, assignment.project, assignment.labeler = comparison, project, labeler
    comparison.prompt, comparison.project = prompt, project
    expected, others_judged, held_by_others, other_lease_id, last_judgment_id = values
    return Locked(
        assignment=assignment,
        membership=membership,
        expected=json.loads(expected) if expected else [],
        others_judged=bool(others_judged),
        held_by_others=held_by_others,
        other_lease_id=other_lease_id,
        last_judgment_id=last_judgment_id,
    )


def _instance(part: ModelColumns[Any], values: Iterator[Any]) -> Any:
    """The next columns of a row; None where an outer join found nothing."""
    own = [next(values) for _ in range(len(part))]
    return part.instance(own) if own[0] is not None else None
