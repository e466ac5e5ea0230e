"""The guidelines of a project: their versions, and the next one."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.errors import Contradicted, answers, answers_to_post
from labeling.api.conventions.once import once
from labeling.api.conventions.pages import ListOfRows, PageParameters, answer_page, page_of
from labeling.api.conventions.parameters import Body
from labeling.api.conventions.requests import project_of, user_of
from labeling.models import GuidelineVersion, Role
from labeling.projects.editing import MAX_GUIDELINES, GuidelinesMoved, save_guidelines


class GuidelinesSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField(help_text="Of the version: 1, 2, 3 …")
    text = serializers.CharField(help_text="Markdown.")
    created_by = serializers.CharField(allow_null=True, help_text="A user name.")
    created_at = serializers.DateTimeField()


class GuidelinesBody(Body):
    text = serializers.CharField(
        max_length=MAX_GUIDELINES, allow_blank=True, trim_whitespace=False, help_text="Markdown."
    )
    written_on = serializers.IntegerField(
        min_value=0,
        help_text="The number of the version that you started from; 0 where there was none. 409 "
        "where somebody has saved another since.",
    )


class GuidelinesParameters(PageParameters):
    """No filters."""


def version_rows(versions: Sequence[GuidelineVersion]) -> list[dict[str, Any]]:
    return [
        {
            "number": version.number,
            "text": version.text,
            "created_by": version.created_by.username if version.created_by else None,
            "created_at": version.created_at,
        }
        for version in versions
    ]


class GuidelinesView(APIView):
    @extend_schema(
        summary="The versions of the guidelines",
        description="For curators and admins. The newest first.",
        parameters=[GuidelinesParameters],
        responses=answers(page_of("Guidelines", GuidelinesSerializer), 400),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        listed = ListOfRows("guidelines", project, GuidelinesParameters.of(request))
        versions = project.guideline_versions.select_related("created_by")
        return answer_page(request, listed, versions, version_rows)

    @extend_schema(
        summary="Save the next version of the guidelines",
        description="For curators and admins. Labelers read it from now on; every judgment names "
        "the version that applied. 200, with the version there is, where the text is the same.",
        request=GuidelinesBody,
        responses=answers_to_post(GuidelinesSerializer, status=201) | {200: GuidelinesSerializer},
    )
    @once()
    def post(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        given = GuidelinesBody.of(request)
        try:
            version = save_guidelines(
                project, user_of(request), given["text"], written_on=given["written_on"]
            )
        except GuidelinesMoved as moved:
            newest = moved.newest
            raise Contradicted(
                f"{newest.created_by or 'Somebody'} has saved version {newest.number} since. Read "
                f"it, then send your text with written_on={newest.number}."
            ) from moved
        if version is None:
            if project.guidelines is None:
                raise serializers.ValidationError({"text": "Is empty, as the guidelines are now."})
            return Response(version_rows([project.guidelines])[0])
        return Response(version_rows([version])[0], status=201)


class CurrentGuidelinesView(APIView):
    @extend_schema(
        summary="The guidelines that apply now",
        description="For every member. 404 where the project has none.",
        responses=answers(GuidelinesSerializer),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug, Role.LABELER)
        if project.guidelines is None:
            raise NotFound("This project has no guidelines.")
        row = version_rows([project.guidelines])[0]
        # Labelers learn no names of others, here as on the page.
        is_labeler = project.role_of_viewer == Role.LABELER
        return Response(row | {"created_by": None} if is_labeler else row)


class GuidelineVersionView(APIView):
    @extend_schema(
        summary="One version of the guidelines",
        description="For curators and admins.",
        responses=answers(GuidelinesSerializer),
    )
    def get(self, request: Request, slug: str, number: int) -> Response:
        project = project_of(request, slug)
        versions = project.guideline_versions.select_related("created_by")
        version = versions.filter(number=number).first()
        if version is None:
            raise NotFound(f"There is no version {number} of these guidelines.")
        return Response(version_rows([version])[0])
