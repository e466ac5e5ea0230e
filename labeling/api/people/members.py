"""The members of a project: listed, changed, removed."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.nudges import nudge
from labeling.api.conventions.errors import Contradicted, answers, answers_to_post
from labeling.api.conventions.once import once
from labeling.api.conventions.pages import ListOfRows, PageParameters, answer_page, page_of
from labeling.api.conventions.parameters import Body
from labeling.api.conventions.requests import project_of, row_of, user_of
from labeling.api.people.member_rows import (
    MemberSerializer,
    member_row,
    member_rows,
    members_to_show,
)
from labeling.models import Membership, Project, Role
from labeling.models.people import PausedBy
from labeling.people.access import require
from labeling.people.members import MembersError, change_member, remove_member


class MemberParameters(PageParameters):
    role = serializers.ChoiceField(choices=Role.choices, required=False)
    is_paused = serializers.BooleanField(required=False, allow_null=True, default=None)
    is_excluded = serializers.BooleanField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Whether their judgments are out of training.",
    )
    is_outside = serializers.BooleanField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Whether a file brought their judgments: outside labelers.",
    )
    to_review = serializers.BooleanField(
        default=False, help_text="Only those whom a check has paused and nobody has reviewed."
    )
    username = serializers.CharField(required=False, max_length=150)


class MemberChangeBody(Body):
    role = serializers.ChoiceField(choices=Role.choices, required=False, help_text="For admins.")
    is_paused = serializers.BooleanField(
        required=False, help_text="Whether they get no comparisons. For curators and admins."
    )
    paused_by_rule = serializers.ChoiceField(
        choices=PausedBy.choices,
        allow_blank=True,
        required=False,
        help_text="The check that you saw as the one that has paused them: 409 where it is another "
        "one by now.",
    )


def refusal(fault: MembersError) -> Exception:
    """The answer to what the people of a project do not allow."""
    return ValidationError({fault.field: str(fault)}) if fault.field else Contradicted(str(fault))


def member_of(project: Project, pk: int) -> Any:
    return row_of(members_to_show(project), "member", pk)


class MembersView(APIView):
    @extend_schema(
        summary="The members of a project",
        description="For curators and admins. In the order in which they joined.",
        parameters=[MemberParameters],
        responses=answers(page_of("Member", MemberSerializer), 400),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        given = MemberParameters.of(request)
        members = members_to_show(project)
        if "role" in given:
            members = members.filter(role=given["role"])
        if given["is_paused"] is not None:
            members = members.filter(is_paused=given["is_paused"])
        if given["is_excluded"] is not None:
            members = members.filter(excluded_at__isnull=not given["is_excluded"])
        if given["is_outside"] is not None:
            members = members.filter(user__outside_project__isnull=not given["is_outside"])
        if given["to_review"]:
            members = members.filter(is_paused=True).exclude(paused_by_rule=PausedBy.NOBODY)
        if "username" in given:
            members = members.filter(user__username=given["username"])
        listed = ListOfRows("members", project, given, newest_first=False)
        return answer_page(request, listed, members, member_rows)


class MemberView(APIView):
    @extend_schema(
        summary="A member",
        description="For curators and admins.",
        responses=answers(MemberSerializer),
    )
    def get(self, request: Request, slug: str, pk: int) -> Response:
        return Response(member_row(member_of(project_of(request, slug), pk)))

    @extend_schema(
        summary="Change a member's role, or pause them",
        description="Roles are changed by admins; curators pause members and let them go on. 409 "
        "says why not: a project keeps an admin, and whose judgments are out of training stays "
        "paused.",
        request=MemberChangeBody,
        responses=answers(MemberSerializer, 400, 409, 413, 415),
    )
    def patch(self, request: Request, slug: str, pk: int) -> Response:
        project = project_of(request, slug)
        given = MemberChangeBody.of(request)
        if "role" in given:
            require(Role(project.role_of_viewer), Role.ADMIN)
        if "paused_by_rule" in given and "is_paused" not in given:
            raise ValidationError({"paused_by_rule": "Goes with is_paused: send both."})
        member = member_of(project, pk)
        member.paused_by_rule = given.get("paused_by_rule", member.paused_by_rule)
        role = Role(given["role"]) if "role" in given else None
        try:
            change_member(member, user_of(request), role=role, is_paused=given.get("is_paused"))
        except MembersError as fault:
            raise refusal(fault) from fault
        return Response(member_row(member_of(project, pk)))

    @extend_schema(
        summary="Remove a member",
        description="For admins. They no longer see the project; what they judged stays and counts "
        "as before.",
        responses=answers(None, 409, status=204),
    )
    def delete(self, request: Request, slug: str, pk: int) -> Response:
        project = project_of(request, slug, Role.ADMIN)
        memberships: Any = Membership.objects.filter(project=project)
        member = row_of(memberships.select_related("user", "project"), "member", pk)
        try:
            remove_member(member, user_of(request))
        except MembersError as fault:
            raise refusal(fault) from fault
        return Response(status=204)


class WeighView(APIView):
    @extend_schema(
        summary="Weigh everybody's judgments now",
        description="For curators and admins. A worker does it in a moment, as it does within the "
        "hour by itself.",
        request=None,
        responses=answers_to_post(None, status=202),
    )
    @once()
    def post(self, request: Request, slug: str) -> Response:
        nudge("labeling.tasks.update_reliability", project_of(request, slug).pk)
        return Response(status=202)
