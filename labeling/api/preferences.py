"""The settled preferences of a project, as training programs take them."""

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from labeling.api.parameters import SinceField, StreamParameters, Words
from labeling.api.requests import project_of
from labeling.api.streams import JSONL, answer_rows
from labeling.exporting import STYLES, PreferenceFilter, preference_rows
from labeling.models import Preference
from labeling.models.material import Split


class PreferenceParameters(StreamParameters):
    style = serializers.ChoiceField(  # type: ignore[assignment]
        choices=list(STYLES),
        default="messages",
        help_text="`messages`: prompt, chosen and rejected as lists of messages, as TRL's trainers "
        "take them. `text`: as strings.",
    )
    settled_since = SinceField(
        required=False,
        help_text="Only what was settled or changed at or after this moment (ISO 8601).",
    )
    split = Words(
        known=Split.values, required=False, help_text="One or more, with commas between them."
    )
    provenance = Words(
        known=Preference.Provenance.values,
        required=False,
        help_text="One or more, with commas between them.",
    )
    min_weight = serializers.FloatField(min_value=0.0, max_value=1.0, default=0.0)
    include_ties = serializers.BooleanField(
        default=False, help_text="Also ties: `kind` is `tie`, `target` 0.5."
    )
    include_both_bad = serializers.BooleanField(
        default=False, help_text="Also pairs where both were bad."
    )
    include_excluded = serializers.BooleanField(
        default=False, help_text="Also what curators have excluded."
    )


class MessageSerializer(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=["system", "user", "assistant"])
    content = serializers.CharField()


class PreferenceSerializer(serializers.Serializer[Any]):
    """Only describes the rows of exporting.preference_rows; a test compares the two."""

    id = serializers.IntegerField()
    prompt = MessageSerializer(many=True)
    chosen = MessageSerializer(many=True)
    rejected = MessageSerializer(many=True)
    kind = serializers.ChoiceField(choices=Preference.Kind.choices)
    target = serializers.FloatField(help_text="Share of the judgments for chosen; a tie is 0.5.")
    strength = serializers.FloatField(help_text="How much better, 1–3; 0 where nobody was asked.")
    weight = serializers.FloatField()
    agreement = serializers.FloatField(help_text="0 where there are no judgments.")
    judgments = serializers.IntegerField()
    split = serializers.ChoiceField(choices=Split.choices)
    provenance = serializers.ChoiceField(choices=Preference.Provenance.choices)
    arm = serializers.CharField()
    round = serializers.IntegerField(help_text="0 where it belongs to none.")
    chosen_model = serializers.CharField()
    rejected_model = serializers.CharField()
    excluded = serializers.BooleanField()
    settled_at = serializers.DateTimeField()


class PreferencePageSerializer(serializers.Serializer[Any]):
    results = PreferenceSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last.")


class PreferencesView(APIView):
    @extend_schema(
        summary="Settled preferences: (prompt, chosen, rejected)",
        description="For curators and admins. The stream is what `datasets.load_dataset('json', "
        "…)`, TRL's `RewardTrainer` and its `DPOTrainer` take unchanged.",
        parameters=[PreferenceParameters],
        responses={
            (200, "application/json"): PreferencePageSerializer,
            (200, JSONL): OpenApiTypes.BINARY,
        },
    )
    def get(self, request: Request, slug: str) -> HttpResponseBase:
        project = project_of(request, slug)
        given = PreferenceParameters.of(request)
        wanted = PreferenceFilter(
            after=given["after"],
            settled_since=given.get("settled_since"),
            splits=frozenset(given.get("split", [])),
            provenances=frozenset(given.get("provenance", [])),
            min_weight=given["min_weight"],
            include_ties=given["include_ties"],
            include_both_bad=given["include_both_bad"],
            include_excluded=given["include_excluded"],
            style=given["style"],
        )
        rows = preference_rows(project, wanted)
        return answer_rows(request, rows, given, f"{project.slug}-preferences")
