"""Hands out the files of a snapshot, and what lies between two."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.errors import answers
from labeling.api.conventions.files import answer_file
from labeling.api.conventions.parameters import MAX_PAGE, Parameters
from labeling.api.conventions.requests import project_of
from labeling.api.conventions.streams import JSONL
from labeling.api.snapshots.rows import BIGGEST_ID, CARD, Damaged, DiffSerializer, snapshot_of
from labeling.preferences.beyond_text import CannotBeTexts
from labeling.preferences.shapes.files import FORMATS, json_lines
from labeling.preferences.snapshots import SnapshotDamaged
from labeling.snapshots import comparing
from labeling.snapshots.card import card_of
from labeling.snapshots.comparing import Differences
from labeling.snapshots.shaping import NoSuchFile, ready_file


def refusals(*statuses: int) -> dict[int, Any]:
    """How an endpoint refuses whose answers are files."""
    described = answers(None, *statuses)
    return {status: one for status, one in described.items() if status != 200}


KINDS = sorted({*(file.content_type for file in FORMATS.values()), "text/markdown"})


class DiffParameters(Parameters):
    old = serializers.IntegerField(min_value=1, max_value=BIGGEST_ID)
    new = serializers.IntegerField(min_value=1, max_value=BIGGEST_ID)
    format = serializers.ChoiceField(
        choices=["json", "jsonl"],
        default="json",
        help_text="`json`: counts and one page. `jsonl`: every difference, as a stream.",
    )
    what = serializers.ChoiceField(
        choices=["added", "removed", "changed", *comparing.WAYS], required=False
    )
    after = serializers.IntegerField(min_value=0, max_value=BIGGEST_ID, default=0)
    limit = serializers.IntegerField(min_value=1, max_value=MAX_PAGE, default=100)


class SnapshotFileView(APIView):
    @extend_schema(
        summary="A file of a snapshot",
        description="`snapshot.jsonl` holds all rows, `judgments-of-rows.jsonl` the judgments "
        "behind each; `README.md` is the dataset card. The others are named by style and format, "
        "such as `trl.parquet`: the pairs with a better response that nobody has excluded. No file "
        "ever changes: `ETag` is its SHA-256, and `Range` goes on with a download.",
        responses={
            **{(status, kind): OpenApiTypes.BINARY for status in (200, 206) for kind in KINDS},
            304: None,
            **refusals(400, 410, 416),
        },
    )
    def get(self, request: Request, slug: str, pk: int, name: str) -> HttpResponseBase:
        snapshot = snapshot_of(project_of(request, slug), pk)
        try:
            if name == CARD:
                answer: HttpResponseBase = StreamingHttpResponse(
                    [card_of(snapshot).encode()], content_type="text/markdown; charset=utf-8"
                )
                answer["Content-Disposition"] = f'attachment; filename="{CARD}"'
                return answer
            file = ready_file(snapshot, name)
        except NoSuchFile as fault:
            raise NotFound(str(fault)) from fault
        except CannotBeTexts as fault:
            raise serializers.ValidationError({"name": [str(fault)]}) from fault
        except SnapshotDamaged as fault:
            raise Damaged(str(fault)) from fault
        answer = answer_file(
            request,
            file.path,
            sha256=file.sha256,
            file_name=f"{slug}-{snapshot.sha256[:12]}-{name}",
            content_type=file.content_type,
        )
        answer["Rows"] = str(file.rows)
        answer["Rows-Left-Out"] = str(file.left_out)
        return answer


class SnapshotDiffView(APIView):
    @extend_schema(
        summary="What lies between two snapshots",
        parameters=[DiffParameters],
        responses={
            (200, "application/json"): DiffSerializer,
            (200, JSONL): OpenApiTypes.BINARY,
            **refusals(400, 410),
        },
    )
    def get(self, request: Request, slug: str) -> HttpResponseBase:
        project = project_of(request, slug)
        given = DiffParameters.of(request)
        old, new = snapshot_of(project, given["old"]), snapshot_of(project, given["new"])
        differences = Differences(old, new)
        what = given.get("what", "")
        try:
            if given["format"] == "jsonl":
                lines = json_lines(_rows(differences, what))
                answer = StreamingHttpResponse(_first_now(lines), content_type=JSONL)
                name = f"{slug}-{old.pk}-to-{new.pk}.jsonl"
                answer["Content-Disposition"] = f'attachment; filename="{name}"'
                return answer
            page = differences.go_through(given["limit"] + 1, what=what, after=given["after"])
        except SnapshotDamaged as fault:
            raise Damaged(str(fault)) from fault
        shown = page[: given["limit"]]
        return Response(
            {
                "counts": differences.counts,
                "ways": differences.ways,
                "results": [one.as_row for one in shown],
                "next": shown[-1].id if len(page) > len(shown) else None,
            }
        )


def _rows(differences: Differences, what: str) -> Iterator[dict[str, Any]]:
    return (one.as_row for one in differences if not what or what in (one.what, *one.ways))


def _first_now(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Reads the first line at once: a lost file is told while an error can still be answered."""
    first = next(lines, b"")

    def all_of_them() -> Iterator[bytes]:
        yield first
        yield from lines

    return all_of_them()
