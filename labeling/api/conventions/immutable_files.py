"""Sends a file that never changes: its SHA-256 is its ETag, and a download that was cut off goes on
where it ended (RFC 9110: If-None-Match, Range, If-Range)."""

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from django.http import FileResponse, HttpResponse, HttpResponseBase

ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
# Whoever may see it now may not see it for ever, so only their own cache keeps it.
FOR_EVER = "private, max-age=31536000, immutable"


def send_immutable(
    headers: Mapping[str, str], path: Path, *, name: str, content_type: str, sha256: str
) -> HttpResponseBase:
    """The file, the part of it that is asked for, or word that the reader has it already. Several
    ranges at once are answered with the whole, as the RFC allows."""
    etag = f'"{sha256}"'
    size = path.stat().st_size
    part = _part_asked(headers, etag, size)
    answer: HttpResponseBase
    if _has(headers.get("If-None-Match", ""), etag):
        answer = HttpResponse(status=304)
    elif part is None:
        answer = FileResponse(path.open("rb"), content_type=content_type)
    elif part.start >= size:
        answer = HttpResponse(status=416, content_type=content_type)
        answer["Content-Range"] = f"bytes */{size}"
    else:
        file = path.open("rb")
        file.seek(part.start)
        answer = FileResponse(_Part(file, len(part)), status=206, content_type=content_type)
        answer["Content-Length"] = str(len(part))
        answer["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    answer["ETag"] = etag
    answer["Accept-Ranges"] = "bytes"
    answer["Cache-Control"] = FOR_EVER
    if answer.status_code in (200, 206):
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        digest = base64.b64encode(bytes.fromhex(sha256)).decode()
        answer["Repr-Digest"] = f"sha-256=:{digest}:"
    return answer


def _has(wanted: str, etag: str) -> bool:
    names = [name.strip().removeprefix("W/") for name in wanted.split(",")]
    return "*" in names or etag in names


def _part_asked(headers: Mapping[str, str], etag: str, size: int) -> range | None:
    """The bytes that are asked for; None for all. One that cannot be had begins behind the end."""
    wanted = ONE_RANGE.fullmatch(headers.get("Range", "").replace(" ", ""))
    if wanted is None or headers.get("If-Range", etag) != etag:
        return None
    first, last = wanted.groups()
    if not first and not last:
        return None
    if not first:
        length = int(last)
        return range(max(0, size - length), size) if length else range(size, size)
    start, stop = int(first), min(int(last), size - 1) + 1 if last else size
    if last and int(last) < int(first):
        return None
    return range(start, max(start, stop))


class _Part:
    """A file of which only the next bytes are read."""

    def __init__(self, file: IO[bytes], left: int) -> None:
        self.file = file
        self.left = left

    def read(self, size: int = -1) -> bytes:
        some = self.file.read(self.left if size < 0 else min(size, self.left))
        self.left -= len(some)
        return some

    def close(self) -> None:
        self.file.close()
