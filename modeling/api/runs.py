"""Runs: the list, all of one, and what is done by hand: start, cancel, try again."""

from collections.abc import Callable
from enum import StrEnum

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.errors import Contradicted, problems
from labeling.api.conventions.once import once
from labeling.api.conventions.pages import ListOfRows, PageParameters, answer_page, page_of
from labeling.api.conventions.parameters import Body
from labeling.api.conventions.requests import project_of, user_of
from labeling.models import Project, Role, User
from modeling.api.bodies import refusing
from modeling.api.run_rows import (
    BESIDE_RUN,
    RunDetailSerializer,
    RunSerializer,
    run_detail,
    run_rows,
)
from modeling.loop import by_hand
from modeling.models import Run
from modeling.runs import lifecycle


class Start(StrEnum):
    """What a person can start without waiting for the loop."""

    TRAINING = "training"
    SAMPLING = "sampling"
    IMPROVEMENT = "improvement"
    ESTIMATE = "estimate"


STARTS: dict[Start, Callable[[Project, User], Run]] = {
    Start.TRAINING: by_hand.start_training_now,
    Start.SAMPLING: by_hand.start_sampling_now,
    Start.IMPROVEMENT: by_hand.start_improving_now,
    Start.ESTIMATE: by_hand.start_estimate_now,
}


class RunListParameters(PageParameters):
    kind = serializers.ChoiceField(choices=Run.Kind.choices, required=False)
    state = serializers.ChoiceField(choices=Run.State.choices, required=False)


class StartSerializer(Body):
    start = serializers.ChoiceField(
        choices=[one.value for one in Start],
        help_text="`training` of the reward model on all that is settled; `sampling` of new pairs "
        "from the current policy; `improvement` of the policy; `estimate` of what choosing the "
        "best of n responses would bring, which changes nothing.",
    )


def run_of(request: Request, slug: str, pk: int, at_least: Role = Role.CURATOR) -> Run:
    """The run of this project, with what its rows show."""
    project = project_of(request, slug, at_least)
    run = Run.objects.filter(project=project, pk=pk).select_related(*BESIDE_RUN).first()
    if run is None:
        raise NotFound(f"There is no run {pk} in this project.")
    run.project = project
    return run


class RunsView(APIView):
    @extend_schema(
        summary="Runs, newest first",
        description="For curators and admins.",
        parameters=[RunListParameters],
        responses=page_of("Run", RunSerializer),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        given = RunListParameters.of(request)
        wanted = {name: given[name] for name in ("kind", "state") if name in given}
        runs = Run.objects.filter(project=project, **wanted).select_related(*BESIDE_RUN)
        return answer_page(request, ListOfRows("runs", project, given), runs, run_rows)

    @extend_schema(
        summary="Start a run by hand",
        description="For admins. As the buttons of the pages do; 409 says why not now.",
        request=StartSerializer,
        examples=[
            OpenApiExample("A training", value={"start": "training"}, request_only=True),
        ],
        responses={201: RunDetailSerializer, **problems(409)},
    )
    @once()
    def post(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug, Role.ADMIN)
        start = STARTS[Start(StartSerializer.of(request)["start"])]
        with refusing(by_hand.CannotStart):
            run = start(project, user_of(request))
        return Response(run_detail(run_of(request, slug, run.pk)), status=201)


class RunView(APIView):
    @extend_schema(
        summary="A run: what it was asked, what it came to",
        description="For curators and admins.",
        responses=RunDetailSerializer,
    )
    def get(self, request: Request, slug: str, pk: int) -> Response:
        return Response(run_detail(run_of(request, slug, pk)))


class RunCancelView(APIView):
    @extend_schema(
        summary="Cancel a run",
        description="For admins. One that waits is taken out of the line; one that runs stops at "
        "its next safe point and keeps its checkpoint. 409: it is not under way.",
        request=None,
        responses={200: RunDetailSerializer, **problems(409)},
    )
    @once()
    def post(self, request: Request, slug: str, pk: int) -> Response:
        run = run_of(request, slug, pk, Role.ADMIN)
        if not lifecycle.request_cancel(run, user_of(request)):
            raise Contradicted("There was nothing to cancel: the run is not under way.")
        return Response(run_detail(run_of(request, slug, pk)))


class RunRetryView(APIView):
    @extend_schema(
        summary="Start a failed or cancelled run again",
        description="For admins. It goes on from its last checkpoint. 409 says why not.",
        request=None,
        responses={200: RunDetailSerializer, **problems(409)},
    )
    @once()
    def post(self, request: Request, slug: str, pk: int) -> Response:
        run = run_of(request, slug, pk, Role.ADMIN)
        with refusing(lifecycle.CannotRetry):
            lifecycle.retry(run, user_of(request))
        return Response(run_detail(run_of(request, slug, pk)))
