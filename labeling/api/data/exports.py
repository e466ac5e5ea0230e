"""Receipts of exports: what each file was as a whole, for whoever has it to compare."""

from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.parameters import Parameters
from labeling.api.conventions.requests import project_of
from labeling.models import Export
from labeling.preferences.receipts import as_row

PAGE = 100


class ExportSerializer(serializers.Serializer[Any]):
    """Describes receipts.as_row for the schema; a test compares the two."""

    id = serializers.UUIDField()
    file_name = serializers.CharField()
    asked = serializers.DictField(help_text="The parameters of the request.")
    by = serializers.CharField(help_text="Who asked; empty where they have left.")
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    is_complete = serializers.BooleanField(
        help_text="False while it is being sent, and for ever where it broke off."
    )
    rows = serializers.IntegerField(allow_null=True)
    bytes = serializers.IntegerField(allow_null=True)
    sha256 = serializers.CharField(help_text="Of the file as it was sent; empty while it is not.")


class NoParameters(Parameters):
    """An endpoint without parameters: any that is given is an error."""


class ExportsView(APIView):
    @extend_schema(
        summary="Receipts of the latest exports",
        description=f"For curators and admins: the latest {PAGE}, newest first. They are kept for "
        "90 days.",
        responses=ExportSerializer(many=True),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        NoParameters.of(request)
        latest = Export.objects.filter(project=project).select_related("actor").order_by("-id")
        return Response([as_row(export) for export in latest[:PAGE]])


class ExportView(APIView):
    @extend_schema(
        summary="The receipt of an export: rows, bytes, SHA-256",
        description="For curators and admins. The header `Export-Receipt` of a file names it. When "
        "all of the file has arrived, it says what the whole of it is.",
        responses=ExportSerializer,
    )
    def get(self, request: Request, slug: str, uuid: UUID) -> Response:
        project = project_of(request, slug)
        NoParameters.of(request)
        receipts = Export.objects.select_related("actor")
        export = receipts.filter(project=project, uuid=uuid).first()
        if export is None:
            raise Http404("There is no such export.")
        return Response(as_row(export))
