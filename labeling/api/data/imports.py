"""Adds prompts, responses and triples to a project, by the same rules as page and command."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import IO, Any

from django.http import QueryDict
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.errors import problems
from labeling.api.conventions.once import once
from labeling.api.conventions.pages import ListOfRows, PageParameters, answer_page, page_of
from labeling.api.conventions.requests import project_of, user_of
from labeling.api.data.import_shapes import (
    ImportParameters,
    ImportSerializer,
    ReportSerializer,
    UploadSerializer,
)
from labeling.importing import ImportOptions, import_file
from labeling.importing.files import Several
from labeling.importing.hub.naming import HubDataset, HubRefused
from labeling.importing.jobs.asking import ask_worker
from labeling.importing.kept.uploads import (
    MAX_FILES,
    MAX_UPLOAD_BYTES,
    KeptFiles,
    keep_upload,
    kept_upload,
    name_of_all,
)
from labeling.importing.sources.mapping import LONGEST_JSON, ColumnMapping, MappingRefused
from labeling.models import Import, Project


class FileTooLarge(APIException):
    status_code = 413
    default_detail = (
        f"The body is larger than {MAX_UPLOAD_BYTES // 2**20} MB: send it in parts or packed with "
        "gzip, or use `manage.py import_data` on the server."
    )


class WholeBody(BaseParser):
    """Takes the body as a file whatever its type says, and never holds all of it in memory."""

    media_type = "*/*"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, context: Any = None
    ) -> dict[str, IO[bytes]]:
        file = tempfile.SpooledTemporaryFile(max_size=2**20)  # noqa: SIM115 (closed by the view)
        size = 0
        while piece := stream.read(2**18):
            size += len(piece)
            if size > MAX_UPLOAD_BYTES:
                file.close()
                raise FileTooLarge
            file.write(piece)
        return {"file": file}


class ImportsView(APIView):
    parser_classes = [MultiPartParser, WholeBody]

    @extend_schema(
        summary="The project's imports, newest first",
        parameters=[PageParameters],
        responses=page_of("Imports", ImportSerializer),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        listed = ListOfRows("imports", project, PageParameters.of(request))
        rows = Import.objects.filter(project=project).select_related("actor", "project")
        context = {"request": request}

        def as_json(jobs: Sequence[Import]) -> list[dict[str, Any]]:
            return list(ImportSerializer(jobs, many=True, context=context).data)

        return answer_page(request, listed, rows, as_json)

    @extend_schema(
        summary="Add prompts, responses or triples",
        description="For curators and admins. The body is JSONL, or a form with a `file` in any "
        "of the formats in docs/data-formats.md; either may be packed. It is taken whole or "
        "not at all: an error names line and field. "
        "A `mapping` says what the columns of any other shape are. "
        "With `skip_bad` rows with errors are left out, counted and listed. "
        "Several `file` parts are one import. "
        "202: it was taken, and rows that could not be added yet follow by themselves; with "
        "`background` or `hub` it is the import that a worker reads.",
        parameters=[ImportParameters],
        request={
            "application/x-ndjson": OpenApiTypes.BINARY,
            "multipart/form-data": UploadSerializer,
        },
        responses={
            201: ReportSerializer,
            200: ReportSerializer,
            (202, "application/json"): ImportSerializer,
            **problems(202, 409),
        },
        examples=[
            OpenApiExample(
                "A prompt with two responses",
                value='{"prompt": "Why?", "responses": ["Because.", "Why not?"]}\n',
                media_type="application/x-ndjson",
                request_only=True,
            )
        ],
    )
    @once()
    def post(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        given = ImportParameters.of(request)
        options = ImportOptions(
            pairs=given["pairs"],
            source=given["source"],
            tags=tuple(given.get("tags", [])),
            dry_run=given["dry_run"],
            skip_bad=given["skip_bad"],
            mapping=_mapping_in(request, given["mapping"]),
            number_labelers=given["number_labelers"],
        )
        if given["hub"]:
            return self._of_hub(request, project, given, options)
        files = _files_in(request)
        if given["background"]:
            token = keep_upload(
                [(name, _chunks(file)) for name, file in files], user_of(request).pk
            )
            upload = kept_upload(token, user_of(request).pk)
            assert upload is not None  # written a moment ago
            return _handed_over(request, project, upload, options)
        names = [name for name, _ in files]
        with ExitStack() as until_read:
            for _, file in files:
                until_read.enter_context(file)
            source = files[0][1] if len(files) == 1 else Several(files)
            report = import_file(
                project, user_of(request), source, name=name_of_all(names), options=options
            )
        return Response(report.as_dict(), status=200 if report.dry_run else 201)

    def _of_hub(
        self, request: Request, project: Project, given: dict[str, Any], options: ImportOptions
    ) -> Response:
        if options.dry_run:
            problem = "A worker reads a data set of the hub: leave `dry_run` out, and undo it."
            raise serializers.ValidationError({"dry_run": problem})
        try:
            dataset = HubDataset(given["hub"], given["config"], given["split"], given["revision"])
        except HubRefused as fault:
            raise serializers.ValidationError({"hub": str(fault)}) from fault
        return _handed_over(request, project, dataset, options)


def _handed_over(
    request: Request, project: Project, source: KeptFiles | HubDataset, options: ImportOptions
) -> Response:
    """Answers with the import that a worker will read and take."""
    if options.dry_run:
        raise serializers.ValidationError({"dry_run": "Goes without `background`."})
    job = ask_worker(project, user_of(request), source, options, take=True)
    body = ImportSerializer(job, context={"request": request}).data
    return Response(body, status=202, headers={"Location": body["url"]})


def _files_in(request: Request) -> list[tuple[str, IO[bytes]]]:
    data = request.data
    if isinstance(data, QueryDict):
        files = request.FILES.getlist("file")
    else:
        files = [data["file"]] if isinstance(data, dict) and "file" in data else []
    if not files:
        raise serializers.ValidationError({"file": "Send the rows as a form's `file`."})
    if len(files) > MAX_FILES:
        problem = f"At most {MAX_FILES} files at once: pack them in a .zip."
        raise serializers.ValidationError({"file": problem})
    return [(_name_of(file), file) for file in files]


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(2**18):
        yield piece


def _mapping_in(request: Request, of_address: str) -> ColumnMapping | None:
    """The mapping of the address or of the form; both at once would leave open which one counts."""
    part = request.data.get("mapping") if isinstance(request.data, dict) else None
    text = part if part is None or isinstance(part, str) else part.read(LONGEST_JSON + 1)
    if of_address and text:
        problem = "Is given in the address and in the form: give it once."
        raise serializers.ValidationError({"mapping": problem})
    if not (of_address or text):
        if part is None:
            return None
        raise serializers.ValidationError({"mapping": "Is empty: leave it out, or say something."})
    try:
        return ColumnMapping.from_json(of_address or text or "")
    except MappingRefused as fault:
        raise serializers.ValidationError({"mapping": str(fault)}) from fault


def _name_of(file: Any) -> str:
    name = getattr(file, "name", None)
    return name if isinstance(name, str) and name else "api"
