"""Rows as an answer: a page with the address of the next, or a stream without end in memory."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.exporting import Row, json_lines, page_of

JSONL = "application/x-ndjson"
# Few writes to the socket, and still the first rows at once.
CHUNK_BYTES = 2**16


def answer_rows(
    request: Request, rows: Iterator[Row], given: dict[str, Any], file_name: str
) -> HttpResponseBase:
    if given["format"] == "jsonl":
        lines = json_lines(islice(rows, given.get("limit")))
        answer = StreamingHttpResponse(_chunks(lines), content_type=JSONL)
        answer["Content-Disposition"] = f'attachment; filename="{file_name}.jsonl"'
        return answer
    page, after = page_of(rows, given["limit"])
    return Response({"results": page, "next": _next(request, after)})


def _next(request: Request, after: int | None) -> str | None:
    if after is None:
        return None
    parameters = request.query_params.copy()
    parameters["after"] = str(after)
    return request.build_absolute_uri(f"{request.path}?{parameters.urlencode()}")


def _chunks(lines: Iterable[bytes]) -> Iterator[bytes]:
    waiting: list[bytes] = []
    size = 0
    for line in lines:
        waiting.append(line)
        size += len(line)
        if size >= CHUNK_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)
