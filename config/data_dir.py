"""Checks DATA_DIR before `manage.py up` starts anything: room, sound files, one owner."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

NEEDED_BYTES = 200 * 2**20
FULL_BYTES = 2**20
SQLITE_MAGIC = b"SQLite format 3\0"


def check(data_dir: Path) -> None:
    """Raises ImproperlyConfigured with what is wrong with `data_dir` and what to do about it."""
    _check_writable(data_dir)
    _check_room(data_dir)
    _check_database_file(data_dir / "preferable.sqlite3")


def _check_writable(data_dir: Path) -> None:
    try:
        (data_dir / "logs").mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=data_dir) as file:
            file.write(b"room for a few bytes")
    except OSError as problem:
        raise ImproperlyConfigured(
            f"DATA_DIR={data_dir} cannot be written ({problem.strerror}): "
            "change its permissions or set DATA_DIR to another folder"
        ) from problem


def _check_room(data_dir: Path) -> None:
    free = shutil.disk_usage(data_dir).free
    if free < NEEDED_BYTES:
        raise ImproperlyConfigured(
            f"Only {free // 2**20} MB are free where DATA_DIR={data_dir} lies, and at least "
            f"{NEEDED_BYTES // 2**20} MB are needed: free some or set DATA_DIR to another disk"
        )


def is_full(data_dir: Path) -> bool:
    """Whether hardly anything can be written there now."""
    return shutil.disk_usage(data_dir).free < FULL_BYTES


def _check_database_file(path: Path) -> None:
    if not path.exists() or path.stat().st_size == 0:
        return  # a start that was cut short before the first table: migrate begins again
    with path.open("rb") as file:
        if file.read(len(SQLITE_MAGIC)) != SQLITE_MAGIC:
            raise ImproperlyConfigured(
                f"{path} is not a SQLite database, or was only half written: put a backup in its "
                "place, or move it away to start with an empty one"
            )


@contextmanager
def only_user(data_dir: Path) -> Iterator[None]:
    """Holds DATA_DIR for this process. The lock is the kernel's, so no crash leaves it locked."""
    path = data_dir / "up.pid"
    descriptor = _lock(path)
    try:
        with suppress(OSError):  # a full disk: the lock holds, only its message lacks the number
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        with suppress(OSError):  # a disk that has become read-only: the file itself locks nothing
            path.unlink(missing_ok=True)
        os.close(descriptor)


def _lock(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            owner = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise ImproperlyConfigured(
                f"Preferable runs already on DATA_DIR={path.parent} (process {owner}): "
                "stop that one first, or set another DATA_DIR and PORT"
            ) from problem
        if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
        os.close(descriptor)  # the owner before us removed the file while we opened it
