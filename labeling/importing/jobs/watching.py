"""Progress of a reading: how many bytes of how many, and how many rows, once a second."""

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from labeling.database.transactions import retried
from labeling.importing import staging
from labeling.models import Import

EVERY_SECONDS = 1.0
READ_AT_ONCE = 2**18


class Watch:
    """Writes the progress of an import into its row. That raises ImportInterrupted where the import
    was given up or another worker reads it."""

    def __init__(self, job: Import) -> None:
        self.job = job
        self.what, self.at, self.of, self.rows = "", 0, 0, 0
        self.positions: dict[Path, int] = {}
        self.next_time = time.monotonic()

    def begin(self, what: str, of: int) -> None:
        """Another part of the work: of so many bytes, or rows."""
        self.what, self.at, self.of = what, 0, of
        self.next_time = time.monotonic()
        self.look()

    def look(self) -> None:
        if time.monotonic() >= self.next_time:
            self.next_time = time.monotonic() + EVERY_SECONDS
            self._write()

    @retried
    def _write(self) -> None:
        progress = {"what": self.what, "at": self.at, "of": self.of, "rows": self.rows}
        staging.touch(self.job, progress=progress)

    def reach(self, at: int, of: int) -> None:
        """Of a download: the bytes that are there, of all."""
        self.at, self.of = max(self.at, at), of
        self.look()

    def count(self, _what: str, rows: int, _of: int | None) -> None:
        """Hears how many rows were checked."""
        self.rows = rows
        self.look()

    def opener(self, path: Path) -> IO[bytes]:
        """Opens a file whose reading is watched."""
        watched = _Watched(path, lambda at: self._position(path, at))
        return io.BufferedReader(watched, READ_AT_ONCE)  # type: ignore[type-var]

    def _position(self, path: Path, at: int) -> None:
        # A Parquet file is read at its end first, and an archive's directory as well.
        self.positions[path] = at
        self.reach(min(sum(self.positions.values()), self.of), self.of)


class _Watched(io.RawIOBase):
    """A file that tells how far it was read."""

    def __init__(self, path: Path, heard: Callable[[int], object]) -> None:
        self.file, self.heard = path.open("rb", buffering=0), heard
        self.was_read = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        size = self.file.readinto(buffer) or 0
        self.was_read += size
        self.heard(self.was_read)
        return size

    def seek(self, offset: int, whence: int = 0) -> int:
        """What is read once more, such as the first bytes that tell the format, counts once."""
        position = self.file.seek(offset, whence)
        self.was_read = min(self.was_read, position)
        return position

    def tell(self) -> int:
        return self.file.tell()

    def close(self) -> None:
        self.file.close()
        super().close()
