"""Answers with rows: a page with the address of the next one, or a stream that is never in memory
as a whole."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.conventions.requests import user_of
from labeling.models import Project
from labeling.preferences.exporting import Changes, first_of, page_of
from labeling.preferences.receipts import Sealing, begin
from labeling.preferences.shapes.files import FORMATS, Columns
from labeling.preferences.shapes.pairs import Row

JSONL = FORMATS["jsonl"].content_type
CURSOR_HEADER = "Next-Cursor"
# Where the file's receipt is: rows, bytes and SHA-256, once all of it was sent.
RECEIPT_HEADER = "Export-Receipt"
# Few writes to the socket, and still the first rows at once.
CHUNK_BYTES = 2**16


def answer_rows(
    request: Request,
    rows: Iterator[Row],
    given: dict[str, Any],
    file_name: str,
    columns: Columns | None = None,
    project: Project | None = None,
) -> HttpResponseBase:
    """Answers with a page, or with all rows as a file. `columns` are for files that name them in
    front; with a `project`, a file has a receipt there."""
    if given["format"] != "json":
        some = first_of(rows, given.get("limit"))
        return _stream(request, some, given["format"], file_name, columns, project)
    page, after = page_of(rows, given["limit"])
    following = None if after is None else _address_with(request, after=str(after))
    return Response({"results": page, "next": following})


def answer_changes(
    request: Request,
    changes: Changes,
    given: dict[str, Any],
    file_name: str,
    columns: Columns | None = None,
    project: Project | None = None,
) -> HttpResponseBase:
    """Answers with rows in the order of their changes, and with the cursor that goes on after
    them."""
    if given["format"] != "json":
        answer: HttpResponseBase = _stream(
            request, changes.rows, given["format"], file_name, columns, project
        )
    else:
        following = _address_with(request, cursor=changes.cursor) if changes.is_cut else None
        page = {"results": list(changes.rows), "next": following, "cursor": changes.cursor}
        answer = Response(page)
    answer[CURSOR_HEADER] = changes.cursor
    return answer


def stream(
    rows: Iterable[Row], name: str, file_name: str, columns: Columns | None
) -> StreamingHttpResponse:
    """Answers with a file of the format `name`, which leaves row by row."""
    file = FORMATS[name]
    answer = StreamingHttpResponse(_chunks(file.write(rows, columns or {})))
    return _as_download(answer, file.content_type, f"{file_name}.{name}")


def _stream(
    request: Request,
    rows: Iterable[Row],
    name: str,
    file_name: str,
    columns: Columns | None,
    project: Project | None,
) -> StreamingHttpResponse:
    """The same; of a project's export with a receipt, which says what the whole of it was."""
    if project is None:
        return stream(rows, name, file_name, columns)
    file, whole_name = FORMATS[name], f"{file_name}.{name}"
    asked = {key: values[-1] for key, values in request.query_params.lists()}
    export = begin(project, user_of(request), whole_name, asked)
    sealing = Sealing(export)
    chunks = _chunks(file.write(sealing.counted(rows), columns or {}))
    answer = StreamingHttpResponse(sealing.sealed(chunks))
    answer[RECEIPT_HEADER] = reverse("api-export", args=[project.slug, export.uuid])
    return _as_download(answer, file.content_type, whole_name)


def _as_download(
    answer: StreamingHttpResponse, content_type: str, file_name: str
) -> StreamingHttpResponse:
    answer["Content-Type"] = content_type
    answer["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return answer


def _address_with(request: Request, **changed: str) -> str:
    """Returns the address of this request with these parameters in place of its own."""
    parameters = request.query_params.copy()
    for name, value in changed.items():
        parameters[name] = value
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
