"""One import of a project: how far it is, what it left out, and what becomes of it."""

from collections.abc import Callable
from http import HTTPStatus

from django.http import Http404, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.errors import problems
from labeling.api.conventions.once import once
from labeling.api.conventions.parameters import Parameters
from labeling.api.conventions.requests import project_of, user_of
from labeling.api.conventions.streams import stream
from labeling.api.data.import_shapes import ImportSerializer, UndoParameters, UndoSerializer
from labeling.importing.jobs.asking import TooLate, cancel_import, take_import
from labeling.importing.kept.import_folder import COLUMNS, KEPT_DAYS, skipped_rows
from labeling.importing.undoing.rules import foresee
from labeling.importing.undoing.taking_back import CannotUndo, begin_undo, counts_of, go_on
from labeling.models import Import
from labeling.preferences.shapes.files import FORMATS
from labeling.preferences.shapes.styles import ColumnType
from labeling.texts.limits import BIGGEST_ID

# A small import is taken back before the answer comes.
UNDO_SECONDS = 2.0


class NotNow(APIException):
    """The import is in another state."""

    status_code = HTTPStatus.CONFLICT


def import_of(request: Request, slug: str, pk: int) -> Import:
    project = project_of(request, slug)
    rows = Import.objects.filter(project=project, pk=min(pk, BIGGEST_ID))
    job = rows.select_related("actor", "project").first()
    if job is None:
        raise Http404("This project has no such import.")
    return job


def _answer(request: Request, job: Import, status: int = 200) -> Response:
    job.refresh_from_db()
    return Response(ImportSerializer(job, context={"request": request}).data, status=status)


class ImportView(APIView):
    @extend_schema(summary="One import", responses=ImportSerializer)
    def get(self, request: Request, slug: str, pk: int) -> Response:
        return _answer(request, import_of(request, slug, pk))


class SkippedParameters(Parameters):
    format = serializers.ChoiceField(choices=["jsonl", "csv"], default="jsonl")


class ImportSkippedView(APIView):
    @extend_schema(
        summary="Every row that an import left out",
        description=f"With `skip_bad`: {', '.join(COLUMNS)}, one line for each fault; none is left "
        f"out. Kept for {KEPT_DAYS} days.",
        parameters=[SkippedParameters],
        responses={
            (200, FORMATS[name].content_type): OpenApiTypes.BINARY for name in ("jsonl", "csv")
        },
    )
    def get(self, request: Request, slug: str, pk: int) -> HttpResponseBase:
        job = import_of(request, slug, pk)
        given = SkippedParameters.of(request)
        rows = skipped_rows(job.pk)
        if rows is None:
            raise Http404(f"It left nothing out, or is older than {KEPT_DAYS} days.")
        columns: dict[str, ColumnType] = dict.fromkeys(COLUMNS, str)
        return stream(rows, given["format"], f"{slug}-skipped-{pk}", columns)


class _DecisionView(APIView):
    decide: Callable[[Import], None]

    def _decided(self, request: Request, slug: str, pk: int) -> Response:
        job = import_of(request, slug, pk)
        try:
            type(self).decide(job)
        except TooLate as fault:
            raise NotNow(str(fault)) from fault
        return _answer(request, job)


class ImportTakeView(_DecisionView):
    decide = staticmethod(take_import)

    @extend_schema(
        summary="Take an import that waits for it",
        description="Of one that was read by a worker and is sound (`ready`).",
        request=None,
        responses={200: ImportSerializer, **problems(409)},
    )
    @once()
    def post(self, request: Request, slug: str, pk: int) -> Response:
        return self._decided(request, slug, pk)


class ImportCancelView(_DecisionView):
    decide = staticmethod(cancel_import)

    @extend_schema(
        summary="Give up an import that was not taken yet",
        request=None,
        responses={200: ImportSerializer, **problems(409)},
    )
    @once()
    def post(self, request: Request, slug: str, pk: int) -> Response:
        return self._decided(request, slug, pk)


class ImportUndoView(APIView):
    @extend_schema(
        summary="Take an import back as a whole",
        description="What it brought and nobody has used since goes; what people have judged, what "
        "a snapshot holds and what a later import has as well stays, and is counted. With "
        "`dry_run` only the counts. 202: it goes on by itself.",
        parameters=[UndoParameters],
        request=None,
        responses={200: UndoSerializer, 202: UndoSerializer, **problems(409)},
    )
    @once()
    def post(self, request: Request, slug: str, pk: int) -> Response:
        job = import_of(request, slug, pk)
        given = UndoParameters.of(request)
        if given["dry_run"]:
            counts = foresee(job.project, job)
            return Response({"counts": counts, "dry_run": True, "state": job.state})
        try:
            begin_undo(job, user_of(request), given["reason"])
            is_done = go_on(job, seconds=UNDO_SECONDS)
        except CannotUndo as fault:
            raise NotNow(str(fault)) from fault
        job.refresh_from_db()
        body = {"counts": counts_of(job), "dry_run": False, "state": job.state}
        return Response(body, status=200 if is_done else 202)
