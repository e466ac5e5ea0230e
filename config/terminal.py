"""What `manage.py up` says: one calm line for each step, with a tick and its seconds."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def say(text: str = "") -> None:
    """Prints at once, and never fails for a terminal that is gone or knows few characters."""
    encoding = sys.stdout.encoding or "utf-8"
    with suppress(OSError):  # of a closed terminal: stopping cleanly matters more than the words
        print(text.encode(encoding, "replace").decode(encoding), flush=True)


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
            with path.open("rb") as file:
                file.seek(seen)
                whole_lines = file.read().rpartition(b"\n")[0]
            for line in whole_lines.decode(errors="replace").splitlines():
                say(f"{path.stem:>14} | {line}")
            self._seen[path] = seen + len(whole_lines) + bool(whole_lines)
