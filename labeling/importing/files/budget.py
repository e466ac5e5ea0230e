"""What reading one input may cost: every byte that comes out of a container counts, and every
record. A few kilobytes can unpack to gigabytes, and an empty line takes as long as a short row."""

import io
from collections import Counter
from collections.abc import Callable
from typing import IO

from labeling.importing.files.faults import Unreadable, in_megabytes
from labeling.texts.limits import BLANK_LINES, FileLimits


class Budget:
    """Counts what was read of an input of `size` bytes, and ends the reading beyond its limits."""

    def __init__(self, limits: FileLimits, size: int) -> None:
        self.limits = limits
        self.plain = limits.max_bytes
        self.packed = limits.packed_allows(size)
        self.bytes: Counter[str] = Counter()  # by layer: "tar in gzip" has three
        self.lines = 0
        self.lines_of_file = 0  # where there are several files
        self.rows = 0

    def spend(self, layer: str, size: int, *, packed: bool) -> None:
        self.bytes[layer] += size
        most = self.packed if packed else self.plain
        if self.bytes[layer] > most:
            raise _too_large(most, self.limits)

    def count_line(self, *, is_blank: bool = False) -> None:
        """One more line, row or item."""
        if self.lines >= self.limits.max_lines:
            raise Unreadable(
                f"The file has more than {self.limits.max_lines:,} lines.",
                "Split it and import the parts one after the other.",
            )
        self.lines += 1
        self.lines_of_file += 1
        self.rows += not is_blank
        blank = self.lines - self.rows
        if blank > BLANK_LINES + self.rows:
            advice = "Take them out: each row is one line."
            raise Unreadable(f"{blank:,} lines up to here are blank.", advice)


def _too_large(most: int, limits: FileLimits) -> Unreadable:
    if most < limits.max_bytes:
        return Unreadable(
            f"The file unpacks to more than {limits.max_ratio} times its size.",
            "Give it plain, or use manage.py import_data on the server.",
        )
    return Unreadable(
        f"The file holds more than {in_megabytes(most)} when unpacked.",
        "Split it and import the parts one after the other.",
    )


class Counted(io.RawIOBase):
    """A stream whose bytes count for the budget while they are read."""

    def __init__(self, read: Callable[[int], bytes], spend: Callable[[int], None]) -> None:
        self.source, self.spend = read, spend

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        piece = self.source(len(buffer))
        self.spend(len(piece))
        buffer[: len(piece)] = piece
        return len(piece)


def counted(read: Callable[[int], bytes], spend: Callable[[int], None]) -> IO[bytes]:
    return io.BufferedReader(Counted(read, spend), 2**16)  # type: ignore[type-var]
