"""Runs one learning program as a child process: starts it, stops it, says how it ended."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from modeling import launch
from modeling.several_gpus import command_for, processes_for

CANCELLED = 128 + signal.SIGTERM
LOG_LINES_IN_ERROR = 15
# How an error is put together as text; modeling/pages/run_results.py takes it apart again.
LOG_FOLLOWS = "Last lines of the log:"
WHERE = "Where: "
LOG_BYTES_PER_LINE = 400


class FolderInUse(Exception):
    """Another worker's program is still at work in this run's folder."""


@contextmanager
def sole_use(folder: Path) -> Iterator[int]:
    """Holds the run's folder; gives the lock to be handed on to the programs.

    The lock is free again when its holder and all programs it was handed to are gone, so no two
    programs ever write into one folder, whatever became of the worker.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            raise FolderInUse(str(folder)) from problem
        yield lock
    finally:
        os.close(lock)


def is_abandoned(folder: Path) -> bool:
    """Whether it is certain that nobody works in the folder: it is here, and nobody holds it."""
    if not (folder / ".lock").exists():
        return False
    try:
        with sole_use(folder):
            return True
    except (FolderInUse, OSError):
        return False


@dataclass(frozen=True)
class Ending:
    """How a program ended. `problem` is empty when it succeeded."""

    exit_code: int
    problem: str = ""

    @property
    def was_stopped(self) -> bool:
        """It ended at a safe point because it was asked to, or had not begun."""
        return self.exit_code in (CANCELLED, -signal.SIGTERM)


class Program:
    """One stage, `python -m PACKAGE.STAGE FOLDER`, in a process group of its own."""

    def __init__(self, stage: str, folder: Path, *, log: Path, lock: int, package: str) -> None:
        self.stage = stage
        self.folder = folder
        self.log = log
        self.processes = processes_for(stage, folder)
        self.asked_to_stop = False
        command = command_for(package, stage, folder, self.processes)
        launcher = [sys.executable, "-I", launch.__file__, str(os.getpid())]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [*launcher, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=settings.BASE_DIR,
                env=environment(),
                pass_fds=(lock,),
                process_group=0,
            )

    def send(self, number: signal.Signals) -> None:
        """To the whole group: a program may have started helpers of its own."""
        self.asked_to_stop = self.asked_to_stop or number == signal.SIGTERM
        with suppress(ProcessLookupError):  # it may have ended just now
            os.killpg(self.process.pid, number)

    def end(self) -> None:
        """Leaves nothing running, whatever the reason why its worker stops watching."""
        if self.process.poll() is None:
            self.send(signal.SIGKILL)
            self.process.wait()

    def ending(self) -> Ending:
        """Waits for the end and puts it in words."""
        code = self.process.wait()
        if code == 0 and (self.folder / "result.json").is_file():
            return Ending(0)
        told = read_json(self.folder / "error.json") if code == 1 else {}
        if code == 1 and not told and self.processes > 1 and self.asked_to_stop:
            code = CANCELLED  # the launcher of several processes does not pass theirs on
        words = told_error(told) if told else self._explain(code)
        last_lines = tail(self.log, LOG_LINES_IN_ERROR)
        return Ending(code, f"{words}\n\n{LOG_FOLLOWS}\n{last_lines}".strip())

    def _explain(self, code: int) -> str:
        if code == -signal.SIGKILL:
            return (
                "The program was killed (signal 9), most likely because the machine ran out of "
                "memory. Free some memory, or use a smaller model or shorter texts, then retry: "
                "it goes on from its last checkpoint."
            )
        if code < 0:
            return f"The program was ended by signal {-code} ({signal.strsignal(-code)})."
        if code == 0:
            return f"The program ended without a result: {self.stage}/result.json is missing."
        return f"The program ended with exit code {code} and did not say why."


def tail(path: Path, lines: int) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - lines * LOG_BYTES_PER_LINE))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    # A progress bar rewrites its line: only what it shows last is of interest.
    shown = (line.rstrip("\r\n").rpartition("\r")[2] for line in text.split("\n"))
    return "\n".join([line for line in shown if line][-lines:])


def told_error(told: dict[str, Any]) -> str:
    """The program's own error.json as text: what was wrong first, then what to do and where."""
    lines = [str(told.get("error", "")), str(told.get("hint", ""))]
    if told.get("where"):
        lines.append(f"{WHERE}{told['where']}")
    return "\n".join(line for line in lines if line)


def environment() -> dict[str, str]:
    """The child's environment: threads that wait without spinning, no telemetry, no tqdm noise."""
    return {
        "OMP_WAIT_POLICY": "passive",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        **os.environ,
        "PYTHONUNBUFFERED": "1",
    }


def read_json(path: Path) -> dict[str, Any]:
    """The object in `path`; {} when there is none or it is damaged. NaN and
    infinities, which no database column takes, become null."""
    try:
        value = json.loads(path.read_bytes(), parse_constant=lambda _name: None)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
