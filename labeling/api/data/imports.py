"""Adds prompts, responses and triples to a project, by the same rules as page and command."""

import tempfile
from typing import IO, Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.parameters import Parameters, WordListField
from labeling.api.conventions.requests import project_of, user_of
from labeling.importing import MAX_PAIRS, ImportOptions, import_file
from labeling.importing.skipping import SHOWN_SKIPPED
from labeling.importing.sources.mapping import LONGEST_JSON, ColumnMapping, MappingRefused
from labeling.importing.uploads import MAX_UPLOAD_BYTES


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


class ImportParameters(Parameters):
    pairs = serializers.IntegerField(
        min_value=0,
        max_value=MAX_PAIRS,
        default=1,
        help_text="Comparisons to queue for each prompt that comes with two or more responses.",
    )
    source = serializers.CharField(  # type: ignore[assignment]
        max_length=120, default="", help_text="Where the rows are from; the file's name if empty."
    )
    tags = WordListField(
        required=False, help_text="For every new prompt; with commas between them."
    )
    dry_run = serializers.BooleanField(
        default=False, help_text="Say what would happen and store nothing."
    )
    skip_bad = serializers.BooleanField(
        default=False,
        help_text="Leave out rows with errors, and say how many and which, instead of refusing the "
        "file.",
    )
    mapping = serializers.CharField(
        max_length=LONGEST_JSON,
        default="",
        help_text="JSON that says what each column is (docs/data-formats.md), for a shape that is "
        "not known. A form may hold it as its part `mapping` instead.",
    )


class UploadSerializer(serializers.Serializer[Any]):
    file = serializers.FileField(
        help_text="JSONL, JSON, CSV, Parquet or Arrow; plain, packed, or in a .zip or .tar."
    )
    mapping = serializers.CharField(
        required=False, help_text="A mapping as JSON: a text, or a file of it."
    )


class SkippedLineSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField(help_text="The number of the record in all that was sent.")
    place = serializers.CharField(help_text="In words: “line 7”, “row 7 of part.csv”.")
    field = serializers.CharField()
    problem = serializers.CharField()


class ReportSerializer(serializers.Serializer[Any]):
    """Describes importing.ImportReport for the schema; a test compares the two."""

    rows = serializers.IntegerField()
    prompts_new = serializers.IntegerField()
    prompts_merged = serializers.IntegerField()
    responses_new = serializers.IntegerField()
    responses_merged = serializers.IntegerField()
    comparisons_new = serializers.IntegerField()
    comparisons_merged = serializers.IntegerField()
    preferences_new = serializers.IntegerField()
    preferences_merged = serializers.IntegerField()
    votes_counted = serializers.IntegerField(
        help_text="Triples beyond the first of a pair: together they are its votes."
    )
    skipped = serializers.IntegerField(help_text="Rows with errors, with `skip_bad`.")
    identical_pairs = serializers.IntegerField()
    contradictory = serializers.IntegerField()
    left_to_people = serializers.IntegerField()
    other_split = serializers.IntegerField()
    metadata_left_out = serializers.IntegerField(
        help_text="Values that differ from what was known of the prompt or response already."
    )
    dry_run = serializers.BooleanField()
    seconds = serializers.FloatField()
    notices = serializers.ListField(child=serializers.CharField())
    skipped_lines = SkippedLineSerializer(
        many=True, help_text=f"Of the rows with errors the first {SHOWN_SKIPPED}."
    )


class ImportsView(APIView):
    parser_classes = [MultiPartParser, WholeBody]

    @extend_schema(
        summary="Add prompts, responses or triples",
        description="For curators and admins. The body is JSONL, or a form with a `file` in any "
        "of the formats in docs/data-formats.md; either may be packed. It is taken whole or "
        "not at all: an error names line and field. "
        "A `mapping` says what the columns of any other shape are. "
        "With `skip_bad` rows with errors are left out, counted and listed. "
        "202: it was taken, and rows that could not be added yet follow by themselves.",
        parameters=[ImportParameters],
        request={
            "application/x-ndjson": OpenApiTypes.BINARY,
            "multipart/form-data": UploadSerializer,
        },
        responses={201: ReportSerializer, 200: ReportSerializer},
    )
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
        )
        file = request.data.get("file") if isinstance(request.data, dict) else None
        if file is None or not hasattr(file, "read"):
            raise serializers.ValidationError({"file": "Send the rows as a form's `file`."})
        with file:
            report = import_file(
                project, user_of(request), file, name=_name_of(file), options=options
            )
        return Response(report.as_dict(), status=200 if report.dry_run else 201)


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
