"""Invitations: listed, made (the link is told once), withdrawn."""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.validators import UnicodeUsernameValidator
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.errors import answers, answers_to_post
from labeling.api.conventions.once import once
from labeling.api.conventions.pages import ListOfRows, PageParameters, answer_page, page_of
from labeling.api.conventions.parameters import Body
from labeling.api.conventions.requests import project_of, row_of, user_of
from labeling.api.people.members import refusal
from labeling.models import Invitation, Project, Role
from labeling.people import invitations
from labeling.people.access import RANK, require
from labeling.people.mailing import can_send, site
from labeling.people.members import MembersError


class InvitationSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    role = serializers.ChoiceField(choices=Role.choices)
    note = serializers.CharField(help_text="For whom it is meant.")
    who = serializers.CharField(help_text="The account it is for, as it was typed; else empty.")
    email = serializers.CharField(help_text="Where the link was sent; else empty.")
    mailed_at = serializers.DateTimeField(allow_null=True)
    created_by = serializers.CharField(allow_null=True, help_text="A user name.")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class NewInvitationSerializer(InvitationSerializer):
    link = serializers.URLField(
        allow_null=True,
        help_text="Lets one person in, once. Told in this answer alone; null where it was mailed, "
        "or waits for an account.",
    )


class InvitationBody(Body):
    role = serializers.ChoiceField(
        choices=Role.choices, default=Role.LABELER, help_text="At most your own."
    )
    note = serializers.CharField(max_length=120, default="", allow_blank=True)
    email = serializers.EmailField(
        max_length=254,
        default="",
        allow_blank=True,
        help_text="The link is sent there, where a mail server is set.",
    )
    who = serializers.CharField(
        max_length=254,
        default="",
        allow_blank=True,
        help_text="User name or e-mail of an account, which then finds the invitation on its first "
        "page. Nobody is told whether there is one. For admins.",
    )
    username = serializers.CharField(
        max_length=150,
        default="",
        allow_blank=True,
        validators=[UnicodeUsernameValidator()],
        help_text="A proposal to whoever comes. For admins.",
    )
    full_name = serializers.CharField(max_length=120, default="", allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["who"] and (attrs["username"] or attrs["full_name"] or attrs["email"]):
            problem = "Names an account, which has a name and an address: leave the others out."
            raise ValidationError({"who": problem})
        if attrs["email"] and not can_send():
            problem = "No mail server is set: leave it out, and send the link yourself."
            raise ValidationError({"email": problem})
        return attrs


class InvitationParameters(PageParameters):
    """No filters."""


def invitation_rows(rows: Sequence[Invitation]) -> list[dict[str, Any]]:
    return [
        {
            "id": row.pk,
            "role": row.role,
            "note": row.note,
            "who": row.who,
            "email": row.email,
            "mailed_at": row.mailed_at,
            "created_by": row.created_by.username if row.created_by else None,
            "created_at": row.created_at,
            "expires_at": row.expires_at,
        }
        for row in rows
    ]


class InvitationsView(APIView):
    @extend_schema(
        summary="The invitations that still let somebody in",
        description="For curators and admins. The newest first.",
        parameters=[InvitationParameters],
        responses=answers(page_of("Invitation", InvitationSerializer), 400),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        listed = ListOfRows("invitations", project, InvitationParameters.of(request))
        rows = invitations.open_invitations(project).select_related("created_by")
        return answer_page(request, listed, rows, invitation_rows)

    @extend_schema(
        summary="Invite somebody",
        description="For curators and admins, up to their own role. The link works for seven days. "
        "Under an `Idempotency-Key` a repeated answer has no link: only its hash is stored.",
        request=InvitationBody,
        responses=answers_to_post(NewInvitationSerializer, status=201),
    )
    @once(told_once=("link",))
    def post(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        given = InvitationBody.of(request)
        if RANK[Role(given["role"])] > RANK[Role(project.role_of_viewer)]:
            raise PermissionDenied(
                f"You are a {project.role_of_viewer}, and invite at most to that role."
            )
        if given["who"] or given["username"]:
            require(Role(project.role_of_viewer), Role.ADMIN)
        try:
            invitation, link = _invite(request, project, given)
        except MembersError as fault:
            raise refusal(fault) from fault
        invitation.refresh_from_db()
        return Response({**invitation_rows([invitation])[0], "link": link}, status=201)


def _invite(
    request: Request, project: Project, given: dict[str, Any]
) -> tuple[Invitation, str | None]:
    """Makes the invitation, and returns it with the link where the caller is to pass it on."""
    user, role = user_of(request), Role(given["role"])
    if given["who"]:
        return invitations.invite_account(project, user, given["who"], role)[0], None
    names = {name: given[name] for name in ("username", "full_name") if given[name]}
    invitation, token = invitations.create_invitation(
        project, user, role, given["note"], given["email"], **names
    )
    path = reverse("invitation", args=[token])
    if given["email"] and invitations.mail_invitation(invitation, site(request) + path):
        return invitation, None
    return invitation, request.build_absolute_uri(path)


class InvitationView(APIView):
    @extend_schema(
        summary="An invitation",
        description="For curators and admins. 404 where it lets nobody in any more.",
        responses=answers(InvitationSerializer),
    )
    def get(self, request: Request, slug: str, pk: int) -> Response:
        still_open = invitations.open_invitations(project_of(request, slug))
        row = row_of(still_open.select_related("created_by"), "invitation", pk)
        return Response(invitation_rows([row])[0])

    @extend_schema(
        summary="Withdraw an invitation",
        description="For curators and admins. Its link stops working. 409 where somebody has "
        "used it.",
        responses=answers(None, 409, status=204),
    )
    def delete(self, request: Request, slug: str, pk: int) -> Response:
        project = project_of(request, slug)
        invitation = row_of(
            Invitation.objects.filter(project=project).select_related("project"), "invitation", pk
        )
        try:
            invitations.withdraw_invitation(invitation, user_of(request))
        except MembersError as fault:
            raise refusal(fault) from fault
        return Response(status=204)
