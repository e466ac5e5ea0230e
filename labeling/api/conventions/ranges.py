"""Answers with a text, or with the part of it that `Range` asks for (RFC 9110, one range)."""

import re

from django.http import HttpResponse
from rest_framework.exceptions import APIException
from rest_framework.request import Request

RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class BeyondTheEnd(APIException):
    status_code = 416
    default_detail = "The range begins beyond the end of what there is so far."

    def __init__(self, size: int) -> None:
        super().__init__()
        self.headers = {"Content-Range": f"bytes */{size}"}


def answer_text(request: Request, text: bytes, content_type: str) -> HttpResponse:
    """Answers with the whole, or with 206 and a part. A range that is none, or that names several
    parts, is ignored, as the standard has it."""
    part = part_asked(request.headers.get("Range", ""), len(text))
    if part is None:
        answer = HttpResponse(text, content_type=content_type)
    else:
        answer = HttpResponse(text[part], status=206, content_type=content_type)
        answer["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(text)}"
    answer["Accept-Ranges"] = "bytes"
    answer["Content-Length"] = str(len(answer.content))
    return answer


def part_asked(header: str, size: int) -> slice | None:
    """Reads `bytes=0-99`, `bytes=100-` or `bytes=-100`. Raises BeyondTheEnd."""
    match = RANGE.fullmatch(header.strip())
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(int(last) + 1 if last else size, size)
        if last and int(last) < start:
            return None
    if start >= size or start >= end:
        raise BeyondTheEnd(size)
    return slice(start, end)
