"""Checks of labelers: gold answers, mirrored repeats, reading time; and what follows from them.

A check is answered like any comparison, and its judgment is stored like any other, with its
purpose; it is never counted, settled or exported. Who falls below a mark is paused by rule, and a
curator reviews it (labeling/reviews.py).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from labeling.audit import write_entry
from labeling.models import Assignment, Judgment, Membership, Project, Role, User
from labeling.models.people import PausedBy, Qualification
from labeling.models.work import Purpose

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
Tiers = Sequence[Sequence[int]]


@dataclass(frozen=True)
class Outcome:
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
    """Whether an answer to gold is the expected one; None where it does not answer at all."""
    if kind not in Judgment.ANSWERS:
        return None
    return kind == Judgment.Kind.PREFER and _sets(tiers) == _sets(expected)


def _sets(tiers: Tiers) -> list[set[int]]:
    return [set(tier) for tier in tiers]


def is_too_fast(assignment: Assignment, kind: str, seconds: float | None, now: datetime) -> bool:
    """Whether an answer took less than the project's minimum reading time, by the browser's
    measure, and at most the time since it was handed out."""
    since_handed_out = (now - assignment.leased_at).total_seconds()
    took = since_handed_out if seconds is None else min(seconds, since_handed_out)
    return kind in Judgment.ANSWERS and took < assignment.project.min_seconds


def repeat_at(assignment: Assignment, kind: str, now: datetime) -> datetime | None:
    """When this answer may be asked for again, if chance says so."""
    project = assignment.project
    is_candidate = assignment.purpose == Purpose.WORK and kind in Judgment.ANSWERS
    if not is_candidate or random.random() >= project.repeat_share:
        return None
    return now + timedelta(hours=project.repeat_after_hours)


def after_check(assignment: Assignment, judgment: Judgment) -> Outcome | None:
    """What follows from an answer to a check; call in its transaction. An outcome is for the
    labeler to see; silent gold has none."""
    if assignment.purpose == Purpose.REPEAT:
        first = Assignment.objects.filter(
            comparison_id=assignment.comparison_id, labeler_id=assignment.labeler_id, showing=1
        )
        first.update(repeat_at=None)
        return None
    if judgment.is_right is None:
        return None
    if in_qualification(assignment):
        return _after_qualifying(assignment, judgment)
    if assignment.project.gold_mark > 0 and assignment.labeler_is_active:
        _pause_below_mark(assignment)
    return None


def in_qualification(assignment: Assignment) -> bool:
    """Whether the labeler of a locked assignment has yet to pass the qualification round."""
    asks = assignment.project.qualification_items > 0 and assignment.labeler_role == Role.LABELER
    return asks and assignment.qualification == Qualification.OPEN


def _after_qualifying(assignment: Assignment, judgment: Judgment) -> Outcome:
    project = assignment.project
    needed = project.qualification_items
    results = _last_results(assignment, needed)
    ended = ""
    if len(results) >= needed:
        passed = sum(results) >= project.qualification_mark * needed - 1e-9
        ended = Qualification.PASSED if passed else Qualification.FAILED
        _end_qualification(assignment, ended)
    expected = assignment.expected or []
    return Outcome(bool(judgment.is_right), expected, len(results), needed, ended)


def _end_qualification(assignment: Assignment, ended: str) -> None:
    found = Membership.objects.filter(
        project_id=assignment.project_id, user_id=assignment.labeler_id
    )
    assignment.qualification = ended
    now = timezone.now()
    if ended == Qualification.PASSED:
        found.update(qualification=ended, gold_since=now)
    else:
        found.update(qualification=ended, is_paused=True, paused_by_rule=PausedBy.QUALIFICATION)
        assignment.labeler_is_active = False
        _record(assignment, PausedBy.QUALIFICATION)


def _pause_below_mark(assignment: Assignment) -> None:
    """Pauses a member whose last gold answers are below the project's mark."""
    project = assignment.project
    results = _last_results(assignment, project.gold_minimum)
    if len(results) < project.gold_minimum or sum(results) / len(results) >= project.gold_mark:
        return
    Membership.objects.filter(project=project, user_id=assignment.labeler_id).update(
        is_paused=True, paused_by_rule=PausedBy.GOLD
    )
    assignment.labeler_is_active = False
    _record(assignment, PausedBy.GOLD)


def _record(assignment: Assignment, rule: PausedBy) -> None:
    write_entry(
        assignment.project, None, "pause by rule", assignment.labeler, reason=str(rule.label)
    )


def _last_results(assignment: Assignment, count: int) -> list[bool]:
    """The labeler's last gold answers, newest first, since the last review. In one statement."""
    membership = Membership.objects.filter(
        project_id=assignment.project_id, user_id=assignment.labeler_id
    )
    since = Coalesce(Subquery(membership.values("gold_since")[:1]), BEGINNING)
    found = gold_results(assignment.project, assignment.labeler).filter(created_at__gt=since)
    newest = found.order_by("-created_at").values_list("is_right", flat=True)[:count]
    return [bool(is_right) for is_right in newest]


def gold_results(project: Project, labeler: User | None = None) -> QuerySet[Judgment]:
    """The standing answers to gold, each with `is_right`; of one labeler or of all."""
    return _checks(project, Purpose.GOLD, labeler).filter(is_right__isnull=False)


def _checks(project: Project, purpose: Purpose, labeler: User | None) -> QuerySet[Judgment]:
    found = Judgment.objects.filter(
        project=project, purpose=purpose, superseded_at__isnull=True, kind__in=Judgment.ANSWERS
    )
    return found if labeler is None else found.filter(labeler=labeler)


def repeat_results(project: Project, labeler: User | None = None) -> list[Repeat]:
    """Both answers to every comparison that a labeler was asked twice, newest repeat first."""
    seconds = list(_checks(project, Purpose.REPEAT, labeler).order_by("-created_at"))
    firsts = Judgment.objects.filter(
        comparison_id__in=[judgment.comparison_id for judgment in seconds],
        purpose=Purpose.WORK,
        superseded_at__isnull=True,
        kind__in=Judgment.ANSWERS,
    )
    by_place = {(first.comparison_id, first.labeler_id): first for first in firsts}
    places = [((second.comparison_id, second.labeler_id), second) for second in seconds]
    return [
        Repeat(place[0], by_place[place], second) for place, second in places if place in by_place
    ]
