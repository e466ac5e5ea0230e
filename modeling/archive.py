"""A folder as a tar stream: nothing is held in memory or written to disk for it."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

CHUNK = 1 << 20


def tar_stream(folder: Path, name: str) -> Iterator[bytes]:
    """The folder's own files (no links, no subfolders' links), below `name/` in the archive."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        entry = tarfile.TarInfo(f"{name}/{path.relative_to(folder).as_posix()}")
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
    yield b"\0" * (2 * tarfile.BLOCKSIZE)
