"""Lists snapshots, takes them, names them, deletes them."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.errors import Contradicted, answers, answers_to_post
from labeling.api.conventions.once import once
from labeling.api.conventions.pages import ListOfRows, PageParameters, answer_page, page_of
from labeling.api.conventions.requests import project_of, user_of
from labeling.api.snapshots.rows import (
    NameBody,
    SnapshotBody,
    SnapshotSerializer,
    TakingSerializer,
    WholeSnapshotSerializer,
    snapshot_of,
    snapshot_row,
    taking_row,
    whole_row,
)
from labeling.curation.finding import FilterError
from labeling.models import Role, Snapshot, SnapshotTaking
from labeling.snapshots import taking
from labeling.snapshots.filters import SnapshotFilter
from labeling.snapshots.keeping import delete_snapshot, give_name
from labeling.snapshots.taking import SnapshotRefused


class SnapshotParameters(PageParameters):
    """No filters."""


class SnapshotsView(APIView):
    @extend_schema(
        operation_id="v1_projects_snapshots_list",
        summary="Snapshots, the newest first",
        description="For curators and admins, as all of snapshots.",
        parameters=[SnapshotParameters],
        responses=answers(page_of("Snapshot", SnapshotSerializer), 400),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        listed = ListOfRows("snapshots", project, SnapshotParameters.of(request))
        rows = Snapshot.objects.filter(project=project).select_related("created_by")
        return answer_page(request, listed, rows, lambda page: [snapshot_row(row) for row in page])

    @extend_schema(
        summary="Take a snapshot",
        description="201: it is there. 202: it is large, and a worker writes it; ask `takings`.",
        request=SnapshotBody,
        responses={202: TakingSerializer, **answers_to_post(WholeSnapshotSerializer, status=201)},
    )
    @once()
    def post(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        given = SnapshotBody.of(request)
        try:
            wanted = SnapshotFilter.parse(
                given["filters"], include_excluded=given["include_excluded"]
            )
            taken = taking.take_by_hand(
                project, user_of(request), given["name"], wanted,
                description=given["description"], licence=given["licence"],
            )  # fmt: skip
        except SnapshotRefused as refused:
            raise serializers.ValidationError({refused.field: [str(refused)]}) from refused
        except FilterError as fault:
            raise serializers.ValidationError({f"filters.{fault.field}": [str(fault)]}) from fault
        if isinstance(taken, SnapshotTaking):
            return Response(taking_row(taken), status=202)
        return Response(whole_row(taken), status=201)


class TakingsView(APIView):
    @extend_schema(
        summary="Snapshots that are being written, or could not be",
        responses=answers(TakingSerializer(many=True)),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        return Response([taking_row(wish) for wish in project.snapshot_takings.all()])


class SnapshotView(APIView):
    @extend_schema(summary="One snapshot", responses=answers(WholeSnapshotSerializer))
    def get(self, request: Request, slug: str, pk: int) -> Response:
        return Response(whole_row(snapshot_of(project_of(request, slug), pk)))

    @extend_schema(
        summary="Name a training's snapshot",
        request=NameBody,
        responses=answers(WholeSnapshotSerializer, 400, 413, 415),
    )
    def patch(self, request: Request, slug: str, pk: int) -> Response:
        snapshot = snapshot_of(project_of(request, slug), pk)
        given = NameBody.of(request)
        try:
            give_name(snapshot, user_of(request), given["name"])
        except SnapshotRefused as refused:
            raise serializers.ValidationError({refused.field: [str(refused)]}) from refused
        return Response(whole_row(snapshot))

    @extend_schema(
        summary="Delete a snapshot that nothing rests on",
        description="For admins. 409 says what rests on it.",
        responses=answers(None, 409, status=204),
    )
    def delete(self, request: Request, slug: str, pk: int) -> Response:
        snapshot = snapshot_of(project_of(request, slug, Role.ADMIN), pk)
        try:
            delete_snapshot(snapshot, user_of(request))
        except SnapshotRefused as refused:
            raise Contradicted(str(refused)) from refused
        return Response(status=204)
