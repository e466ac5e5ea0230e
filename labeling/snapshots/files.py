"""The files of snapshots: named by their SHA-256, whole or not there."""

import fcntl
import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.db.models import Q

from labeling.models import Snapshot, SnapshotFile
from labeling.preferences.snapshots import SnapshotDamaged, move_into_place, snapshot_folder

JSONL = "jsonl"


class HashedFile:
    """A file that is being written. It has its name only once `place` gives it one, and is gone if
    nobody does."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, content: bytes) -> None:
        self.file.write(content)
        self.digest.update(content)
        self.size += len(content)

    @property
    def sha256(self) -> str:
        return self.digest.hexdigest()


@contextmanager
def new_file() -> Iterator[HashedFile]:
    folder = snapshot_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".tmp", delete=False) as file:
        try:
            yield HashedFile(file)
        finally:
            Path(file.name).unlink(missing_ok=True)


def place(written: HashedFile, ending: str = JSONL) -> Path:
    """Gives the file its name. Call it while `changing_files`, together with the row that names
    it."""
    written.file.flush()
    path = path_of(written.sha256, ending)
    move_into_place(Path(written.file.name), path)
    return path


def path_of(sha256: str, ending: str = JSONL) -> Path:
    return snapshot_folder() / f"{sha256}.{ending}"


@contextmanager
def changing_files() -> Iterator[None]:
    """Lets one process at a time place a file with its row, or remove one that has none. Otherwise
    a file could go between the two."""
    folder = snapshot_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def remove_unused(names: Iterable[tuple[str, str]]) -> None:
    """Removes those of these files, by SHA-256 and ending, that no row names any more. Call it
    while `changing_files`, after the commit that removed the rows."""
    for sha256, ending in names:
        is_named = (
            Snapshot.objects.filter(Q(sha256=sha256) | Q(votes_sha256=sha256)).exists()
            or SnapshotFile.objects.filter(sha256=sha256).exists()
        )
        if not is_named:
            path_of(sha256, ending).unlink(missing_ok=True)


def checked(path: Path, sha256: str) -> Path:
    """The file, if it still is what was written. Raises SnapshotDamaged."""
    try:
        with path.open("rb") as file:
            is_same = hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        raise SnapshotDamaged(f"The file {path.name} is gone: take a new snapshot.") from None
    if not is_same:
        raise SnapshotDamaged(
            f"The file {path.name} was changed after it was written: take a new snapshot."
        )
    return path


def ending_of(name: str) -> str:
    """What a file's name ends with: `jsonl.gz` of `trl.jsonl.gz`."""
    return name.partition(".")[2]
