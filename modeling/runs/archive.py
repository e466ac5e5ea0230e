"""Folders as a tar: nothing is held in memory or written to disk for it, and its size is known
before. Last in it stand the SHA-256 of all files, as `sha256sum --check` reads them."""

import hashlib
import os
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

CHUNK = 1 << 20
END = b"\0" * (2 * tarfile.BLOCKSIZE)


class FolderArchive:
    """Each folder's own files (no links, nothing below a linked folder), below its name in the
    archive. The hashes are in the file `sums`; without files there is none."""

    def __init__(self, folders: Mapping[str, Path], sums: str) -> None:
        self.sums = sums
        self.files = [
            (f"{name}/{path.relative_to(folder).as_posix()}", path, path.stat())
            for name, folder in folders.items()
            for path in _files_below(folder)
        ]

    @property
    def size(self) -> int:
        """Bytes of the whole archive."""
        size = sum(
            len(_header(name, status.st_size, status.st_mtime)) + _padded(status.st_size)
            for name, _, status in self.files
        )
        if self.files:
            length = sum(len(_sum_line("0" * 64, name)) for name, _, _ in self.files)
            size += len(_header(self.sums, length, 0)) + _padded(length)
        return size + len(END)

    def stream(self) -> Iterator[bytes]:
        """Yields the archive in parts. Raises OSError when a file became shorter meanwhile: whoever
        reads then gets fewer bytes than `size`."""
        lines: list[bytes] = []
        for name, path, status in self.files:
            digest = hashlib.sha256()
            yield _header(name, status.st_size, status.st_mtime)
            for part in _content(path, status.st_size):
                digest.update(part)
                yield part
            yield _padding(status.st_size)
            lines.append(_sum_line(digest.hexdigest(), name))
        if lines:
            text = b"".join(lines)
            yield _header(self.sums, len(text), 0) + text + _padding(len(text))
        yield END


def _files_below(folder: Path) -> list[Path]:
    """The plain files in the folder. Links are not followed, so nothing outside is reached."""
    return sorted(
        Path(below, name)
        for below, _, names in os.walk(folder, followlinks=False)
        for name in names
        if not Path(below, name).is_symlink() and Path(below, name).is_file()
    )


def _header(name: str, size: int, changed_at: float) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = size, int(changed_at), 0o644
    return entry.tobuf()


def _content(path: Path, size: int) -> Iterator[bytes]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        left = size
        while left and (part := file.read(min(CHUNK, left))):
            left -= len(part)
            yield part
    if left:
        raise OSError(f"{path} became shorter while it was sent")


def _padding(size: int) -> bytes:
    return b"\0" * (-size % tarfile.BLOCKSIZE)


def _padded(size: int) -> int:
    return size + len(_padding(size))


def _sum_line(digest: str, name: str) -> bytes:
    """One line as GNU's sha256sum writes it, with odd characters of the name escaped."""
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n")
    mark = "\\" if escaped != name else ""
    return f"{mark}{digest}  {escaped}\n".encode(errors="surrogateescape")
