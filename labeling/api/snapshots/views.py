"""Lists snapshots, takes them, names them, deletes them."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.parameters import MAX_PAGE, Parameters
from labeling.api.conventions.requests import project_of, user_of
from labeling.api.snapshots.rows import (
    BIGGEST_ID,
    MustStay,
    NameSerializer,
    NewSnapshotSerializer,
    SnapshotPageSerializer,
    TakingSerializer,
    WholeSnapshotSerializer,
    given_in,
    snapshot_of,
    snapshot_row,
    taking_row,
    whole_row,
)
from labeling.curation.finding import FilterError
from labeling.models import Role, SnapshotTaking
from labeling.snapshots import taking
from labeling.snapshots.filters import SnapshotFilter
from labeling.snapshots.keeping import delete_snapshot, give_name
from labeling.snapshots.taking import SnapshotRefused


class ListParameters(Parameters):
    before = serializers.IntegerField(min_value=1, max_value=BIGGEST_ID, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=MAX_PAGE, default=100)


class SnapshotsView(APIView):
    @extend_schema(
        operation_id="v1_projects_snapshots_list",
        summary="Snapshots, the newest first",
        parameters=[ListParameters],
        responses=SnapshotPageSerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        given = ListParameters.of(request)
        rows = project.snapshots.select_related("created_by").order_by("-id")
        if "before" in given:
            rows = rows.filter(pk__lt=given["before"])
        page = list(rows[: given["limit"] + 1])
        is_cut = len(page) > given["limit"]
        page = page[: given["limit"]]
        following = page[-1].pk if is_cut else None
        return Response({"results": [snapshot_row(row) for row in page], "next": following})

    @extend_schema(
        summary="Take a snapshot",
        description="201: it is there. 202: it is large, and a worker writes it; ask `takings`.",
        request=NewSnapshotSerializer,
        responses={201: WholeSnapshotSerializer, 202: TakingSerializer},
    )
    def post(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        given = given_in(request, NewSnapshotSerializer)
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
        responses=TakingSerializer(many=True),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        return Response([taking_row(wish) for wish in project.snapshot_takings.all()])


class SnapshotView(APIView):
    @extend_schema(summary="One snapshot", responses=WholeSnapshotSerializer)
    def get(self, request: Request, slug: str, pk: int) -> Response:
        return Response(whole_row(snapshot_of(project_of(request, slug), pk)))

    @extend_schema(
        summary="Name a training's snapshot",
        request=NameSerializer,
        responses=WholeSnapshotSerializer,
    )
    def patch(self, request: Request, slug: str, pk: int) -> Response:
        snapshot = snapshot_of(project_of(request, slug), pk)
        given = given_in(request, NameSerializer)
        try:
            give_name(snapshot, user_of(request), given["name"])
        except SnapshotRefused as refused:
            raise serializers.ValidationError({refused.field: [str(refused)]}) from refused
        return Response(whole_row(snapshot))

    @extend_schema(
        summary="Delete a snapshot that nothing rests on",
        description="For admins. 409 says what rests on it.",
        responses={204: None},
    )
    def delete(self, request: Request, slug: str, pk: int) -> Response:
        snapshot = snapshot_of(project_of(request, slug, Role.ADMIN), pk)
        try:
            delete_snapshot(snapshot, user_of(request))
        except SnapshotRefused as refused:
            raise MustStay(str(refused)) from refused
        return Response(status=204)
