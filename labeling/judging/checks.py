"""Checks of labelers: gold answers, mirrored repeats, reading time; and what follows from them.

A check is answered like any comparison, and its judgment is stored like any other, with its
purpose; it is never counted, settled or exported. Who falls below a mark is paused by rule, and a
curator reviews it (labeling/quality/reviews.py).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from labeling.models import Assignment, Judgment, Membership, Project, Role, User
from labeling.models.people import PausedBy, Qualification
from labeling.models.work import Purpose
from labeling.people.audit import write_entry
from labeling.people.members import lock_membership, write_changes
from labeling.queue.handout import must_qualify
from labeling.queue.locking import Locked

Tiers = Sequence[Sequence[int]]


@dataclass(frozen=True)
class GoldFeedback:
    """What a labeler is told after a gold comparison of the qualification round."""

    is_right: bool
    expected: list[list[int]]
    answered: int
    needed: int
    ended: str = ""  # passed, failed


@dataclass(frozen=True)
class Repeat:
    """A comparison that one labeler answered twice, the second time with the sides swapped."""

    comparison_id: int
    first: Judgment
    second: Judgment

    @property
    def agrees(self) -> bool:
        """The same response (or tie, or both bad) both times."""
        same = self.first.kind == self.second.kind
        return same and _sets(self.first.tiers) == _sets(self.second.tiers)

    @property
    def same_side(self) -> bool:
        """The same side of the screen both times, so the other response."""
        both_prefer = self.first.kind == self.second.kind == Judgment.Kind.PREFER
        return both_prefer and not self.agrees and len(self.first.order) == 2


def is_right(kind: str, tiers: Tiers, expected: Tiers) -> bool | None:
    """Whether an answer to gold is the expected one; None for a skip or a flag."""
    if kind not in Judgment.ANSWERS:
        return None
    return kind == Judgment.Kind.PREFER and _sets(tiers) == _sets(expected)


def _sets(tiers: Tiers) -> list[set[int]]:
    return [set(tier) for tier in tiers]


def is_too_fast(assignment: Assignment, kind: str, seconds: float | None, now: datetime) -> bool:
    """Whether an answer took less than the project's minimum reading time. The time is the
    browser's measure, but never more than the time since it was handed out."""
    since_handed_out = (now - assignment.leased_at).total_seconds()
    took = since_handed_out if seconds is None else min(seconds, since_handed_out)
    return kind in Judgment.ANSWERS and took < assignment.project.min_seconds


def repeat_at(assignment: Assignment, kind: str, now: datetime) -> datetime | None:
    """When this answer may be asked for again; None where it may not, or chance spares it."""
    project = assignment.project
    is_candidate = assignment.purpose == Purpose.WORK and kind in Judgment.ANSWERS
    if not is_candidate or random.random() >= project.repeat_share:
        return None
    return now + timedelta(hours=project.repeat_after_hours)


def after_check(locked: Locked, judgment: Judgment) -> GoldFeedback | None:
    """Does what follows from an answer to a check; call in its transaction. Returns what the
    labeler is told in the qualification round, else None: other gold stays silent."""
    assignment = locked.assignment
    if assignment.purpose == Purpose.REPEAT:
        first = Assignment.objects.filter(
            comparison_id=assignment.comparison_id, labeler_id=assignment.labeler_id, showing=1
        )
        first.update(repeat_at=None)
        return None
    if judgment.is_right is None or not (
        assignment.project.qualification_items or assignment.project.gold_mark
    ):
        return None
    was_in_qualification = in_qualification(locked)
    # Two answers at once would each be decided on without the other.
    member = lock_membership(assignment.project_id, assignment.labeler_id)
    if member is None:
        return None
    locked.membership = member  # as it is now; it was read before its row was locked
    if was_in_qualification and member.role == Role.LABELER:
        return _after_qualifying(locked, judgment, member)
    if assignment.project.gold_mark > 0 and not member.is_paused:
        _pause_below_mark(assignment, member)
    return None


def in_qualification(locked: Locked) -> bool:
    """Whether the labeler of a locked assignment has yet to pass the qualification round."""
    return must_qualify(locked.assignment.project, locked.membership)


