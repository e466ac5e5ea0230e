"""Hands out every judgment of a project, with what its labeler saw."""

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from labeling.api.conventions.parameters import SinceField, StreamParameters
from labeling.api.conventions.requests import project_of
from labeling.api.conventions.streams import JSONL, answer_changes, answer_rows
from labeling.api.conventions.whole_messages import MessageSerializer
from labeling.models import Judgment, Scope
from labeling.preferences.judgment_rows import judgment_changes, judgment_rows


class JudgmentParameters(StreamParameters):
    since = SinceField(required=False, help_text="Only judgments made at or after this moment.")
    include_superseded = serializers.BooleanField(
        default=False, help_text="Also what was undone or corrected."
    )


class ShownResponseSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    text = serializers.CharField()
    model = serializers.CharField()
    metadata = serializers.CharField(help_text="JSON: what else is known of it.")
    extra = serializers.DictField(
        required=False, help_text="What its message holds beside the text, where it does."
    )


class JudgmentSerializer(serializers.Serializer[Any]):
    """Describes the rows of judgment_rows.judgment_rows for the schema; a test compares the two."""

    id = serializers.IntegerField()
    comparison = serializers.IntegerField()
    prompt = MessageSerializer(many=True)
    metadata = serializers.CharField(help_text="JSON: what else is known of the prompt.")
    responses = ShownResponseSerializer(many=True, help_text="From left to right, as shown.")
    labeler = serializers.CharField()
    kind = serializers.ChoiceField(choices=Judgment.Kind.choices)
    tiers = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField()),
        help_text="Response ids, best first; responses of one tier are tied.",
    )
    strength = serializers.IntegerField(
        help_text="1 slightly, 2 better, 3 much better; 0 negligibly; -1 where nobody was asked."
    )
    aspects = serializers.CharField(
        help_text="JSON: for each aspect the id of the better response, null for neither."
    )
    rationale = serializers.CharField()
    reasons = serializers.CharField(help_text="Ticked reasons, with commas between them.")
    flag = serializers.CharField(help_text="Of a flag: its category.")
    rewrite = serializers.CharField(
        help_text="What the labeler wrote as a better response; empty where nothing."
    )
    seconds = serializers.FloatField(help_text="0 where not known.")
    guidelines = serializers.IntegerField(help_text="Version that applied; 0 for none.")
    is_late = serializers.BooleanField()
    is_surplus = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    superseded_at = serializers.CharField(help_text="A moment; empty while it stands.")


class JudgmentPageSerializer(serializers.Serializer[Any]):
    results = JudgmentSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last.")
    cursor = serializers.CharField(
        required=False, help_text="To go on after this page, where `cursor` was given."
    )


class JudgmentsView(APIView):
    write_scope = Scope.LABEL

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
        file_name, superseded = f"{project.slug}-judgments", given["include_superseded"]
        if "cursor" in given:
            changes = judgment_changes(
                project, given["cursor"], given.get("limit"), include_superseded=superseded
            )
            return answer_changes(request, changes, given, file_name, project=project)
        rows = judgment_rows(
            project, after=given["after"], since=given.get("since"), include_superseded=superseded
        )
        return answer_rows(request, rows, given, file_name, project=project)
