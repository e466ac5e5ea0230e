"""How good the judgments are: the figures of the curation dashboard, agreement, each labeler's.

Every figure has its 95 % interval; where there is too little to say one, it is null.
"""

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.requests import project_of
from labeling.curation.facets import preference_counts
from labeling.curation.flags import flags_of
from labeling.curation.set_aside import set_aside_in
from labeling.judging import adaptive
from labeling.models import Comparison, Judgment, Project
from labeling.people.members import members_of
from labeling.quality import agreement, figures, labelers
from labeling.quality import votes as answers
from labeling.quality.agreement import Slice
from labeling.quality.measures.intervals import Estimate
from labeling.quality.measures.one_labeler import LabelerMeasures, Measure

OF_LABELER = ("pace", "agreement", "gold", "repeats", "left", "longer")


class EstimateSerializer(serializers.Serializer[Any]):
    value = serializers.FloatField()
    low = serializers.FloatField(
        allow_null=True, help_text="Of the 95 % interval; null where none can be given."
    )
    high = serializers.FloatField(allow_null=True)
    count = serializers.IntegerField(help_text="What it was counted from.")
    prompts = serializers.IntegerField()


class DayCountSerializer(serializers.Serializer[Any]):
    day = serializers.DateField(help_text="In the server's time zone.")
    judgments = serializers.IntegerField()


class DayAgreementSerializer(serializers.Serializer[Any]):
    day = serializers.DateField(help_text="On which the comparisons were finished.")
    agreement = EstimateSerializer()


class PreferenceCountsSerializer(serializers.Serializer[Any]):
    all = serializers.IntegerField()
    state = serializers.DictField(child=serializers.IntegerField())
    provenance = serializers.DictField(child=serializers.IntegerField())
    split = serializers.DictField(child=serializers.IntegerField())


class SavedJudgmentsSerializer(serializers.Serializer[Any]):
    """What adaptive overlap planned and asked for, on finished comparisons."""

    comparisons = serializers.IntegerField()
    planned = serializers.IntegerField()
    asked = serializers.IntegerField()
    stopped_early = serializers.IntegerField()
    extended = serializers.IntegerField()


class MeasuresSerializer(serializers.Serializer[Any]):
    """Describes measures_row for the schema; a test compares the two."""

    judgments = serializers.IntegerField(help_text="Skips and flags are not counted.")
    judgments_by_kind = serializers.DictField(child=serializers.IntegerField())
    judgments_by_day = DayCountSerializer(many=True, help_text="Of the last days, oldest first.")
    comparisons = serializers.IntegerField(help_text="Without checks.")
    flagged = serializers.IntegerField(help_text="Flags, and what was set aside.")
    preferences = PreferenceCountsSerializer()
    agreement = EstimateSerializer(
        allow_null=True, help_text="Of pairs of judgments of a comparison: the same answer."
    )
    agreement_by_day = DayAgreementSerializer(many=True)
    left = EstimateSerializer(allow_null=True, help_text="How often the left side won.")
    is_one_sided = serializers.BooleanField(help_text="Whether `left` is certainly not a half.")
    saved = SavedJudgmentsSerializer()


class SliceSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    percent = EstimateSerializer(allow_null=True)
    alpha = EstimateSerializer(allow_null=True)
    judgments = serializers.IntegerField()


class AgreementSerializer(serializers.Serializer[Any]):
    """Describes agreement_row for the schema; a test compares the two."""

    judgments = serializers.IntegerField(help_text=f"The newest, at most {answers.NEWEST:,}.")
    people = serializers.IntegerField()
    percent = EstimateSerializer(
        allow_null=True, help_text="Two people who judge the same pair say the same."
    )
    alpha = EstimateSerializer(
        allow_null=True, help_text="Krippendorff's, on the ordered scale: 0 is chance, 1 is full."
    )
    fleiss = EstimateSerializer(allow_null=True, help_text="Fleiss' kappa, of unordered answers.")
    cohen = EstimateSerializer(
        allow_null=True, help_text="Cohen's kappa, over the pairs of people who share most."
    )
    by_week = SliceSerializer(many=True, help_text="Weeks begin on Monday, the oldest first.")
    by_tag = SliceSerializer(many=True)
    by_guidelines = SliceSerializer(many=True)


class LabelerMeasureSerializer(serializers.Serializer[Any]):
    value = serializers.FloatField(allow_null=True, help_text="Null where there is too little.")
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    count = serializers.IntegerField(help_text="What it was counted from.")
    why_not = serializers.CharField(help_text="Why there is no figure; else empty.")