def _after_qualifying(
    locked: Locked, judgment: Judgment, member: Membership
) -> GoldFeedback | None:
    assignment = locked.assignment
    project = assignment.project
    needed = project.qualification_items
    results = _last_results(assignment, member, needed)
    # Already ended in another tab: this answer is told the same.
    ended = member.qualification
    if ended == Qualification.OPEN and len(results) >= needed:
        # 0.7 * 10 is a little more than 7 in binary: seven right ones have to pass.
        passed = sum(results) >= project.qualification_mark * needed - 1e-9
        ended = (Qualification.PASSED if passed else Qualification.FAILED).value
        _end_qualification(assignment, member, ended)
    answered = needed if ended else len(results)
    return GoldFeedback(bool(judgment.is_right), locked.expected, answered, needed, ended)


def _end_qualification(assignment: Assignment, member: Membership, ended: str) -> None:
    values: dict[str, Any] = {"qualification": ended}
    if ended == Qualification.PASSED:
        values["gold_since"] = timezone.now()
    else:
        values |= {"is_paused": True, "paused_by_rule": PausedBy.QUALIFICATION.value}
    changes = write_changes(member, values)
    if ended == Qualification.PASSED:
        write_entry(
            assignment.project, None, "pass first round", assignment.labeler, changes=changes
        )
    else:
        _record(assignment, PausedBy.QUALIFICATION, changes)


def _pause_below_mark(assignment: Assignment, member: Membership) -> None:
    """Pauses a member whose last gold answers are below the project's mark."""
    project = assignment.project
    results = _last_results(assignment, member, project.gold_minimum)
    if len(results) < project.gold_minimum or sum(results) / len(results) >= project.gold_mark:
        return
    values = {"is_paused": True, "paused_by_rule": PausedBy.GOLD.value}
    changes = write_changes(member, values)
    _record(assignment, PausedBy.GOLD, changes)


def _record(assignment: Assignment, rule: PausedBy, changes: dict[str, list[Any]]) -> None:
    write_entry(
        assignment.project,
        None,
        "pause by rule",
        assignment.labeler,
        reason=str(rule.label),
        changes=changes,
    )


def _last_results(assignment: Assignment, member: Membership, count: int) -> list[bool]:
    """The labeler's last gold answers since the last review, newest first."""
    results = gold_results(assignment.project, assignment.labeler)
    if member.gold_since is not None:
        results = results.filter(created_at__gt=member.gold_since)
    newest = results.order_by("-created_at").values_list("is_right", flat=True)[:count]
    return [bool(is_right) for is_right in newest]


def gold_results(
    project: Project, labeler: User | None = None, at: datetime | None = None
) -> QuerySet[Judgment]:
    """The answers to gold that stand, each with `is_right`: of one labeler or of all."""
    return _checks(project, Purpose.GOLD, labeler, at).filter(is_right__isnull=False)


def _checks(
    project: Project, purpose: Purpose, labeler: User | None, at: datetime | None
) -> QuerySet[Judgment]:
    judgments = Judgment.objects.filter(
        Judgment.standing(at), project=project, purpose=purpose, kind__in=Judgment.ANSWERS
    )
    return judgments if labeler is None else judgments.filter(labeler=labeler)


def repeat_results(
    project: Project, labeler: User | None = None, at: datetime | None = None
) -> list[Repeat]:
    """Both answers to every comparison that a labeler was asked twice, newest repeat first."""
    seconds = list(_checks(project, Purpose.REPEAT, labeler, at).order_by("-created_at"))
    firsts = Judgment.objects.filter(
        Judgment.standing(at),
        comparison_id__in=[judgment.comparison_id for judgment in seconds],
        purpose=Purpose.WORK,
        kind__in=Judgment.ANSWERS,
    )
    by_place = {(first.comparison_id, first.labeler_id): first for first in firsts}
    places = [((second.comparison_id, second.labeler_id), second) for second in seconds]
    return [
        Repeat(place[0], by_place[place], second) for place, second in places if place in by_place
    ]
