"""Every judgment of a project, with what its labeler saw."""

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from labeling.api.parameters import SinceField, StreamParameters
from labeling.api.preferences import MessageSerializer
from labeling.api.requests import project_of
from labeling.api.streams import JSONL, answer_rows
from labeling.exporting import judgment_rows
from labeling.models import Judgment


class JudgmentParameters(StreamParameters):
    since = SinceField(required=False, help_text="Only judgments made at or after this moment.")
    include_superseded = serializers.BooleanField(
        default=False, help_text="Also what was undone or corrected."
    )


class ShownResponseSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    text = serializers.CharField()
    model = serializers.CharField()


class JudgmentSerializer(serializers.Serializer[Any]):
    """Only describes the rows of exporting.judgment_rows; a test compares the two."""

    id = serializers.IntegerField()
    comparison = serializers.IntegerField()
    prompt = MessageSerializer(many=True)
    responses = ShownResponseSerializer(many=True, help_text="From left to right, as shown.")
    labeler = serializers.CharField()
    kind = serializers.ChoiceField(choices=Judgment.Kind.choices)
    tiers = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField()),
        help_text="Response ids, best first; responses of one tier are tied.",
    )
    strength = serializers.IntegerField(
        allow_null=True, help_text="1 slightly, 2 better, 3 much better; 0 negligibly."
    )
    aspects = serializers.DictField(
        child=serializers.IntegerField(allow_null=True),
        help_text="Aspect: id of the better response, null for neither.",
    )
    rationale = serializers.CharField()
    reasons = serializers.ListField(child=serializers.CharField(), help_text="Ticked reasons.")
    flag = serializers.CharField(help_text="Of a flag: its category.")
    rewrite = serializers.CharField(
        allow_null=True, help_text="What the labeler wrote as a better response."
    )
    seconds = serializers.FloatField(allow_null=True)
    guidelines = serializers.IntegerField(allow_null=True, help_text="Version that applied.")
    is_late = serializers.BooleanField()
    is_surplus = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    superseded_at = serializers.DateTimeField(allow_null=True)


class JudgmentPageSerializer(serializers.Serializer[Any]):
    results = JudgmentSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last.")


class JudgmentsView(APIView):
    @extend_schema(
        summary="Judgments, with what was shown",
        description="For curators and admins.",
        parameters=[JudgmentParameters],
        responses={
            (200, "application/json"): JudgmentPageSerializer,
            (200, JSONL): OpenApiTypes.BINARY,
        },
    )
    def get(self, request: Request, slug: str) -> HttpResponseBase:
        project = project_of(request, slug)
        given = JudgmentParameters.of(request)
        rows = judgment_rows(
            project,
            after=given["after"],
            since=given.get("since"),
            include_superseded=given["include_superseded"],
        )
        return answer_rows(request, rows, given, f"{project.slug}-judgments")
