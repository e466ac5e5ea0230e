"""Invitations: they let one person join a project, once, in a role.

A link lets in whoever opens it; the curator passes it on, or, where a mail server is set,
Preferable sends it. An invitation to an account waits on the first page of whoever is signed in to
that account. Nobody who invites learns whether there is such an account, and none of this ever
opens an account: people join as themselves.
"""

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from labeling.models import Invitation, Membership, Project, Role, User
from labeling.models.folding import fold
from labeling.people import mailing
from labeling.people.access import RANK
from labeling.people.audit import write_entry
from labeling.people.members import MembersError, lock_project, write_changes
from labeling.people.signing_in.accounts import find_account

VALID_FOR = timedelta(days=7)
TWICE_WITHIN = timedelta(minutes=1)


class InvitationGone(Exception):
    """The link is unknown, used, withdrawn or too old; the message is a sentence for the page."""


def create_invitation(
    project: Project, actor: User, role: Role, note: str = "", email: str = "", **more: Any
) -> tuple[Invitation, str]:
    """Makes an invitation, and returns it with its token, which is not stored and cannot be shown
    again.

    `more` may have the user name and full name that are proposed to whoever opens the link.
    """
    token = secrets.token_urlsafe(24)
    with transaction.atomic():
        invitation = Invitation.objects.create(
            project=project,
            token_hash=_hash(token),
            role=role,
            note=note,
            email=email,
            created_by=actor,
            expires_at=timezone.now() + VALID_FOR,
            **more,
        )
        details = {name: more[name] for name in ("who", "username") if name in more}
        write_entry(project, actor, "invite", invitation, role=role, note=note, email=email,
                    **details)  # fmt: skip
    return invitation, token


def invite_account(
    project: Project, actor: User, who: str, role: Role, email: str = ""
) -> tuple[Invitation, str]:
    """Invites the account with this user name or address, if there is one. If there is none, the
    same happens in the same statements, so that nobody learns which. Members are refused by name:
    who invites knows them."""
    member = project.memberships.filter(user__username_key=fold(who)).select_related("user").first()
    invitee = find_account(who)
    if member is not None:
        raise MembersError(f"{member.user} is a member already, as {member.role}.", "who")
    return create_invitation(project, actor, role, email=email, who=who, invitee=invitee)


def mail_invitation(invitation: Invitation, url: str) -> bool:
    """Mails the link to the invitation's address. False if the mail server did not take it.

    It is sent at once and not by a worker: the token is in no table, and a message may not carry
    it.
    """
    project, host = invitation.project, invitation.created_by
    until = timezone.localtime(invitation.expires_at).strftime("%-d %B, %H:%M %Z")
    text = (
        f"{host or 'Somebody'} invites you to join {project.name} as {invitation.role}.\n\n"
        f"{url}\n\n"
        f"The link lets one person in and works until {until}.\n"
        "If you did not expect it, do nothing.\n"
    )
    is_sent = mailing.send(invitation.email, f"Join {project.name}", text)
    if is_sent:
        Invitation.objects.filter(pk=invitation.pk).update(mailed_at=timezone.now())
    return is_sent


def _still_open() -> QuerySet[Invitation]:
    """Neither used nor too old, and whoever made it may still invite to that role: who has left
    the project, or has a lower role in it now, lets nobody in and does not come back."""
    place = Membership.objects.filter(project=OuterRef("project"), user=OuterRef("created_by"))
    may_invite = (
        Q(created_by__is_superuser=True)
        | Exists(place.filter(role=Role.ADMIN))
        | ~Q(role=Role.ADMIN) & Exists(place.filter(role=Role.CURATOR))
    )
    return Invitation.objects.filter(
        may_invite,
        created_by__is_active=True,
        used_at__isnull=True,
        expires_at__gt=timezone.now(),
    )


def open_invitations(project: Project) -> QuerySet[Invitation]:
    return _still_open().filter(project=project)


def waiting_for(user: User) -> list[Invitation]:
    """The invitations to this person's account, the highest role of each project, without those
    that would give them nothing. Superusers are admins of every project already."""
    if user.is_superuser:
        return []
    rows = _still_open().filter(invitee=user).select_related("project", "created_by")
    first: dict[int, Invitation] = {}
    for invitation in sorted(rows, key=lambda row: (-RANK[Role(row.role)], row.pk)):
        first.setdefault(invitation.project_id, invitation)
    mine = user.memberships.filter(project__in=first) if first else ()
    ranks = {place.project_id: RANK[Role(place.role)] for place in mine}
    return [
        invitation
        for invitation in first.values()
        if ranks.get(invitation.project_id, -1) < RANK[Role(invitation.role)]
    ]


