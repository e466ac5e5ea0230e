"""Folders as a tar: nothing is held in memory or written to disk for it, and its size is known
before. Last in it stand the SHA-256 of all files, as `sha256sum --check` reads them."""

import hashlib
import os
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

CHUNK = 1 << 20
END = b"\0" * (2 * tarfile.BLOCKSIZE)


class FolderArchive:
    """Each folder's own files (no links, nothing below a linked folder), below its name in the
    archive. The hashes are in the file `sums`; without files there is none. `texts` are further
    files by their names in the archive, in place of files of the same name."""

    def __init__(
        self, folders: Mapping[str, Path], sums: str, texts: Mapping[str, str] | None = None
    ) -> None:
        self.sums = sums
        written = {name: text.encode() for name, text in (texts or {}).items()}
        on_disk = [
            (f"{name}/{path.relative_to(folder).as_posix()}", path)
            for name, folder in folders.items()
            for path in _files_below(folder)
        ]
        self.files = [_File.on_disk(name, path) for name, path in on_disk if name not in written]
        self.files += [_File(name, text, len(text), 0.0) for name, text in written.items()]

    @property
    def size(self) -> int:
        """Bytes of the whole archive."""
        size = sum(
            len(_header(file.name, file.size, file.changed_at)) + _padded(file.size)
            for file in self.files
        )
        if self.files:
            length = sum(len(_sum_line("0" * 64, file.name)) for file in self.files)
            size += len(_header(self.sums, length, 0)) + _padded(length)
        return size + len(END)

    def stream(self) -> Iterator[bytes]:
        """Yields the archive in parts. Raises OSError when a file became shorter meanwhile: whoever
        reads then gets fewer bytes than `size`."""
        lines: list[bytes] = []
        for file in self.files:
            digest = hashlib.sha256()
            yield _header(file.name, file.size, file.changed_at)
            for part in file.content():
                digest.update(part)
                yield part
            yield _padding(file.size)
            lines.append(_sum_line(digest.hexdigest(), file.name))
        if lines:
            text = b"".join(lines)
            yield _header(self.sums, len(text), 0) + text + _padding(len(text))
        yield END


@dataclass(frozen=True)
class _File:
    """A file of the archive: what lies at a path, or a text made for it."""

    name: str
    source: Path | bytes
    size: int
    changed_at: float

    @classmethod
    def on_disk(cls, name: str, path: Path) -> "_File":
        status = path.stat()
        return cls(name, path, status.st_size, status.st_mtime)

    def content(self) -> Iterator[bytes]:
        if isinstance(self.source, bytes):
            return iter([self.source])
        return _content(self.source, self.size)


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
