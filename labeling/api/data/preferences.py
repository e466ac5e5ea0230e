"""Hands out the settled preferences of a project as training programs take them."""

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from labeling.api.conventions.metadata import METADATA_PARAMETER, MetadataParameters
from labeling.api.conventions.parameters import (
    FiniteFloatField,
    SinceField,
    StreamParameters,
    WordListField,
)
from labeling.api.conventions.requests import project_of
from labeling.api.conventions.streams import answer_changes, answer_rows
from labeling.api.conventions.whole_messages import MessageSerializer
from labeling.curation.doubts import DOUBTS
from labeling.curation.exports import narrowing
from labeling.curation.finding import ARMS, STATES, FilterError
from labeling.models import Judgment, Preference, Project
from labeling.models.material import Split
from labeling.preferences.beyond_text import CannotBeColumns, CannotBeTexts
from labeling.preferences.exporting import (
    ExportOptions,
    StyleRefused,
    preference_changes,
    preference_rows,
)
from labeling.preferences.shapes.files import FORMATS
from labeling.preferences.shapes.loading import file_stem
from labeling.preferences.shapes.styles import STYLES, columns_of


class PreferenceParameters(MetadataParameters, StreamParameters):
    format = serializers.ChoiceField(
        choices=["json", *FORMATS],
        default="json",
        help_text="`json`: one page and the address of the next. The others are files with all "
        "rows. `jsonl`: one JSON object on each line. `csv`: lists are JSON in their cells, and a "
        "cell that a spreadsheet would take for a formula, or that begins with an apostrophe, has "
        "an apostrophe in front. `parquet`: refused where a message holds more than a role and a "
        "content. `jsonl.gz`, `csv.gz`: packed.",
    )
    style = serializers.ChoiceField(  # type: ignore[assignment]
        choices=list(STYLES),
        default="messages",
        help_text="`messages`: prompt, chosen and rejected as lists of messages, as TRL's trainers "
        "take them. `text`: as strings; refused where a message holds more than a text. The other "
        "styles are shapes of their own: they have further columns in place of these three, and "
        "docs/data-formats.md says what loads each.",
    )
    settled_since = SinceField(
        required=False,
        help_text="Only what was settled, or turned out otherwise, at or after this moment (ISO "
        "8601).",
    )
    split = WordListField(
        known=Split.values, required=False, help_text="One or more, with commas between them."
    )
    provenance = WordListField(
        known=Preference.Provenance.values,
        required=False,
        help_text="One or more, with commas between them.",
    )
    min_weight = FiniteFloatField(min_value=0.0, max_value=1.0, default=0.0)
    include_ties = serializers.BooleanField(
        default=False, help_text="Also ties: `kind` is `tie`, `target` 0.5."
    )
    include_both_bad = serializers.BooleanField(
        default=False, help_text="Also pairs where both were bad."
    )
    include_excluded = serializers.BooleanField(
        default=False, help_text="Also what curators have excluded."
    )
    with_names = serializers.BooleanField(
        default=False,
        help_text="Of `style=judgments`: labelers by their own names, in place of pseudonyms that "
        "stay the same in this project.",
    )

    kind = serializers.ChoiceField(
        choices=Preference.Kind.choices, required=False, help_text="This kind alone."
    )
    state = serializers.ChoiceField(
        choices=list(STATES),
        required=False,
        help_text="`excluded`: with `include_excluded`, what curators have excluded, alone. What "
        "is being judged again is never exported.",
    )
    q = serializers.CharField(
        required=False, max_length=200, help_text="Prompt, response or labeler holds this text."
    )
    arm = serializers.ChoiceField(choices=ARMS, required=False, help_text="How it was handed out.")
    source = serializers.CharField(  # type: ignore[assignment]  # a filter, not DRF's source
        required=False, help_text="`3|helper`: version 3 of helper wrote one of the two; `|gpt`."
    )
    labeler = serializers.CharField(required=False, help_text="Judged by this person.")
    answer = serializers.ChoiceField(
        choices=Judgment.Kind.choices, required=False, help_text="With a judgment of this kind."
    )
    judged_on = serializers.CharField(required=False, help_text="A day, in the server's zone.")
    settled_on = serializers.CharField(required=False, help_text="A day, in the server's zone.")
    doubt = serializers.ChoiceField(
        choices=list(DOUBTS), required=False, help_text="What the reward model contradicts."
    )
    near = serializers.ChoiceField(
        choices=["prompts"], required=False, help_text="Those whose prompt has near copies."
    )


