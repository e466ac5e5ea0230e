"""What a curator decides about one member: their judgments out of training or back, what they hold
to others, and the review of whom a check has paused."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.errors import Contradicted, answers_to_post
from labeling.api.conventions.once import once
from labeling.api.conventions.parameters import Body
from labeling.api.conventions.requests import project_of, user_of
from labeling.api.people.member_rows import MemberSerializer, member_row
from labeling.api.people.members import member_of, refusal
from labeling.models.people import PausedBy
from labeling.people.members import MembersError
from labeling.preferences.resettling import Resettled
from labeling.quality import exclusion
from labeling.quality.reviews import LONGEST_NOTE, REMOVE, RESUME, CannotReview, decide_review


class ExclusionBody(Body):
    reason = serializers.CharField(
        max_length=300,
        help_text="Kept with the judgments and in the audit log. The person does not see it.",
    )


class ExclusionSerializer(serializers.Serializer[Any]):
    member = MemberSerializer()
    settled_anew = serializers.IntegerField(help_text="Comparisons with other preferences now.")
    reopened = serializers.IntegerField(help_text="Comparisons that are back in the queue.")


class ReviewBody(Body):
    decision = serializers.ChoiceField(
        choices=[
            (RESUME, "gets comparisons again"),
            (REMOVE, "stays paused, and may read why in the note"),
        ]
    )
    note = serializers.CharField(
        max_length=LONGEST_NOTE, allow_blank=True, default="", help_text="For the member to read."
    )
    paused_by_rule = serializers.ChoiceField(
        choices=PausedBy.choices,
        required=False,
        help_text="The check that you saw: 409 where it is another one by now.",
    )


class ReleasedSerializer(serializers.Serializer[Any]):
    comparisons = serializers.IntegerField(help_text="That went back to the queue.")


def _excluded(request: Request, slug: str, pk: int, decide: Callable[[Any], Resettled]) -> Response:
    project = project_of(request, slug)
    member = member_of(project, pk)
    try:
        done = decide(member)
    except MembersError as fault:
        raise refusal(fault) from fault
    row = member_row(member_of(project, pk))
    return Response({"member": row, "settled_anew": done.changed, "reopened": done.reopened})


class ExcludeMemberView(APIView):
    @extend_schema(
        summary="Take a member's judgments out of training",
        description="For curators and admins. The person is paused. What their judgments settled "
        "is settled anew without them, or goes back to the queue. No judgment is deleted.",
        request=ExclusionBody,
        responses=answers_to_post(ExclusionSerializer),
    )
    @once()
    def post(self, request: Request, slug: str, pk: int) -> Response:
        project_of(request, slug)
        reason = ExclusionBody.of(request)["reason"]
        user = user_of(request)
        return _excluded(request, slug, pk, lambda member: exclusion.take_out(member, user, reason))


class ReadmitMemberView(APIView):
    @extend_schema(
        summary="Count a member's judgments again",
        description="For curators and admins. They stay paused until somebody lets them go on.",
        request=None,
        responses=answers_to_post(ExclusionSerializer),
    )
    @once()
    def post(self, request: Request, slug: str, pk: int) -> Response:
        user = user_of(request)
        return _excluded(request, slug, pk, lambda member: exclusion.bring_back(member, user))


class ReleaseMemberView(APIView):
    @extend_schema(
        summary="Give what a member holds to others",
        description="For curators and admins.",
        request=None,
        responses=answers_to_post(ReleasedSerializer),
    )
    @once()
    def post(self, request: Request, slug: str, pk: int) -> Response:
        member = member_of(project_of(request, slug), pk)
        return Response({"comparisons": exclusion.reassign(member, user_of(request))})


class ReviewMemberView(APIView):
    @extend_schema(
        summary="Decide on a member whom a check has paused",
        description="For curators and admins. `GET …/members/?to_review=true` lists them.",
        request=ReviewBody,
        responses=answers_to_post(MemberSerializer),
    )
    @once()
    def post(self, request: Request, slug: str, pk: int) -> Response:
        project = project_of(request, slug)
        given = ReviewBody.of(request)
        member = member_of(project, pk)
        member.paused_by_rule = given.get("paused_by_rule", member.paused_by_rule)
        try:
            done = decide_review(member, user_of(request), given["decision"], given["note"])
        except CannotReview as fault:
            raise ValidationError({_field_of(given): str(fault)}) from fault
        if not done:
            raise Contradicted(f"{member.user} waits for no review, or another check came since.")
        return Response(member_row(member_of(project, pk)))


def _field_of(given: dict[str, Any]) -> str:
    """The field that a refused review is about: without a note there is no removing."""
    return "note" if given["decision"] == REMOVE and not given["note"].strip() else "decision"