def find_invitation(token: str, user: User | None = None) -> Invitation:
    """The invitation behind a link, if it still lets somebody in, or has let in this person."""
    invitation = (
        Invitation.objects.select_related("project", "created_by")
        .filter(token_hash=_hash(token))
        .first()
    )
    if invitation is None:
        raise InvitationGone("This link is not complete, or it was withdrawn.")
    if not _still_open().filter(pk=invitation.pk).exists():
        invitation.refresh_from_db()  # this person may have used it since it was read
        if not _has_joined(invitation, user):
            raise _why_gone(invitation)
    return invitation


def _has_joined(invitation: Invitation, user: User | None) -> bool:
    """Whether this person has used the invitation and is a member: asking twice is no error."""
    if user is None or invitation.used_by_id != user.pk:
        return False
    return Membership.objects.filter(project=invitation.project_id, user=user).exists()


def used_just_now(token: str) -> Invitation | None:
    """An invitation that somebody has used within the last minute."""
    invitations = Invitation.objects.select_related("project", "used_by")
    return invitations.filter(
        token_hash=_hash(token), used_at__gt=timezone.now() - TWICE_WITHIN
    ).first()


def _why_gone(invitation: Invitation) -> InvitationGone:
    if invitation.used_at is not None:
        return InvitationGone("This link has been used. Each link lets one person in.")
    if invitation.expires_at <= timezone.now():
        return InvitationGone("This link was too old.")
    return InvitationGone("Whoever made this link may no longer invite people to the project.")


def accept(invitation: Invitation, user: User) -> Membership:
    """Makes the person a member. Of two who open the link at the same moment one gets in; one
    person who asks twice is answered twice.

    Somebody who is a member already keeps the higher of the two roles.
    """
    with transaction.atomic():
        lock_project(invitation.project_id)
        current = Invitation.objects.select_for_update().filter(pk=invitation.pk).first()
        if current is None:
            raise InvitationGone("This link is not complete, or it was withdrawn.")
        if _has_joined(current, user):
            return Membership.objects.get(project=invitation.project_id, user=user)
        if not _still_open().filter(pk=invitation.pk).exists():
            raise _why_gone(current)
        _use(current, user)
        membership, created = Membership.objects.select_for_update(no_key=True).get_or_create(
            project=invitation.project, user=user, defaults={"role": invitation.role}
        )
        before = "" if created else membership.role
        if not created and RANK[Role(invitation.role)] > RANK[Role(membership.role)]:
            write_changes(membership, {"role": invitation.role})
        write_entry(
            invitation.project,
            user,
            "accept invitation",
            membership,
            user=user.username,
            role=membership.role,
            role_before=before,
        )
    return membership


def _use(invitation: Invitation, user: User) -> None:
    """Marks the invitation as used, and with it all others of the project to the same account: with
    one of those, somebody who was removed could come back."""
    same = Q(pk=invitation.pk) | Q(project=invitation.project_id, invitee=user)
    Invitation.objects.filter(same, used_at__isnull=True).update(
        used_at=timezone.now(), used_by=user
    )


def decline(invitation: Invitation) -> None:
    """Takes the invitation off the person's page. Who has invited sees nothing of it: to them it
    waits until it is too old."""
    Invitation.objects.filter(
        project=invitation.project_id, invitee=invitation.invitee_id, used_at__isnull=True
    ).update(invitee=None)


def withdraw_invitation(invitation: Invitation, actor: User) -> None:
    """Deletes the invitation, so that its link stops working. One that was used stays on record."""
    with transaction.atomic():
        deleted, _ = Invitation.objects.filter(pk=invitation.pk, used_at__isnull=True).delete()
        if not deleted and Invitation.objects.filter(pk=invitation.pk).exists():
            raise MembersError("Somebody has used this link already.")
        if not deleted:
            return  # a colleague was faster
        write_entry(
            invitation.project,
            actor,
            "withdraw invitation",
            invitation,
            note=invitation.note or invitation.who,
            role=invitation.role,
        )


def _hash(token: str) -> str:
    """The token has 192 random bits, so a plain hash of it cannot be guessed back."""
    return hashlib.sha256(token.encode()).hexdigest()
