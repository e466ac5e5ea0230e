"""Keeps what Preferable writes from other users of the machine: DATA_DIR holds people's answers,
hashes of passwords, and what signs sessions."""

import os
import stat
from pathlib import Path

UMASK = 0o077
# What lies in DATA_DIR itself. Nothing else is touched: it may be somebody's home folder.
OURS = (
    "preferable.sqlite3",
    "preferable.sqlite3-wal",
    "preferable.sqlite3-shm",
    "secret-key",
    "demo-secret",
    "demo-project",
    "parts.json",
    "up.pid",
    "hub",
    "imports",
    "logs",
    "redis",
    "runs",
    "snapshots",
    "static",
    "tokens",
    "uploads",
)


def keep_private(data_dir: Path) -> None:
    """Makes this process and all that it starts write for their owner alone, and closes to others
    what an earlier version has written for everybody."""
    os.umask(UMASK)
    for path in (data_dir, *(data_dir / name for name in OURS)):
        _close(path)


def is_open_to_others(data_dir: Path) -> bool:
    """Whether other users can enter the folder all the same, since it is somebody else's or shared
    like /tmp."""
    return bool(data_dir.stat().st_mode & 0o077)


def _close(path: Path) -> None:
    try:
        status = path.lstat()
    except OSError:
        return  # not there, or gone in this moment
    is_plain = stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)
    is_shared = status.st_mode & stat.S_ISVTX
    if not is_plain or is_shared or status.st_uid != os.geteuid() or not status.st_mode & 0o077:
        return
    try:
        path.chmod(stat.S_IMODE(status.st_mode) & ~0o077)
    except OSError:
        return  # a file system without permissions, or a read-only one: `up` says so
