"""Folders as a tar stream: nothing is held in memory or written to disk for it."""

import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

CHUNK = 1 << 20


def tar_stream(folders: Mapping[str, Path], texts: Mapping[str, str] = {}) -> Iterator[bytes]:
    """Each folder's own files (no links, no subfolders' links), below its name in the archive.
    `texts` are further files by their names there; they stand in for files of the same name."""
    for name, folder in folders.items():
        for path in sorted(folder.rglob("*")):
            inside = f"{name}/{path.relative_to(folder).as_posix()}"
            if inside not in texts and not path.is_symlink() and path.is_file():
                yield from _file(path, inside)
    for name, text in texts.items():
        yield from _text(text.encode(), name)
    yield b"\0" * (2 * tarfile.BLOCKSIZE)


def _text(content: bytes, name: str) -> Iterator[bytes]:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o644
    yield entry.tobuf() + content + b"\0" * (-len(content) % tarfile.BLOCKSIZE)


def _file(path: Path, name: str) -> Iterator[bytes]:
    entry = tarfile.TarInfo(name)
    status = path.stat()
    entry.size, entry.mtime, entry.mode = status.st_size, int(status.st_mtime), 0o644
    yield entry.tobuf()
    with path.open("rb") as file:
        left = entry.size
        while left and (part := file.read(min(CHUNK, left))):
            left -= len(part)
            yield part
    if left:
        raise OSError(f"{path} became shorter while it was sent")
    yield b"\0" * (-entry.size % tarfile.BLOCKSIZE)
