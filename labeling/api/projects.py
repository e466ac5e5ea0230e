"""The API's index, and the projects that the caller can open."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from labeling.api.conventions.requests import project_of, user_of
from labeling.models import Project
from labeling.people.access import projects_of, role_in
from labeling.preferences.exporting import project_counts


class IndexSerializer(serializers.Serializer[Any]):
    projects = serializers.URLField()
    schema = serializers.URLField()
    docs = serializers.URLField()


class IndexView(APIView):
    @extend_schema(summary="Where everything is", responses=IndexSerializer)
    def get(self, request: Request) -> Response:
        names = {"projects": "api-projects", "schema": "api-schema", "docs": "api-docs"}
        return Response({name: reverse(url, request=request) for name, url in names.items()})


class ProjectSerializer(serializers.ModelSerializer[Project]):
    url = serializers.HyperlinkedIdentityField(
        view_name="api-project", lookup_field="slug", read_only=True
    )

    class Meta:
        model = Project
        fields = ["slug", "name", "description", "url"]


class CountsSerializer(serializers.Serializer[Any]):
    prompts = serializers.IntegerField()
    comparisons_open = serializers.IntegerField()
    comparisons_finished = serializers.IntegerField()
    judgments = serializers.IntegerField(help_text="Skips and flags are not counted.")
    skips = serializers.IntegerField()
    flags = serializers.IntegerField()
    preferences = serializers.IntegerField()
    preferences_excluded = serializers.IntegerField()


class ProjectDetailSerializer(ProjectSerializer):
    role = serializers.SerializerMethodField()
    counts = serializers.SerializerMethodField()
    preferences = serializers.HyperlinkedIdentityField(
        view_name="api-preferences", lookup_field="slug", read_only=True
    )
    judgments = serializers.HyperlinkedIdentityField(
        view_name="api-judgments", lookup_field="slug", read_only=True
    )
    imports = serializers.HyperlinkedIdentityField(
        view_name="api-imports", lookup_field="slug", read_only=True
    )

    class Meta(ProjectSerializer.Meta):
        fields = [
            *ProjectSerializer.Meta.fields,
            "question", "scale", "overlap", "role", "counts", "preferences", "judgments", "imports",
        ]  # fmt: skip

    def get_role(self, project: Project) -> str:
        return str(role_in(user_of(self.context["request"]), project))

    @extend_schema_field(CountsSerializer)
    def get_counts(self, project: Project) -> dict[str, int]:
        return project_counts(project)


class ProjectsView(APIView):
    @extend_schema(summary="The projects you can open", responses=ProjectSerializer(many=True))
    def get(self, request: Request) -> Response:
        projects = projects_of(user_of(request)).order_by("slug")
        return Response(ProjectSerializer(projects, many=True, context={"request": request}).data)


class ProjectView(APIView):
    @extend_schema(
        summary="A project with its counts",
        description="For curators and admins of the project.",
        responses=ProjectDetailSerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        return Response(ProjectDetailSerializer(project, context={"request": request}).data)
