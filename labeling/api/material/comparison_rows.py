"""A comparison as the API shows it to curators: in a list, and with all that belongs to it."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from labeling.api.conventions.whole_messages import MessageSerializer
from labeling.api.material.responses import ResponseSerializer, response_row
from labeling.models import Assignment, Comparison, ComparisonResponse, Judgment, Preference


class ComparisonSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    prompt = serializers.IntegerField(help_text="Its id.")
    responses = serializers.ListField(child=serializers.IntegerField(), help_text="Their ids.")
    state = serializers.ChoiceField(choices=Comparison.State.choices)
    wanted = serializers.IntegerField(help_text="Judgments asked for.")
    slots_left = serializers.IntegerField(help_text="Judgments still to be handed out.")
    priority = serializers.FloatField(help_text="Higher is handed out sooner.")
    arm = serializers.ChoiceField(choices=Comparison.Arm.choices, allow_blank=True)
    round = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    set_aside_at = serializers.DateTimeField(allow_null=True)
    set_aside_reason = serializers.CharField()


class JudgmentOfComparisonSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    labeler = serializers.CharField(help_text="A user name.")
    kind = serializers.ChoiceField(choices=Judgment.Kind.choices)
    purpose = serializers.ChoiceField(choices=Judgment.Purpose.choices)
    tiers = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField()),
        help_text="Response ids, best first; responses of one tier are tied.",
    )
    strength = serializers.IntegerField(allow_null=True)
    rationale = serializers.CharField()
    reasons = serializers.ListField(child=serializers.CharField())
    flag = serializers.CharField()
    rewrite = serializers.IntegerField(allow_null=True, help_text="Id of the response written.")
    seconds = serializers.FloatField(allow_null=True)
    is_late = serializers.BooleanField()
    is_surplus = serializers.BooleanField(help_text="Kept, not counted.")
    is_right = serializers.BooleanField(allow_null=True, help_text="Of gold.")
    created_at = serializers.DateTimeField()
    superseded_at = serializers.DateTimeField(allow_null=True)
    excluded_at = serializers.DateTimeField(allow_null=True)


class ComparisonDetailSerializer(ComparisonSerializer):
    messages = MessageSerializer(many=True, help_text="Of the prompt.")
    compared = ResponseSerializer(many=True, help_text="The responses.")
    judgments = JudgmentOfComparisonSerializer(
        many=True, help_text="All that were given, also those superseded since."
    )
    held_by = serializers.ListField(
        child=serializers.CharField(), help_text="User names of those who have it on screen."
    )
    preferences = serializers.ListField(
        child=serializers.IntegerField(), help_text="Ids of what it settled."
    )
    is_gold = serializers.BooleanField()


def comparison_rows(comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    """The rows, with two statements for all of them."""
    responses: dict[int, list[int]] = defaultdict(list)
    places = ComparisonResponse.objects.filter(comparison__in=comparisons).order_by("position")
    for comparison_id, response_id in places.values_list("comparison_id", "response_id"):
        responses[comparison_id].append(response_id)
    return [_row(comparison, responses[comparison.pk]) for comparison in comparisons]


def _row(comparison: Comparison, responses: list[int]) -> dict[str, Any]:
    return {
        "id": comparison.pk,
        "prompt": comparison.prompt_id,
        "responses": responses,
        "state": comparison.state,
        "wanted": comparison.wanted,
        "slots_left": comparison.slots_left,
        "priority": comparison.priority,
        "arm": comparison.arm,
        "round": comparison.round_number,
        "created_at": comparison.created_at,
        "finished_at": comparison.finished_at,
        "set_aside_at": comparison.set_aside_at,
        "set_aside_reason": comparison.set_aside_reason,
    }


def comparison_detail(comparison: Comparison) -> dict[str, Any]:
    places = comparison.comparison_responses.select_related("response")
    compared = [place.response for place in places]
    held = Assignment.objects.filter(comparison=comparison, state=Assignment.State.LEASED)
    preferences = Preference.objects.filter(comparison=comparison).order_by("pk")
    judgments = Judgment.objects.filter(comparison=comparison).select_related("labeler")
    return {
        **_row(comparison, [response.pk for response in compared]),
        "messages": comparison.prompt.messages,
        "compared": [response_row(response) for response in compared],
        "judgments": [judgment_row(one) for one in judgments.order_by("created_at", "pk")],
        "held_by": list(held.order_by("pk").values_list("labeler__username", flat=True)),
        "preferences": list(preferences.values_list("pk", flat=True)),
        "is_gold": hasattr(comparison, "gold"),
    }


def judgment_row(judgment: Judgment) -> dict[str, Any]:
    return {
        "id": judgment.pk,
        "labeler": judgment.labeler.username,
        "kind": judgment.kind,
        "purpose": judgment.purpose,
        "tiers": judgment.tiers,
        "strength": judgment.strength,
        "rationale": judgment.rationale,
        "reasons": judgment.reasons,
        "flag": judgment.flag,
        "rewrite": judgment.rewrite_id,
        "seconds": judgment.seconds,
        "is_late": judgment.is_late,
        "is_surplus": judgment.is_surplus,
        "is_right": judgment.is_right,
        "created_at": judgment.created_at,
        "superseded_at": judgment.superseded_at,
        "excluded_at": judgment.excluded_at,
    }
