"""Uploaded files that were checked and wait for a click on "Import": kept for a day.

They lie in DATA_DIR/uploads under random names, which the uploader's session remembers.
"""

import re
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from django.conf import settings

MAX_UPLOAD_BYTES = 2**30
KEPT_SECONDS = 24 * 3600
TOKEN = re.compile(r"[0-9a-f]{32}")


def keep_upload(chunks: Iterable[bytes]) -> str:
    """Writes the upload down and returns the token under which it is found again."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    _remove_old(folder)
    token = uuid.uuid4().hex
    with (folder / token).open("xb") as file:  # never into another one's file
        for chunk in chunks:
            file.write(chunk)
    return token


def kept_upload(token: str) -> Path | None:
    """The upload's file, or None when it was imported, or removed because it was old."""
    if not TOKEN.fullmatch(token):
        return None
    path = _folder() / token
    return path if path.is_file() else None


def drop_upload(token: str) -> None:
    if path := kept_upload(token):
        path.unlink(missing_ok=True)


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "uploads"


def _remove_old(folder: Path) -> None:
    oldest = time.time() - KEPT_SECONDS
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # another upload, or an import, has just removed it
            if path.stat().st_mtime < oldest:
                path.unlink()
