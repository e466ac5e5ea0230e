"""Serves a file that never changes: by parts, with a mark by which a reader knows that it has it.

The ETag is the file's SHA-256 in quotation marks, so that whoever has the file can compare. A
request may ask for one part (`Range`), only for what it does not have (`If-None-Match`), or for the
rest of what it began (`If-Range`). Answers HEAD as well as GET.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import parse_etags, quote_etag

PIECE_BYTES = 2**18
ONE_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


def answer_file(
    request: HttpRequest, path: Path, *, sha256: str, file_name: str, content_type: str
) -> HttpResponseBase:
    """Answers with the file, a part of it, or with the word that the reader has it. The caller has
    seen that they may have it, and that `sha256` is the file's. Raises FileNotFoundError."""
    size = path.stat().st_size
    etag = quote_etag(sha256)
    if _has_it(request.headers.get("If-None-Match", ""), etag):
        return _headed(HttpResponse(status=304), etag, file_name)
    asked = request.headers.get("Range", "")
    if asked and request.headers.get("If-Range", etag) != etag:
        asked = ""  # it began another file: all of this one
    try:
        part = _part(asked, size)
    except BeyondTheEnd:
        refusal = HttpResponse(status=416)
        refusal["Content-Range"] = f"bytes */{size}"
        return _headed(refusal, etag, file_name)
    first, length = part or (0, size)
    answer: HttpResponseBase = HttpResponse()
    if request.method != "HEAD":
        answer = StreamingHttpResponse(_pieces(path, first, length))
    if part:
        answer.status_code = 206
        answer["Content-Range"] = f"bytes {first}-{first + length - 1}/{size}"
    answer["Content-Type"] = content_type
    answer["Content-Length"] = str(length)
    return _headed(answer, etag, file_name)


class BeyondTheEnd(ValueError):
    """The part that is asked for begins after the file's end."""


def _headed(answer: HttpResponseBase, etag: str, file_name: str) -> HttpResponseBase:
    answer["ETag"] = etag
    answer["Accept-Ranges"] = "bytes"
    # For this reader alone; asked for again each time, since they may have lost the right to it.
    answer["Cache-Control"] = "private, no-cache"
    if answer.status_code in (200, 206):
        answer["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return answer


def _has_it(marks: str, etag: str) -> bool:
    known = parse_etags(marks) if marks else []
    return "*" in known or any(mark.removeprefix("W/") == etag for mark in known)


def _part(asked: str, size: int) -> tuple[int, int] | None:
    """First byte and length of the one part that is asked for. None, for the whole: where nothing
    is, what is no part, or several parts, which nobody needs. Raises BeyondTheEnd."""
    match = ONE_RANGE.fullmatch(asked.strip())
    if not match or not size:
        return None
    begin, end = match.groups()
    if not begin:  # the last so many bytes
        if not end:
            return None
        length = min(_number(end), size)
        first = size - length
    else:
        first = _number(begin)
        last = min(_number(end), size - 1) if end else size - 1
        if end and _number(end) < first:
            return None
        length = last - first + 1
    if first >= size:
        raise BeyondTheEnd
    return first, length


def _number(digits: str) -> int:
    return int(digits[:20])  # no file is longer


def _pieces(path: Path, first: int, length: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(first)
        while length and (piece := file.read(min(PIECE_BYTES, length))):
            length -= len(piece)
            yield piece
