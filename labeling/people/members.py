"""Who belongs to a project: their roles, pausing and removing them. People come in by invitation
(labeling/people/invitations.py).

A membership is changed while its row is locked, by what it holds then, and column by column: two
who change it at the same moment both get what they asked for, and each change is on record.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Max, OuterRef, QuerySet, Subquery
from django.utils import timezone

from labeling.database.transactions import retried
from labeling.models import FormerMember, Invitation, Membership, Project, Role, User
from labeling.people.audit import write_entry
from labeling.preferences.counts import judgments
from labeling.preferences.resettling import resettle_pending


class MembersError(ValueError):
    """Something that the people of a project do not allow, as a sentence for the page."""

    def __init__(self, message: str, field: str = "") -> None:
        self.field = field
        super().__init__(message)


def members_of(project: Project) -> QuerySet[Membership]:
    """The people of the project by role and name, with how much each has judged and when last."""
    people = everybody_of(project).filter(user__outside_project__isnull=True)
    return people.order_by("role", "user__username")


def outside_members_of(project: Project) -> QuerySet[Membership]:
    """The outside labelers, likewise, who judged most first."""
    outside = everybody_of(project).filter(user__outside_project__isnull=False)
    return outside.order_by(F("judged").desc(nulls_last=True), "pk")


def everybody_of(project: Project) -> QuerySet[Membership]:
    """The members, outside labelers too, with how much each has judged and when last."""
    answers = judgments(project).filter(labeler=OuterRef("user")).order_by().values("labeler")
    return project.memberships.select_related("user").annotate(
        judged=Subquery(answers.annotate(n=Count("pk")).values("n")),
        last_judged_at=Subquery(answers.annotate(at=Max("created_at")).values("at")),
    )


def lock_project(project_id: int) -> None:
    """Makes others who change the project's people wait, but nobody who only judges. Call it before
    any lock of a membership: everybody locks in this order."""
    list(Project.objects.select_for_update(no_key=True).filter(pk=project_id).values_list("pk"))


def lock_membership(project_id: int, user_id: int) -> Membership | None:
    """The membership as it is once its row is locked; None if the person has left meanwhile."""
    memberships = Membership.objects.filter(project_id=project_id, user_id=user_id)
    # In two statements: what the first one read is that of before the wait.
    if not list(memberships.select_for_update(no_key=True).values_list("pk")):
        return None
    return memberships.select_related("project", "user").first()


def write_changes(locked: Membership, values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Writes the columns that differ, and no other. Returns them as {column: [before, after]} for
    the audit log, without times: the entry has its own."""
    before = {name: getattr(locked, name) for name in values}
    changed = {name: value for name, value in values.items() if before[name] != value}
    if changed:
        Membership.objects.filter(pk=locked.pk).update(**changed)
    for name, value in changed.items():
        setattr(locked, name, value)
    return {
        name: [str(before[name]) if isinstance(before[name], str) else before[name], value]
        for name, value in changed.items()
        if not isinstance(value, datetime)
    }


def change_member(
    membership: Membership,
    actor: User,
    *,
    role: Role | None = None,
    is_paused: bool | None = None,
) -> bool:
    """Sets role or pause, or both. False when nothing is to be changed.

    `membership` is what the actor saw. A value that they left as it was there is not touched,
    whatever it has become since.
    """
    _refuse_outside(membership)
    choices = {"role": role and str(role), "is_paused": is_paused}
    values: dict[str, Any] = {
        name: value
        for name, value in choices.items()
        if value is not None and getattr(membership, name) != value
    }
    with transaction.atomic():
        lock_project(membership.project_id)
        current = _locked(membership)
        _keep_an_admin(current, role if "role" in values else Role(current.role))
        if values.get("is_paused") is False and current.is_paused:
            _may_go_on(current, membership)
            # Whoever a check had paused starts anew: what was answered before is reviewed now.
            values |= {"paused_by_rule": "", "gold_since": timezone.now()}
        changes = write_changes(current, values)
        if changes:
            username = current.user.username
            write_entry(
                current.project, actor, "change member", current, user=username, changes=changes
            )
    for name in ("role", "is_paused", "paused_by_rule", "gold_since"):
        setattr(membership, name, getattr(current, name))
    return bool(changes)


def _refuse_outside(membership: Membership) -> None:
    """An outside labeler has no work here that could be paused, and no role; and they stay in the
    list as long as their judgments do."""
    if membership.user.is_outside:
        raise MembersError(
            f"{membership.user} is an outside labeler, whose judgments a file brought. Take their "
            "judgments out of training instead."
        )


def _may_go_on(current: Membership, seen: Membership) -> None:
    if current.excluded_at is not None:
        raise MembersError(
            f"The judgments of {current.user} are out of training. Bring them back first."
        )
    if current.paused_by_rule != seen.paused_by_rule:
        raise MembersError(
            f"A check has paused {current.user} in the meantime. Look at it, then decide."
        )


def remove_member(membership: Membership, actor: User) -> None:
    """Takes the project from the person's sight. What they judged stays.

    Answers that are still to be settled anew are settled first: the mark for it is on the
    membership, which goes.
    """
    _refuse_outside(membership)
    while not _remove(membership, actor):
        resettle_pending(membership.project)


@retried
def _remove(membership: Membership, actor: User) -> bool:
    """Removes the membership. False: some of what they answered is still to be settled anew."""
    lock_project(membership.project_id)
    current = lock_membership(membership.project_id, membership.user_id)
    if current is None:
        return True  # a colleague was faster
    _keep_an_admin(current, None)
    if current.resettle_since is not None:
        return False
    # They do not come back by an older invitation. It stays in the list: that it has gone
    # would tell whose account it was for.
    Invitation.objects.filter(
        project=current.project_id, invitee=current.user_id, used_at__isnull=True
    ).update(invitee=None)
    write_entry(
        current.project,
        actor,
        "remove member",
        current,
        user=current.user.username,
        role=current.role,
    )
    FormerMember.objects.update_or_create(
        project=current.project,
        user=current.user,
        defaults={"reliability": current.reliability},
    )
    current.delete()
    return True


def _locked(membership: Membership) -> Membership:
    current = lock_membership(membership.project_id, membership.user_id)
    if current is None:
        raise MembersError(f"{membership.user} is no longer a member.")
    return current


def _keep_an_admin(locked: Membership, new_role: Role | None) -> None:
    """Raises MembersError if the project would be left without an admin: nobody of it could ever
    change it again. The project's lock keeps two admins from stepping down past each other."""
    if locked.role != Role.ADMIN or new_role == Role.ADMIN:
        return
    # An account that is switched off cannot change anything.
    admins = Membership.objects.filter(
        project=locked.project_id, role=Role.ADMIN, user__is_active=True
    )
    if not admins.exclude(pk=locked.pk).exists():
        raise MembersError(
            f"{locked.user} is the project's only admin. Make somebody else admin first."
        )
