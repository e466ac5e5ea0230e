"""What waits for a curator's answer: flags of labelers, and doubts of the reward model."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.errors import answers
from labeling.api.conventions.pages import ListOfRows, PageParameters, answer_page, page_of
from labeling.api.conventions.requests import project_of
from labeling.api.material.preference_rows import DoubtSerializer, doubt_row
from labeling.curation.doubts import DOUBTS
from labeling.curation.flags import flags_of
from labeling.models import Comparison, FlagCategory, Judgment, Preference


class FlagSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField(help_text="Of the judgment.")
    comparison = serializers.IntegerField(help_text="Its id.")
    state = serializers.ChoiceField(choices=Comparison.State.choices, help_text="Of it.")
    flag = serializers.ChoiceField(choices=FlagCategory.choices)
    rationale = serializers.CharField()
    labeler = serializers.CharField(help_text="A user name.")
    created_at = serializers.DateTimeField()


class FlagParameters(PageParameters):
    category = serializers.ChoiceField(choices=FlagCategory.choices, required=False)


class DoubtParameters(PageParameters):
    state = serializers.ChoiceField(choices=list(DOUBTS), default="open")


def flag_rows(flags: Sequence[Judgment]) -> list[dict[str, Any]]:
    return [
        {
            "id": flag.pk,
            "comparison": flag.comparison_id,
            "state": flag.comparison.state,
            "flag": flag.flag,
            "rationale": flag.rationale,
            "labeler": flag.labeler.username,
            "created_at": flag.created_at,
        }
        for flag in flags
    ]


def doubt_rows(preferences: Sequence[Preference]) -> list[dict[str, Any]]:
    return [doubt_row(preference.doubt) for preference in preferences]


class FlagsView(APIView):
    @extend_schema(
        summary="What labelers have flagged",
        description="For curators and admins. The newest first. The answer to a flag is to "
        "withdraw the comparison, or to leave it to others.",
        parameters=[FlagParameters],
        responses=answers(page_of("Flag", FlagSerializer), 400),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        given = FlagParameters.of(request)
        flags = flags_of(project).select_related("comparison", "labeler")
        if "category" in given:
            flags = flags.filter(flag=given["category"])
        return answer_page(request, ListOfRows("flags", project, given), flags, flag_rows)


class DoubtsView(APIView):
    @extend_schema(
        summary="Preferences that the reward model contradicts",
        description="For curators and admins. The newest preference first.",
        parameters=[DoubtParameters],
        responses=answers(page_of("Doubt", DoubtSerializer), 400),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        given = DoubtParameters.of(request)
        doubted = Preference.objects.filter(DOUBTS[given["state"]], project=project)
        doubted = doubted.select_related("doubt__confirmed_by")
        return answer_page(request, ListOfRows("doubts", project, given), doubted, doubt_rows)
