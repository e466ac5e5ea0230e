"""A project's reward models: which there are, how good each is, and which one is in service."""

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.errors import Contradicted, problems
from labeling.api.conventions.once import once
from labeling.api.conventions.requests import project_of, user_of
from labeling.models import Project, Role
from labeling.pages.numbers import whole_number
from labeling.projects.model_locations import NotUsable
from modeling.api.bodies import ReasonSerializer, refusing, seen_version
from modeling.api.reward_model_rows import (
    RewardModelDetailSerializer,
    RewardModelSerializer,
    model_detail,
    model_row,
)
from modeling.models import RewardModel, deciding
from modeling.reward_models import service
from modeling.reward_models.model_card import archive_of, card_of

LIVE = "live"
TAR = "application/x-tar"
OTHERS = ("project", "run", "snapshot")


def find_version(project: Project, version: str) -> RewardModel:
    """By number, or the one in service."""
    reward_models = RewardModel.objects.filter(project=project).select_related(*OTHERS)
    if version == LIVE:
        model = reward_models.filter(status=RewardModel.Status.LIVE).first()
        words = "No reward model is in service yet."
    else:
        number = whole_number(version)
        model = reward_models.filter(version=number).first() if number is not None else None
        words = f"There is no reward model {version}."
    if model is None:
        raise NotFound(words)
    return model


class PromoteSerializer(ReasonSerializer):
    instead_of = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        help_text="The version that you saw in service (null: none). If another one is there by "
        "now, nothing is changed: 409. Left out: whichever is there.",
    )


class RewardModelsView(APIView):
    @extend_schema(
        summary="The reward models of a project, newest first",
        description="For curators and admins of the project.",
        responses=RewardModelSerializer(many=True),
    )
    def get(self, request: Request, slug: str) -> Response:
        reward_models = RewardModel.objects.filter(project=project_of(request, slug))
        rows = [model_row(model) for model in reward_models.select_related("snapshot")]
        return Response(RewardModelSerializer(rows, many=True).data)


class RewardModelView(APIView):
    @extend_schema(
        summary="A reward model with all its figures",
        description="For curators and admins. `version` is a number, or `live` for the one in "
        "service.",
        responses=RewardModelDetailSerializer,
    )
    def get(self, request: Request, slug: str, version: str) -> Response:
        return Response(model_detail(find_version(project_of(request, slug), version)))


class RewardModelPromoteView(APIView):
    @extend_schema(
        summary="Put a reward model in service, or an earlier one back",
        description="For admins. Whatever the gate said; the version before is retired, and can be "
        "put back in the same way. Sending it again changes nothing. 409: its folder is gone or "
        "was changed, or another one than `instead_of` is in service.",
        request=PromoteSerializer,
        examples=[
            OpenApiExample(
                "In the place of v3",
                value={"reason": "It is calibrated better.", "instead_of": 3},
                request_only=True,
            ),
        ],
        responses={200: RewardModelDetailSerializer, **problems(409)},
    )
    @once()
    def post(self, request: Request, slug: str, version: str) -> Response:
        project = project_of(request, slug, Role.ADMIN)
        given = PromoteSerializer.of(request)
        model = find_version(project, version)
        seen = seen_version(given, RewardModel.objects.filter(project=project))
        with refusing(NotUsable, deciding.Outrun):
            service.promote_reward_model(
                model, user_of(request), given.get("reason", ""), instead_of=seen
            )
        return Response(model_detail(find_version(project, str(model.version))))


class RewardModelRejectView(APIView):
    @extend_schema(
        summary="Reject a reward model",
        description="For admins. 409: it is in service, so put another one there first; or it is "
        "rejected already.",
        request=ReasonSerializer,
        responses={200: RewardModelDetailSerializer, **problems(409)},
    )
    @once()
    def post(self, request: Request, slug: str, version: str) -> Response:
        project = project_of(request, slug, Role.ADMIN)
        reason = ReasonSerializer.of(request).get("reason", "")
        model = find_version(project, version)
        if not service.reject_reward_model(model, user_of(request), reason):
            raise Contradicted(
                f"Reward model v{model.version} is in service, or rejected already. To take it out "
                "of service put another one there."
            )
        return Response(model_detail(find_version(project, str(model.version))))


class RewardModelCardView(APIView):
    @extend_schema(
        summary="The model card of a reward model",
        description="For curators and admins. The README.md of its folder, in Markdown.",
        responses={(200, "text/markdown"): OpenApiTypes.STR},
    )
    def get(self, request: Request, slug: str, version: str) -> HttpResponse:
        model = find_version(project_of(request, slug), version)
        return HttpResponse(card_of(model), content_type="text/markdown; charset=utf-8")


class RewardModelDownloadView(APIView):
    @extend_schema(
        summary="The folder of a reward model as a tar",
        description="For curators and admins. The folders of all its members, with the card; the "
        "last file holds the SHA-256 of all the others (`sha256sum --check`). `Content-Length` "
        "tells whether all of it has arrived. 409: the folder is gone, or is not what it was.",
        responses={(200, TAR): OpenApiTypes.BINARY, **problems(409)},
    )
    def get(self, request: Request, slug: str, version: str) -> HttpResponseBase:
        model = find_version(project_of(request, slug), version)
        with refusing(NotUsable):
            service.check_reward_model(model)
        name, archive = archive_of(model)
        answer = StreamingHttpResponse(archive.stream(), content_type=TAR)
        answer["Content-Length"] = str(archive.size)
        answer["Content-Disposition"] = f'attachment; filename="{name}.tar"'
        return answer
