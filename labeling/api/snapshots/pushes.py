"""Pushes snapshots to the hub, and says how far that is."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.errors import answers, answers_to_post
from labeling.api.conventions.once import once
from labeling.api.conventions.requests import project_of, user_of
from labeling.api.snapshots.rows import PushBody, PushSerializer, push_row, snapshot_of
from labeling.models import Role
from labeling.snapshots import pushing
from labeling.snapshots.taking import SnapshotRefused


class SnapshotPushesView(APIView):
    @extend_schema(
        operation_id="v1_projects_snapshots_pushes_list",
        summary="Its pushes to the hub",
        responses=answers(PushSerializer(many=True)),
    )
    def get(self, request: Request, slug: str, pk: int) -> Response:
        snapshot = snapshot_of(project_of(request, slug), pk)
        return Response([push_row(push) for push in snapshot.pushes.all()])

    @extend_schema(
        summary="Push a snapshot to the Hugging Face hub",
        description="For admins. A worker does it; ask this address again how far it is. The "
        "token is kept encrypted until then, and wiped when it ends.",
        request=PushBody,
        responses=answers_to_post(PushSerializer, status=202),
    )
    @once()
    def post(self, request: Request, slug: str, pk: int) -> Response:
        snapshot = snapshot_of(project_of(request, slug, Role.ADMIN), pk)
        given = PushBody.of(request)
        try:
            push = pushing.push_to_hub(
                snapshot, user_of(request), given["repo_id"],
                is_private=given["private"], token=given["token"],
            )  # fmt: skip
        except SnapshotRefused as refused:
            raise serializers.ValidationError({refused.field: [str(refused)]}) from refused
        return Response(push_row(push), status=202)
