"""Takes all judgments of one labeler out of training, or brings them back; and says which
snapshots had used them. A flag with a reason: no judgment is deleted."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from labeling.database.transactions import retried
from labeling.judging.rewrites import refresh_rewrites
from labeling.models import Assignment, Judgment, Membership, Project, Snapshot, User
from labeling.people.audit import write_entry
from labeling.people.members import MembersError, lock_membership
from labeling.preferences.resettling import Resettled, resettle_pending
from labeling.queue import leases

SNAPSHOTS_SHOWN = 100


@dataclass(frozen=True)
class SnapshotUse:
    """A snapshot, and at most how many of its preferences rest on judgments of one labeler. A
    curator may have excluded some of them at that time."""

    snapshot: Snapshot
    judgments: int


def take_out(membership: Membership, actor: User, reason: str) -> Resettled:
    """Pauses the person and takes their judgments out of training. What these settled is settled
    anew without them, or goes back to the queue where nobody else has judged it.

    Should the work be cut off after its first commit, the mark on the membership stays, and the
    next update of reliability does the rest.
    """
    reason = reason.strip()
    if not reason:
        raise MembersError("Say why: the reason is kept with the judgments.", "reason")
    _mark_taken_out(membership, actor, reason)
    release_all(membership)
    _refresh(membership)
    return resettle_pending(membership.project)


@retried
def _mark_taken_out(membership: Membership, actor: User, reason: str) -> None:
    """Marks the member and their judgments under the membership's lock. An answer that they give at
    this moment takes the same lock: it is either marked here or finds its author out of
    training."""
    member = lock_membership(membership.project_id, membership.user_id)
    if member is None or member.excluded_at is not None:
        raise MembersError(f"The judgments of {membership.user} are out of training already.")
    now = timezone.now()
    Membership.objects.filter(pk=member.pk).update(
        excluded_at=now, excluded_reason=reason[:300], is_paused=True, resettle_since=now
    )
    count = _all_of(member).filter(excluded_at__isnull=True).update(excluded_at=now)
    _refresh_rewrites(member)
    write_entry(
        membership.project,
        actor,
        "take judgments out",
        membership,
        reason,
        user=membership.user.username,
        judgments=count,
    )


def bring_back(membership: Membership, actor: User) -> Resettled:
    """Counts their judgments again. They stay paused until somebody lets them go on."""
    _mark_brought_back(membership, actor)
    _refresh(membership)
    return resettle_pending(membership.project)


@retried
def _mark_brought_back(membership: Membership, actor: User) -> None:
    member = lock_membership(membership.project_id, membership.user_id)
    if member is None or member.excluded_at is None:
        raise MembersError(f"The judgments of {membership.user} are in training already.")
    Membership.objects.filter(pk=member.pk).update(
        excluded_at=None, excluded_reason="", resettle_since=timezone.now()
    )
    count = _all_of(member).update(excluded_at=None)
    _refresh_rewrites(member)
    write_entry(
        membership.project,
        actor,
        "bring judgments back",
        membership,
        user=membership.user.username,
        judgments=count,
    )


def release_all(membership: Membership) -> int:
    """Gives what this person holds to others. Returns how many comparisons."""
    held = Assignment.objects.filter(
        project=membership.project_id,
        labeler=membership.user_id,
        state=Assignment.State.LEASED,
    ).values_list("uuid", flat=True)
    return sum(leases.release_lease(uuid, membership.user_id) for uuid in list(held))


def reassign(membership: Membership, actor: User) -> int:
    """Gives what this person holds to others, as a curator's decision on record."""
    count = release_all(membership)
    if count:
        user = membership.user.username
        write_entry(membership.project, actor, "reassign", membership, user=user, comparisons=count)
    return count


def snapshots_using(project: Project, labeler: User) -> list[SnapshotUse]:
    """The snapshots that were taken while answers of this labeler stood, newest first."""
    answers: list[tuple[datetime, datetime | None]] = list(
        Judgment.objects.filter(
            project=project,
            labeler=labeler,
            kind__in=Judgment.ANSWERS,
            is_surplus=False,
            comparison__preferences__isnull=False,
        )
        .values_list("created_at", "superseded_at")
        .distinct()
    )
    uses = []
    for snapshot in project.snapshots.all()[:SNAPSHOTS_SHOWN]:
        until = snapshot.last_settled_at or snapshot.created_at
        count = sum(
            1
            for given, superseded in answers
            if given <= until and (superseded is None or superseded > until)
        )
        if count:
            uses.append(SnapshotUse(snapshot, count))
    return uses


def _refresh(membership: Membership) -> None:
    # A colleague may have removed the person meanwhile, and so done the settling.
    with suppress(Membership.DoesNotExist):
        membership.refresh_from_db()


def _all_of(membership: Membership) -> QuerySet[Judgment]:
    return Judgment.objects.filter(project=membership.project_id, labeler=membership.user_id)


def _refresh_rewrites(membership: Membership) -> None:
    rewritten = _all_of(membership).filter(rewrite__isnull=False)
    refresh_rewrites(rewritten.values_list("rewrite_id", flat=True))
