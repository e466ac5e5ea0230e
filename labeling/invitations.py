"""Invitations: a link with a role in it, that lets one person join a project once.

The curator passes the link on, or, where a mail server is set, Preferable sends it.
"""

import hashlib
import logging
import secrets
from datetime import timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from labeling.access import RANK
from labeling.audit import write_entry
from labeling.members import MembersError
from labeling.models import Invitation, Membership, Project, Role, User

VALID_FOR = timedelta(days=7)
logger = logging.getLogger(__name__)


class InvitationGone(Exception):
    """The link is unknown, used, withdrawn or too old; the message is a sentence for the page."""


def create_invitation(
    project: Project, actor: User, role: Role, note: str = "", email: str = ""
) -> tuple[Invitation, str]:
    """The invitation and its token, which is not stored and cannot be shown again."""
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
        )
        write_entry(project, actor, "invite", invitation, role=role, note=note, email=email)
    return invitation, token


def can_send() -> bool:
    """Whether a mail server is set."""
    return bool(settings.EMAIL_HOST)


def send(invitation: Invitation, url: str) -> bool:
    """Mails the link to the invitation's address; False if the mail server did not take it.

    At once and not by a worker: the token is in no table, and a message may not carry it.
    """
    project, host = invitation.project, invitation.created_by
    until = timezone.localtime(invitation.expires_at).strftime("%-d %B, %H:%M %Z")
    text = (
        f"{host or 'Somebody'} invites you to join {project.name} as {invitation.role}.\n\n"
        f"{url}\n\n"
        f"The link lets one person in and works until {until}.\n"
        "If you did not expect it, do nothing.\n"
    )
    try:
        send_mail(f"Join {project.name}", text, None, [invitation.email])
    except OSError:  # smtplib's errors are OSErrors, as are those of the network
        logger.exception("The mail server %s did not take an invitation.", settings.EMAIL_HOST)
        return False
    return True


def open_invitations(project: Project) -> QuerySet[Invitation]:
    return project.invitations.filter(used_at__isnull=True, expires_at__gt=timezone.now())


def find_invitation(token: str) -> Invitation:
    """The invitation behind a link, if it still lets somebody in."""
    invitation = (
        Invitation.objects.select_related("project", "created_by")
        .filter(token_hash=_hash(token))
        .first()
    )
    if invitation is None:
        raise InvitationGone("This link is not complete, or it was withdrawn.")
    if invitation.used_at is not None:
        raise InvitationGone("This link has been used. Each link lets one person in.")
    if invitation.expires_at <= timezone.now():
        raise InvitationGone("This link was too old.")
    return invitation


def accept(invitation: Invitation, user: User) -> Membership:
    """Makes the person a member. Of two who open the link at the same moment one gets in.

    Somebody who is a member already keeps the higher of the two roles.
    """
    with transaction.atomic():
        taken = Invitation.objects.filter(
            pk=invitation.pk, used_at__isnull=True, expires_at__gt=timezone.now()
        ).update(used_at=timezone.now(), used_by=user)
        if not taken:
            raise InvitationGone("This link has been used. Each link lets one person in.")
        membership, created = Membership.objects.select_for_update().get_or_create(
            project=invitation.project, user=user, defaults={"role": invitation.role}
        )
        before = "" if created else membership.role
        if not created and RANK[Role(invitation.role)] > RANK[Role(membership.role)]:
            membership.role = invitation.role
            membership.save(update_fields=["role"])
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


def withdraw(invitation: Invitation, actor: User) -> None:
    """The link stops working. One that was used stays on record."""
    with transaction.atomic():
        deleted, _ = Invitation.objects.filter(pk=invitation.pk, used_at__isnull=True).delete()
        if not deleted:
            raise MembersError("Somebody has used this link already.")
        write_entry(
            invitation.project,
            actor,
            "withdraw invitation",
            invitation,
            note=invitation.note,
            role=invitation.role,
        )


def _hash(token: str) -> str:
    """The token has 192 random bits, so a plain hash of it cannot be guessed back."""
    return hashlib.sha256(token.encode()).hexdigest()
