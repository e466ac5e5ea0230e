"""The curators' review of members whom a check has paused: resume or remove, with a note."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from labeling.models import Judgment, Membership, Project, User
from labeling.models.people import PausedBy, Qualification
from labeling.models.work import Purpose
from labeling.people.audit import write_entry
from labeling.people.members import lock_membership, write_changes

RESUME = "resume"
REMOVE = "remove"
LONGEST_NOTE = 400


class CannotReview(ValueError):
    """The decision was not taken; the message says why."""


@dataclass(frozen=True)
class Checked:
    """How one member has answered the checks."""

    membership: Membership
    gold: int
    right: int
    repeats: int
    too_fast: int
    answers: int

    @property
    def right_percent(self) -> int | None:
        return round(100 * self.right / self.gold) if self.gold else None

    @property
    def too_fast_percent(self) -> int | None:
        return round(100 * self.too_fast / self.answers) if self.answers else None


def to_review(project: Project) -> QuerySet[Membership]:
    """Members whom a check has paused and whom nobody has decided on yet."""
    paused = Membership.objects.filter(project=project, is_paused=True)
    return paused.exclude(paused_by_rule=PausedBy.NOBODY).select_related("user").order_by("pk")


def decide_review(membership: Membership, actor: User, decision: str, note: str = "") -> bool:
    """Resumes the member, or leaves them paused for good, with a note for them to read. False when
    a colleague was faster."""
    if decision not in (RESUME, REMOVE):
        raise CannotReview("Choose whether to resume or to remove.")
    if decision == REMOVE and not note.strip():
        raise CannotReview("Say in a note why, for the person to read.")
    if len(note) > LONGEST_NOTE:
        raise CannotReview(f"The note is longer than {LONGEST_NOTE} characters.")
    with transaction.atomic():
        current = lock_membership(membership.project_id, membership.user_id)
        if current is None or not to_review(current.project).filter(pk=current.pk).exists():
            return False
        if current.paused_by_rule != membership.paused_by_rule:
            return False  # another check has paused them since: that is to be looked at first
        if decision == RESUME and current.excluded_at is not None:
            raise CannotReview(
                f"The judgments of {current.user} are out of training. Bring them back first."
            )
        changes = write_changes(current, _decided(current, decision, note.strip()))
        write_entry(
            current.project,
            actor,
            f"review: {decision}",
            current.user,
            reason=note[:300],
            changes=changes,
        )
    return True


def _decided(membership: Membership, decision: str, note: str) -> dict[str, Any]:
    values: dict[str, Any] = {"paused_by_rule": PausedBy.NOBODY.value, "note": note}
    if decision == RESUME:
        values |= {"is_paused": False, "gold_since": timezone.now()}
        if membership.paused_by_rule == PausedBy.QUALIFICATION:
            values["qualification"] = Qualification.EXEMPT.value
    return values


def checked_members(project: Project) -> list[Checked]:
    """Every member who may be checked, with what the checks say of them, in two queries. Nobody
    checks an outside labeler."""
    standing = Judgment.objects.filter(
        project=project, superseded_at__isnull=True, kind__in=Judgment.ANSWERS
    )
    counts = standing.values("labeler_id").annotate(
        gold=Count("id", filter=Q(purpose=Purpose.GOLD)),
        right=Count("id", filter=Q(is_right=True)),
        repeats=Count("id", filter=Q(purpose=Purpose.REPEAT)),
        too_fast=Count("id", filter=Q(too_fast=True)),
        answers=Count("id"),
    )
    rows: list[dict[str, Any]] = [{**row} for row in counts.order_by()]
    by_labeler = {row.pop("labeler_id"): row for row in rows}
    nothing = dict.fromkeys(("gold", "right", "repeats", "too_fast", "answers"), 0)
    members = (
        Membership.objects.filter(project=project, user__outside_project__isnull=True)
        .select_related("user")
        .order_by("pk")
    )
    return [Checked(member, **by_labeler.get(member.user_id, nothing)) for member in members]


def excuse_present_members(project: Project) -> int:
    """Excuses those who have judged already from a first round that is being introduced."""
    judged = Judgment.objects.filter(project=project).values("labeler_id")
    members = Membership.objects.filter(project=project, qualification=Qualification.OPEN)
    return members.filter(user_id__in=judged).update(qualification=Qualification.EXEMPT)
