"""Comparisons: listed by their state, read with their judgments, queued in bulk."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.bulk import body_of_rows, rows_in
from labeling.api.conventions.errors import Contradicted, answers, answers_to_post
from labeling.api.conventions.once import once
from labeling.api.conventions.pages import ListOfRows, PageParameters, answer_page, page_of
from labeling.api.conventions.requests import project_of, row_of, user_of
from labeling.api.material.comparison_rows import (
    ComparisonDetailSerializer,
    ComparisonSerializer,
    comparison_detail,
    comparison_rows,
)
from labeling.api.material.comparisons_sent import BIGGEST_ID, comparisons_in
from labeling.api.material.prompts import NewPromptsParameters, PromptBodySerializer
from labeling.curation.additions import MaterialGone, add_comparisons
from labeling.importing.reports import NoticeCounter
from labeling.models import Comparison
from labeling.models.project_limits import LIMITS


class ComparisonParameters(PageParameters):
    state = serializers.ChoiceField(choices=Comparison.State.choices, required=False)
    set_aside = serializers.BooleanField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Whether it is set aside, since it could not be shown or a curator said so.",
    )
    arm = serializers.ChoiceField(choices=Comparison.Arm.choices, required=False)
    prompt = serializers.IntegerField(
        min_value=1, max_value=BIGGEST_ID, required=False, help_text="The prompt's id."
    )


class ComparisonBodySerializer(PromptBodySerializer):
    """Describes a row for the schema: a prompt with responses, or `response_ids` alone."""

    prompt = serializers.JSONField(required=False, help_text="A text, or a list of messages.")
    responses = serializers.ListField(
        child=serializers.JSONField(),
        required=False,
        help_text="2 to 9 texts, or objects with `text` and `model`, or assistant's messages.",
    )
    model = serializers.CharField(required=False, help_text="Where a response does not say.")
    response_ids = serializers.ListField(
        child=serializers.IntegerField(),
        required=False,
        help_text="Of responses to one prompt that are there, in place of all above.",
    )
    priority = serializers.FloatField(
        required=False, help_text="Higher is handed out sooner; 0 where not said."
    )
    wanted = serializers.IntegerField(
        min_value=LIMITS["overlap"][0],
        max_value=LIMITS["overlap"][1],
        required=False,
        help_text="Judgments asked for; the project's overlap where not said.",
    )


class AddedComparisonSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    is_new = serializers.BooleanField(help_text="False: it was there, and stays as it is.")
    prompt = serializers.IntegerField()
    responses = serializers.ListField(child=serializers.IntegerField())


class AddedComparisonsSerializer(serializers.Serializer[Any]):
    rows = AddedComparisonSerializer(many=True, help_text="In the order of the request.")
    new = serializers.IntegerField(help_text="How many were queued.")
    notices = serializers.ListField(child=serializers.CharField())


class ComparisonsView(APIView):
    @extend_schema(
        summary="Comparisons, by their state",
        description="For curators and admins. The newest first.",
        parameters=[ComparisonParameters],
        responses=answers(page_of("Comparison", ComparisonSerializer), 400),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        given = ComparisonParameters.of(request)
        comparisons = Comparison.objects.filter(project=project)
        for name in ("state", "arm", "prompt"):
            if name in given:
                comparisons = comparisons.filter(**{name: given[name]})
        if given["set_aside"] is not None:
            comparisons = comparisons.filter(set_aside_at__isnull=not given["set_aside"])
        listed = ListOfRows("comparisons", project, given)
        return answer_page(request, listed, comparisons, comparison_rows)

    @extend_schema(
        summary="Queue up to 10,000 comparisons",
        description="For curators and admins. Whole or not at all: each fault is named by row and "
        "field. All responses of a row are compared with each other. What is there already, be it "
        "prompt, response or comparison, is found again. 200: all of them were there.",
        parameters=[NewPromptsParameters],
        request=body_of_rows("NewComparisons", ComparisonBodySerializer),
        responses=answers_to_post(AddedComparisonsSerializer, status=201)
        | {200: AddedComparisonsSerializer},
    )
    @once()
    def post(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        source = NewPromptsParameters.of(request)["source"]
        notices = NoticeCounter()
        new = comparisons_in(project, rows_in(request), notices)
        try:
            added = add_comparisons(project, user_of(request), new, source)
        except MaterialGone as fault:
            raise Contradicted(str(fault)) from fault
        rows = [
            {
                "id": one.id,
                "is_new": one.is_new,
                "prompt": one.prompt_id,
                "responses": list(one.response_ids),
            }
            for one in added
        ]
        count = sum(one.is_new for one in added)
        body = {"rows": rows, "new": count, "notices": notices.sentences()}
        return Response(body, status=201 if count else 200)


class ComparisonView(APIView):
    @extend_schema(
        summary="A comparison with its responses and judgments",
        description="For curators and admins: labelers would see what others said.",
        responses=answers(ComparisonDetailSerializer),
    )
    def get(self, request: Request, slug: str, pk: int) -> Response:
        mine: Any = Comparison.objects.filter(project=project_of(request, slug))
        comparison = row_of(mine.select_related("prompt", "gold"), "comparison", pk)
        return Response(comparison_detail(comparison))
