"""Prints what `manage.py up` says: one calm line for each step, with a tick and its seconds."""

import errno
import os
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PIECE = 1000  # characters: less than a pipe takes at once when it says that it takes something
_is_stuck = False


def say(text: str = "") -> None:
    """Prints at once. It never fails, be the terminal gone, the disk of its file full, or the
    encoding small. It never waits for a terminal that takes nothing: the parts matter more."""
    if sys.stdout is None:  # started with its output closed
        return
    encoding = sys.stdout.encoding or "utf-8"
    line = text.encode(encoding, "replace").decode(encoding) + "\n"
    try:
        for start in range(0, len(line), PIECE):
            if _takes_something():
                print(line[start : start + PIECE], end="", flush=True)
    except OSError as problem:
        if problem.errno in (errno.EPIPE, errno.EIO):
            _speak_to_nobody()  # a closed pipe or terminal; a disk may have room again later
    except ValueError:  # closed within this process
        return


def _takes_something() -> bool:
    """Whether the output takes something. It waits for that a second at most, and after one such
    second in vain not at all."""
    global _is_stuck
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):  # not a file: nothing to wait for
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    _is_stuck = not poll.poll(0 if _is_stuck else 1000)
    return not _is_stuck


def _speak_to_nobody() -> None:
    """Leads the output to nowhere, so that what is still in the buffer does not fail at the end of
    the process either."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


@contextmanager
def step(what: str) -> Iterator[None]:
    say(f"  {what} …")
    begun = time.monotonic()
    yield
    say(f"  ✓ {what} ({time.monotonic() - begun:.1f} s)")


class LogFollower:
    """Shows what is added to log files from now on, each line with the name of its file."""

    def __init__(self, paths: list[Path]) -> None:
        self._seen = {path: path.stat().st_size if path.exists() else 0 for path in paths}

    def show_new_lines(self) -> None:
        for path, seen in self._seen.items():
            if not path.exists():
                continue
            size = path.stat().st_size
            if size < seen:  # it was cut (config/logs.py): most of it was shown before
                self._seen[path] = size
                continue
            with path.open("rb") as file:
                file.seek(seen)
                whole_lines = file.read().rpartition(b"\n")[0]
            for line in whole_lines.decode(errors="replace").splitlines():
                say(f"{path.stem:>14} | {line}")
            self._seen[path] = seen + len(whole_lines) + bool(whole_lines)
