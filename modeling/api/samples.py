"""What versions of the policy wrote for the same prompt, side by side, with rewards."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.parameters import MOST_ROWS, Parameters
from labeling.api.conventions.requests import project_of
from labeling.models import Project
from modeling.policies.samples import (
    MOST_OTHERS,
    MOST_VERSIONS,
    Column,
    SamplePage,
    chosen_versions,
    trained_versions,
    versions_with_responses,
    written_in_project,
    written_in_training,
)

BIGGEST_VERSION = 2**31 - 1
MOST_PROMPTS = 100


class VersionsField(serializers.CharField):
    """Versions with commas between them."""

    def to_internal_value(self, data: Any) -> Any:
        words = [word.strip() for word in super().to_internal_value(data).split(",")]
        numbers = [int(w) for w in words if w.isascii() and w.isdecimal() and len(w) < 10]
        if len(numbers) < len(words) or len(numbers) > MOST_VERSIONS:
            raise serializers.ValidationError(
                f"Give up to {MOST_VERSIONS} versions, with commas between them: 1,2."
            )
        return numbers


class SampleParameters(Parameters):
    version = VersionsField(
        required=False,
        max_length=100,
        help_text=f"Up to {MOST_VERSIONS} versions with commas between them; else the two newest "
        "that have written something. Prompts that all of them have answered are told.",
    )
    trained = serializers.IntegerField(
        min_value=1,
        max_value=BIGGEST_VERSION,
        required=False,
        help_text="In place of `version`: one that a run has trained. What was written to prompts "
        "held out from it, before and after, with the same seeds.",
    )
    q = serializers.CharField(
        required=False, max_length=300, help_text="Only prompts with this in them."
    )
    after = serializers.IntegerField(
        min_value=0,
        max_value=MOST_ROWS,
        required=False,
        help_text="Only prompts after this one, by its `key`: goes on where a page ended.",
    )
    limit = serializers.IntegerField(
        min_value=1, max_value=MOST_PROMPTS, default=12, help_text="Prompts on a page."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "version" in attrs and "trained" in attrs:
            problem = "Goes without `version`: give one of the two."
            raise serializers.ValidationError({"trained": problem})
        return attrs


class SampleSerializer(serializers.Serializer[Any]):
    text = serializers.CharField()
    finished = serializers.BooleanField(help_text="Whether it ended by itself.")
    reward = serializers.FloatField(allow_null=True, help_text="By `reward_model`.")
    gold = serializers.FloatField(
        allow_null=True, help_text="By the oracle, where the project has one."
    )


class WrittenSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    when = serializers.ChoiceField(
        choices=["", "before", "after"], help_text="Of a training; else empty."
    )
    samples = SampleSerializer(
        many=True, help_text=f"The latest first, those with a reward first; {MOST_OTHERS + 1}."
    )


class SampledPromptSerializer(serializers.Serializer[Any]):
    key = serializers.IntegerField(help_text="To go on after.")
    prompt = serializers.CharField(help_text="Its last message.")
    written = WrittenSerializer(many=True)


class SamplesSerializer(serializers.Serializer[Any]):
    """Describes samples_row for the schema; a test compares the two."""

    versions = serializers.ListField(child=serializers.IntegerField(), help_text="That are told.")
    reward_model = serializers.IntegerField(
        allow_null=True, help_text="The version whose rewards they are."
    )
    results = SampledPromptSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last.")


class SamplesView(APIView):
    @extend_schema(
        summary="What versions of the policy wrote, side by side",
        description="For curators and admins. 404: no run has trained the version in `trained`, or "
        "what it wrote is gone.",
        parameters=[SampleParameters],
        responses=SamplesSerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        given = SampleParameters.of(request)
        versions, page = _page(project, given)
        following = None
        if page.after is not None:
            parameters = request.query_params.copy()
            parameters["after"] = str(page.after)
            following = request.build_absolute_uri(f"{request.path}?{parameters.urlencode()}")
        return Response(samples_row(versions, page) | {"next": following})


def _page(project: Project, given: dict[str, Any]) -> tuple[list[int], SamplePage]:
    text, after, size = given.get("q", ""), given.get("after"), given["limit"]
    if "trained" not in given:
        known = versions_with_responses(project)
        versions = chosen_versions(known, given.get("version", []))
        return versions, written_in_project(project, versions, text, after, size)
    policy = trained_versions(project).filter(version=given["trained"]).first()
    if policy is None or policy.parent is None:
        raise NotFound(f"No run has trained a policy v{given['trained']}.")
    page = written_in_training(project, policy, text, after, size)
    if page is None:
        raise NotFound("What was written is gone with the folder of its run.")
    return [policy.parent.version, policy.version], page


def samples_row(versions: list[int], page: SamplePage) -> dict[str, Any]:
    return {
        "versions": versions,
        "reward_model": page.reward_model.version if page.reward_model else None,
        "results": [
            {
                "key": int(row.key),
                "prompt": row.prompt,
                "written": [_written(column) for column in row.columns],
            }
            for row in page.rows
        ],
    }


def _written(column: Column) -> dict[str, Any]:
    return {
        "version": column.version,
        "when": column.when,
        "samples": [vars(sample) for sample in column.samples],
    }