class LabelerSerializer(serializers.Serializer[Any]):
    """Describes labeler_rows for the schema; a test compares the two."""

    member = serializers.IntegerField(help_text="The id of the member.")
    username = serializers.CharField()
    judgments = serializers.IntegerField()
    reliability = serializers.FloatField(help_text="The weight of their judgments.")
    pace = LabelerMeasureSerializer(help_text="Median seconds of an answer.")
    agreement = LabelerMeasureSerializer(help_text="With others on the same pairs.")
    gold = LabelerMeasureSerializer(help_text="Known answers that were right.")
    repeats = LabelerMeasureSerializer(help_text="Comparisons asked twice: the same answer.")
    left = LabelerMeasureSerializer(help_text="How often the left side won.")
    longer = LabelerMeasureSerializer(help_text="How often the longer response won.")


class LabelersSerializer(serializers.Serializer[Any]):
    labelers = LabelerSerializer(many=True)
    agreement = EstimateSerializer(allow_null=True, help_text="Of all together.")
    longer = EstimateSerializer(allow_null=True, help_text="Of all together.")


def measures_row(project: Project) -> dict[str, Any]:
    kinds = figures.judgments_by_kind(project)
    left = figures.left_share(project)
    by_day = figures.agreement_by_day(project)
    return {
        "judgments": sum(kinds[kind] for kind in Judgment.ANSWERS),
        "judgments_by_kind": kinds,
        "judgments_by_day": [
            {"day": day, "judgments": count}
            for day, count in figures.judgments_per_day(project).items()
        ],
        "comparisons": project.comparisons.exclude(state=Comparison.State.CHECK).count(),
        "flagged": flags_of(project).count() + set_aside_in(project).count(),
        "preferences": preference_counts(project),
        "agreement": _estimate(figures.agreement(project)),
        "agreement_by_day": [
            {"day": day, "agreement": _estimate(one)} for day, one in sorted(by_day.items())
        ],
        "left": _estimate(left),
        "is_one_sided": left is not None and left.excludes(0.5),
        "saved": asdict(adaptive.judgments_saved(project)),
    }


def agreement_row(project: Project) -> dict[str, Any]:
    votes = answers.read_votes(project)
    whole = agreement.agreement_of(votes)
    return {
        "judgments": len(votes),
        "people": whole.people,
        "percent": _estimate(whole.percent),
        "alpha": _estimate(whole.alpha),
        "fleiss": _estimate(whole.fleiss),
        "cohen": _estimate(whole.cohen),
        "by_week": _slices(agreement.by_week(votes)),
        "by_tag": _slices(agreement.by_tag(project, votes)),
        "by_guidelines": _slices(agreement.by_guidelines(project, votes)),
    }


def labelers_row(project: Project) -> dict[str, Any]:
    everybody = labelers.measure_everybody(project)
    rows = [
        {
            "member": member.pk,
            "username": member.user.username,
            "reliability": member.reliability,
            **_of_labeler(everybody.measures_of(member.user_id)),
        }
        for member in members_of(project)
    ]
    return {
        "labelers": rows,
        "agreement": _estimate(everybody.agreement),
        "longer": _estimate(everybody.longer),
    }


def _of_labeler(measures: LabelerMeasures) -> dict[str, Any]:
    named = {name: _measure(getattr(measures, name)) for name in OF_LABELER}
    return {"judgments": measures.judgments, **named}


def _measure(measure: Measure) -> dict[str, Any]:
    if isinstance(measure, Estimate):
        known = {"value": measure.value, "low": measure.low, "high": measure.high}
        return known | {"count": measure.count, "why_not": ""}
    unknown = dict.fromkeys(("value", "low", "high"))
    return unknown | {"count": measure.count, "why_not": measure.reason}


def _estimate(estimate: Estimate | None) -> dict[str, Any] | None:
    return asdict(estimate) if estimate else None


def _slices(slices: list[Slice]) -> list[dict[str, Any]]:
    return [
        {
            "name": one.name,
            "percent": _estimate(one.percent),
            "alpha": _estimate(one.alpha),
            "judgments": one.judgments,
        }
        for one in slices
    ]


class MeasuresView(APIView):
    @extend_schema(
        summary="How much was judged, and how well people agree",
        description="For curators and admins. The figures of the curation dashboard.",
        responses=MeasuresSerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        return Response(measures_row(project_of(request, slug)))


class AgreementView(APIView):
    @extend_schema(
        summary="Agreement by its coefficients, over time, by tag and by guidelines",
        description="For curators and admins. Reads the newest judgments one by one, which takes a "
        "moment. docs/measures.md says what each figure means.",
        responses=AgreementSerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        return Response(agreement_row(project_of(request, slug)))


class LabelersView(APIView):
    @extend_schema(
        summary="What the answers say about each labeler",
        description="For curators and admins. A figure on too little is refused: `value` is null, "
        "and `why_not` says what is missing.",
        responses=LabelersSerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        return Response(labelers_row(project_of(request, slug)))
