"""The API's index, and the projects that the caller can open or makes."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from labeling.api.conventions.errors import answers, problems
from labeling.api.conventions.once import once
from labeling.api.conventions.requests import project_of, user_of
from labeling.api.projects.settings import ModelBody, described
from labeling.models import Project
from labeling.people.access import can_create_projects, projects_of, role_in
from labeling.preferences.exporting import project_counts
from labeling.projects.editing import create_project
from labeling.projects.settings_texts import NEW_PROJECT


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


class NewProjectSerializer(ModelBody):
    """What there is to decide about a new project, as on its page; its settings have the rest."""

    class Meta:
        model = Project
        fields: ClassVar = NEW_PROJECT
        extra_kwargs = described(*NEW_PROJECT)


class ProjectsView(APIView):
    @extend_schema(
        summary="The projects you can open",
        responses={200: ProjectSerializer(many=True), **problems(401, 403, 429)},
    )
    def get(self, request: Request) -> Response:
        projects = projects_of(user_of(request)).order_by("slug")
        return Response(ProjectSerializer(projects, many=True, context={"request": request}).data)

    @extend_schema(
        summary="Make a project",
        description="For whoever is admin of one, and superusers. You are its first admin. Its "
        "address follows from its name.",
        request=NewProjectSerializer,
        responses={
            201: ProjectDetailSerializer,
            **problems(400, 401, 403, 409, 413, 415, 422, 429),
        },
    )
    @once()
    def post(self, request: Request) -> Response:
        user = user_of(request)
        if not can_create_projects(user):
            raise PermissionDenied("Only admins make projects. Ask one to make it or to add you.")
        project = create_project(user, NewProjectSerializer.of(request))
        detail = ProjectDetailSerializer(project, context={"request": request})
        return Response(detail.data, status=201)


class ProjectView(APIView):
    @extend_schema(
        summary="A project with its counts",
        description="For curators and admins of the project.",
        responses=answers(ProjectDetailSerializer),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        return Response(ProjectDetailSerializer(project, context={"request": request}).data)