class PreferenceSerializer(serializers.Serializer[Any]):
    """Describes the rows of exporting.preference_rows for the schema; a test compares the two."""

    id = serializers.IntegerField()
    prompt = MessageSerializer(many=True)
    chosen = MessageSerializer(many=True)
    rejected = MessageSerializer(many=True)
    tools = serializers.ListField(
        child=serializers.DictField(),
        required=False,
        help_text="Functions that the model may call, where the prompt came with some.",
    )
    chat_template_kwargs = serializers.DictField(
        required=False, help_text="For the chat template, where the prompt came with some."
    )
    kind = serializers.ChoiceField(choices=Preference.Kind.choices)
    target = serializers.FloatField(help_text="Share of the judgments for chosen; a tie is 0.5.")
    strength = serializers.FloatField(help_text="How much better, 1–3; 0 where nobody was asked.")
    weight = serializers.FloatField()
    vote_share = serializers.FloatField(
        help_text="Share of the judgments that say what was settled; 0 where there are none."
    )
    judgments = serializers.IntegerField(help_text="The sum of the four kinds of votes.")
    votes_chosen = serializers.IntegerField()
    votes_rejected = serializers.IntegerField()
    votes_tie = serializers.IntegerField()
    votes_both_bad = serializers.IntegerField()
    split = serializers.ChoiceField(choices=Split.choices)
    provenance = serializers.ChoiceField(choices=Preference.Provenance.choices)
    arm = serializers.CharField()
    round = serializers.IntegerField(help_text="0 where it belongs to none.")
    chosen_model = serializers.CharField()
    rejected_model = serializers.CharField()
    tags = serializers.CharField(help_text="Of the prompt, with commas between them.")
    excluded = serializers.BooleanField()
    excluded_reason = serializers.CharField(help_text="Empty where not excluded.")
    settled_at = serializers.DateTimeField()
    fingerprint = serializers.CharField(
        help_text="Of the texts: tells an import whether it reads the line as it was written."
    )
    metadata = serializers.CharField(help_text="JSON: what else is known of the prompt.")
    chosen_metadata = serializers.CharField(help_text="JSON: what else is known of chosen.")
    rejected_metadata = serializers.CharField(help_text="JSON: what else is known of rejected.")


class PreferenceRow(serializers.Field):
    """A row in the shape of a style, for the schema."""


class PreferenceRowInSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = PreferenceRow

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        usual = auto_schema.resolve_serializer(PreferenceSerializer, direction).ref
        said = "Of another `style`: its columns are in docs/data-formats.md."
        return {"anyOf": [usual, {"type": "object", "description": said}]}


class PreferencePageSerializer(serializers.Serializer[Any]):
    results = serializers.ListField(child=PreferenceRow())
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last.")
    cursor = serializers.CharField(
        required=False, help_text="To go on after this page, where `cursor` was given."
    )


def options_of(project: Project, given: dict[str, Any]) -> ExportOptions:
    """The options of an export. Raises FilterError for what cannot be looked for."""
    return ExportOptions(
        **narrowing(project, given),
        kind=given.get("kind", ""),
        after=given["after"],
        settled_since=given.get("settled_since"),
        splits=frozenset(given.get("split", [])),
        provenances=frozenset(given.get("provenance", [])),
        min_weight=given["min_weight"],
        include_ties=given["include_ties"],
        include_both_bad=given["include_both_bad"],
        include_excluded=given["include_excluded"],
        style=given["style"],
        with_names=given["with_names"],
        metadata=given["metadata"],
        is_plain=given["format"] in FORMATS and FORMATS[given["format"]].needs_plain,
    )


class PreferencesView(APIView):
    @extend_schema(
        summary="Settled preferences: (prompt, chosen, rejected)",
        description="For curators and admins. The stream is what `datasets.load_dataset('json', "
        "…)`, TRL's `RewardTrainer` and its `DPOTrainer` take unchanged.",
        parameters=[PreferenceParameters, METADATA_PARAMETER],
        responses={
            (200, "application/json"): PreferencePageSerializer,
            **{(200, file.content_type): OpenApiTypes.BINARY for file in FORMATS.values()},
        },
    )
    def get(self, request: Request, slug: str) -> HttpResponseBase:
        project = project_of(request, slug)
        given = PreferenceParameters.of(request)
        name = file_stem(project.slug, given["style"])
        try:
            wanted = options_of(project, given)
            columns = columns_of(STYLES[wanted.style])
            if "cursor" in given:
                changes = preference_changes(project, wanted, given["cursor"], given.get("limit"))
                return answer_changes(request, changes, given, name, columns, project)
            rows = preference_rows(project, wanted)
            return answer_rows(request, rows, given, name, columns, project)
        except FilterError as problem:
            raise serializers.ValidationError({problem.field: [str(problem)]}) from problem
        except (CannotBeTexts, StyleRefused) as problem:
            field = "format" if isinstance(problem, CannotBeColumns) else "style"
            raise serializers.ValidationError({field: [str(problem)]}) from problem
