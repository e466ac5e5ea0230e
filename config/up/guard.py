"""The supervisor's side of its guard, the process that ends the parts if the supervisor is killed.

The guard (config/up/processes.py, run as a program) hears through a pipe what has been started. The
pipe needs no room on a disk, and its end is all that the guard waits for.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from config.up import processes
from config.up.processes import ProcessRecord

END_SECONDS = 15.0


class Guard:
    """The guard process, which is kept running like a part. Without it, a killed supervisor would
    leave its parts running."""

    def __init__(self, records_path: Path) -> None:
        self.records_path = records_path
        self.records: Sequence[ProcessRecord] = ()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        # -I keeps this folder off the import path, where config/celery.py would hide the real one.
        self.process = subprocess.Popen(
            [sys.executable, "-I", processes.__file__, str(self.records_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            bufsize=0,
        )
        assert self.process.stdin is not None
        os.set_blocking(self.process.stdin.fileno(), False)
        self._tell()

    def watch(self, records: Sequence[ProcessRecord]) -> None:
        """Tells the guard which processes to end from now on."""
        self.records = records
        self._tell()

    def look_after(self) -> None:
        """Starts the guard again if it has ended."""
        if self.process is not None and self.process.poll() is not None:
            self._close()
            self.start()

    def dismiss(self) -> None:
        """Ends the guard after all parts have ended: it has nothing left to do."""
        if self.process is None:
            return
        self.watch(())
        self._close()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def _tell(self) -> None:
        if self.process is None or self.process.stdin is None:
            return
        line = processes.as_text(self.records).encode() + b"\n"
        try:
            is_told = os.write(self.process.stdin.fileno(), line) == len(line)
        except (BlockingIOError, BrokenPipeError):
            is_told = False
        if not is_told:
            self.process.kill()  # it reads no more: `look_after` starts another one

    def _close(self) -> None:
        if self.process is not None and self.process.stdin is not None:
            with suppress(OSError):
                self.process.stdin.close()
            self.process.stdin = None
