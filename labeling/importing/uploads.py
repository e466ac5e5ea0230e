"""Uploaded files that were checked and wait for a click on "Import": kept for a day.

They lie in DATA_DIR/uploads under random names, which the uploader's page remembers. The number of
the uploader's account is part of the name, so that nobody else finds the file by its token.
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


def keep_upload(chunks: Iterable[bytes], owner: int) -> str:
    """Writes the upload down and returns the token under which it is found again."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    _remove_old(folder)
    token = uuid.uuid4().hex
    with (folder / f"{token}-{owner}").open("xb") as file:  # never into another one's file
        for chunk in chunks:
            file.write(chunk)
    return token


def kept_upload(token: str, owner: int) -> Path | None:
    """The upload's file, or None when it was imported, is another one's, or was removed because it
    was old."""
    if not TOKEN.fullmatch(token):
        return None
    path = _folder() / f"{token}-{owner}"
    return path if path.is_file() else None


def drop_upload(token: str, owner: int) -> None:
    if path := kept_upload(token, owner):
        path.unlink(missing_ok=True)


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "uploads"


def _remove_old(folder: Path) -> None:
    oldest = time.time() - KEPT_SECONDS
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # another upload, or an import, has just removed it
            if path.stat().st_mtime < oldest:
                path.unlink()
