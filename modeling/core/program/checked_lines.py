"""JSON lines that a program appends while it works, each with a check sum.

A program that is started again goes on behind what is there. A kill cuts the last line short, and
a damaged disk changes one in the middle, which mostly is JSON all the same. So a line that is not
as it was written counts as not written. Finished files have no check sums.
"""

import json
import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CHECK = "check_sum"


def append_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Append whole lines, and wait until the disk has them, before any progress counts them."""
    with path.open("ab") as file:
        file.write(b"".join(_line_of(row) for row in rows))
        file.flush()
        os.fsync(file.fileno())


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read the rows that are as they were written. A last line that was cut short is removed from
    the file, so that the next one does not become part of it."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)
    rows = (checked_row(line) for line in content[:whole].splitlines())
    return [row for row in rows if row is not None]


def checked_row(line: bytes) -> dict[str, Any] | None:
    """Parse a line; None for one that is not as it was written. A line without a check sum is of a
    finished file."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict):
        return None
    check_sum = row.pop(CHECK, None)
    return row if check_sum in (None, _check_sum(row)) else None


def _line_of(row: dict[str, Any]) -> bytes:
    return json.dumps(row | {CHECK: _check_sum(row)}, ensure_ascii=False).encode() + b"\n"


def _check_sum(row: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(row, sort_keys=True).encode())
