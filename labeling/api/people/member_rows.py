"""A member as the API shows them to curators."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from labeling.models import Membership, Project, Role
from labeling.models.people import PausedBy, Qualification
from labeling.people.members import everybody_of


class MemberSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    username = serializers.CharField()
    full_name = serializers.CharField()
    is_outside = serializers.BooleanField(
        help_text="An outside labeler: a file brought their judgments, and nobody signs in as them."
    )
    role = serializers.ChoiceField(choices=Role.choices)
    is_paused = serializers.BooleanField(help_text="Gets no comparisons.")
    paused_by_rule = serializers.ChoiceField(
        choices=PausedBy.choices,
        allow_blank=True,
        help_text="The check that has paused them and that nobody has reviewed yet; else empty.",
    )
    note = serializers.CharField(help_text="Of the last review, for the member to read.")
    qualification = serializers.ChoiceField(choices=Qualification.choices, allow_blank=True)
    reliability = serializers.FloatField(help_text="Weight of their judgments, up to 1.")
    excluded_at = serializers.DateTimeField(
        allow_null=True, help_text="Since when their judgments are out of training."
    )
    excluded_reason = serializers.CharField()
    judged = serializers.IntegerField(help_text="Judgments; skips and flags are not counted.")
    last_judged_at = serializers.DateTimeField(allow_null=True)
    joined_at = serializers.DateTimeField()


def members_to_show(project: Project) -> QuerySet[Membership]:
    return everybody_of(project).select_related("project")


def member_rows(members: Sequence[Membership]) -> list[dict[str, Any]]:
    return [member_row(member) for member in members]


def member_row(member: Any) -> dict[str, Any]:
    """Describes a member that `members_to_show` has annotated."""
    return {
        "id": member.pk,
        "username": member.user.username,
        "full_name": member.user.get_full_name(),
        "is_outside": member.user.is_outside,
        "role": member.role,
        "is_paused": member.is_paused,
        "paused_by_rule": member.paused_by_rule,
        "note": member.note,
        "qualification": member.qualification,
        "reliability": member.reliability,
        "excluded_at": member.excluded_at,
        "excluded_reason": member.excluded_reason,
        "judged": member.judged or 0,
        "last_judged_at": member.last_judged_at,
        "joined_at": member.created_at,
    }
