"""Keeps every log of a part below 5 MB: the last lines stay, older ones are removed."""

import os
from pathlib import Path

MOST_BYTES = 5 * 2**20
KEPT_BYTES = 2 * 2**20
REMOVED = b"[Earlier lines were removed: a log is kept below 5 MB.]\n"


def keep_short(path: Path) -> None:
    """Cuts a log of more than MOST_BYTES down to its last KEPT_BYTES.

    The file itself stays, because a process has it open. That process must have opened it for
    appending, so that it goes on at the new end. What it writes at this very moment may be lost.
    A log that cannot be cut now is cut at the next look.
    """
    try:
        size = path.stat().st_size
        if size <= MOST_BYTES:
            return
        with path.open("rb") as file:
            file.seek(size - KEPT_BYTES)
            end = file.read(2 * KEPT_BYTES).partition(b"\n")[2]
        os.truncate(path, 0)  # first, so that a full disk has room for what follows
        with path.open("ab") as file:
            file.write(REMOVED + end)
    except OSError:
        return  # there is no log yet, or the disk is in trouble: the next look tries again
