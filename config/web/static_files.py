"""Static files, compressed.

WhiteNoise sends `x.gz` in place of `x` where it finds one, and `collectstatic` would write those.
This project runs straight from a checkout without that step, so the compressed copies are made at
start, once per version of a file, in DATA_DIR. Pages themselves are not compressed: a response
that holds a secret beside what a stranger may choose must not be (BREACH).
"""

import gzip
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any
from wsgiref.headers import Headers

from django.conf import settings
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

COMPRESSIBLE = {".css", ".js", ".mjs", ".svg", ".json", ".txt", ".map"}
SMALLEST = 512  # bytes; below, the header costs what the compression saves
WORTH = 0.95  # of the original size


def compressed_copy(path: Path, folder: Path) -> Path | None:
    """Returns the file's gzip copy, which is made if there is none yet. None where compression
    would not help."""
    original = path.stat()
    if path.suffix not in COMPRESSIBLE or original.st_size < SMALLEST:
        return None
    # By name, size and time: reading every file again would slow each start.
    name = f"{path}\0{original.st_size}\0{original.st_mtime_ns}"
    copy = folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.gz"
    if copy.exists():
        return copy
    content = path.read_bytes()
    packed = gzip.compress(content, compresslevel=9, mtime=0)
    if len(packed) > WORTH * len(content):
        return None
    folder.mkdir(parents=True, exist_ok=True)
    # Several workers start at once: each writes its own file, and the last rename wins.
    handle, temporary = tempfile.mkstemp(dir=folder)
    with os.fdopen(handle, "wb") as file:
        file.write(packed)
    os.replace(temporary, copy)
    return copy


class CompressedStaticFiles(WhiteNoiseMiddleware):
    """WhiteNoise with the finders' files, whose compressed copies lie in DATA_DIR."""

    def get_static_file(self, path: str, url: str, stat_cache: Any = None) -> StaticFile:
        plain = super().get_static_file(path, url, stat_cache=stat_cache)
        try:
            copy = compressed_copy(Path(path), settings.COMPRESSED_STATIC)
        except OSError:
            return plain  # a full or read-only disk: larger, but served
        if copy is None:
            return plain
        headers = Headers([])
        self.add_mime_headers(headers, path, url)
        self.add_cache_headers(headers, path, url)
        headers["Access-Control-Allow-Origin"] = "*"
        return StaticFile(path, headers.items(), encodings={"gzip": str(copy)})
