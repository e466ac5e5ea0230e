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
from typing import Any, BinaryIO

from django.conf import settings

from modeling.core.generating.servers import reachable
from modeling.core.program.errors import OUT_OF_MEMORY
from modeling.core.program.seal import NotWhole, check_result
from modeling.runs import launch
from modeling.runs.several_gpus import command_for, processes_for

CANCELLED = 128 + signal.SIGTERM
LOG_LINES_IN_ERROR = 15
# How an error is put together as text; modeling/loop/run_outcomes.py takes it apart again.
LOG_FOLLOWS = "Last lines of the log:"
WHERE = "Where: "
MOVED_AT_ONCE = 2**20
LOG_BYTES_PER_LINE = 400
# For the seconds until the program itself can say anything.
STARTING = "{stage} starts: Python loads its libraries, which takes some seconds.\n"
# Killing is at once, but for a process that waits for a broken disk.
END_SECONDS = 30.0
# A run's log is kept below this: its beginning and its end.
LOG_BYTES = 8 << 20

KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)
# What the launcher of several processes prints of one that was killed.
KILLED_AMONG_SEVERAL = ("(SIGKILL)", "exitcode  : -9")
SECOND_TRY = "It was tried twice, the second time with passes half as large."
FOLDER_LOST = (
    "The run's folder was deleted while its program worked in it, and what it had written there is "
    "lost.\nNothing else is: the run can be started again, and begins anew from the database. Find "
    "out what deletes folders below runs/ in DATA_DIR, and keep it from those of runs that are "
    "under way."
)


class StillRunning(RuntimeError):
    """A killed program has not ended. The message is a sentence for people."""


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
class ProgramEnding:
    """How a program ended. `problem` is empty when it succeeded. `out_of_memory`: smaller passes
    may mend it. `lost_folder`: what it worked in was deleted under it."""

    exit_code: int
    problem: str = ""
    out_of_memory: bool = False
    lost_folder: bool = False

    @property
    def was_stopped(self) -> bool:
        """Whether it ended at a safe point because it was asked to, or had not begun."""
        return self.exit_code in (CANCELLED, -signal.SIGTERM)


class RunningProgram:
    """One stage, `python -m PACKAGE.STAGE FOLDER`, in a process group of its own."""

    def __init__(
        self,
        stage: str,
        folder: Path,
        *,
        log: Path,
        lock: int,
        package: str,
        is_second_try: bool = False,
    ) -> None:
        """`is_second_try`: after memory ran out, with smaller passes."""
        self.stage = stage
        self.is_second_try = is_second_try
        self.folder = folder
        self.log = log
        self.processes = processes_for(stage, folder)
        self.asked_to_stop = False
        command = command_for(package, stage, folder, self.processes)
        launcher = [sys.executable, "-I", launch.__file__, str(os.getpid())]
        with log.open("ab") as output:
            output.write(STARTING.format(stage=stage).encode())
            output.flush()
            self.process = subprocess.Popen(
                [*launcher, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Not where we are: a hub id such as models/private would name a folder there.
                cwd=folder,
                env=environment(),
                pass_fds=(lock,),
                process_group=0,
            )

    def send(self, number: signal.Signals) -> None:
        """Signals the whole group: a program may have started processes of its own."""
        self.asked_to_stop = self.asked_to_stop or number == signal.SIGTERM
        with suppress(ProcessLookupError):  # it may have ended just now
            os.killpg(self.process.pid, number)

    def end(self) -> None:
        """Leaves nothing running, whatever the reason why its worker stops watching."""
        if self.process.poll() is None:
            self.send(signal.SIGKILL)
            try:
                self.process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                raise StillRunning(
                    f"The program (process {self.process.pid}) could not be ended: it waits for a "
                    "disk or a device. Its run can be started again once it is gone."
                ) from None

    def ending(self) -> ProgramEnding:
        """Waits for the end and puts it in words."""
        code = self.process.wait()
        if not self.folder.is_dir():
            return ProgramEnding(code, FOLDER_LOST, lost_folder=True)
        last_lines = tail(self.log, LOG_LINES_IN_ERROR)
        not_whole = ""
        if code == 0:
            try:
                check_result(self.folder)
                return ProgramEnding(0)
            except NotWhole as problem:
                not_whole = f"The program ended without a result that can be used. {problem}"
                forget_result(self.folder)
        error = read_json(self.folder / "error.json") if code == 1 else {}
        if code == 1 and not error and self.processes > 1:
            if self.asked_to_stop:
                code = CANCELLED  # the launcher of several processes does not pass theirs on
            elif any(sign in last_lines for sign in KILLED_AMONG_SEVERAL):
                code = -signal.SIGKILL
        words = error_in_words(error) if error else not_whole or self._explain(code)
        out_of_memory = code in KILLED or OUT_OF_MEMORY in str(error.get("error"))
        if out_of_memory and self.is_second_try:
            words = f"{words}\n{SECOND_TRY}"
        return ProgramEnding(code, f"{words}\n\n{LOG_FOLLOWS}\n{last_lines}".strip(), out_of_memory)

    def _explain(self, code: int) -> str:
        if code in KILLED:
            return (
                "The program was killed (signal 9), most likely because the machine ran out of "
                "memory. Free some memory, or use a smaller model or shorter texts, then retry: "
                "it goes on from its last checkpoint."
            )
        if code < 0:
            return f"The program was ended by signal {-code} ({signal.strsignal(-code)})."
        return f"The program ended with exit code {code} and did not say why."


def forget_result(folder: Path) -> None:
    """A result that cannot be used must not count as one at the next attempt."""
    (folder / "result.json").unlink(missing_ok=True)


def cap_log(path: Path, most: int = LOG_BYTES) -> bool:
    """Takes the middle out of a log that has become larger than `most` bytes; whether it was. The
    program appends to it meanwhile and goes on at the new end: what it adds while this works is
    moved along, up to the last look before the file is cut."""
    try:
        with path.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            if size <= most:
                return False
            # A progress bar can be one line of megabytes. It is cut within, else both ends of the
            # gap would lie behind it, and the log would be copied behind itself without end.
            line = most // 8
            beginning = _end_of_line(file, most // 8, line)
            end = _end_of_line(file, size - most // 2, line)
            _close_gap(file.fileno(), beginning, end)
            return True
    except FileNotFoundError:
        return False


def _end_of_line(file: BinaryIO, start: int, most: int) -> int:
    """Where the line ends that `start` lies in, `most` bytes behind `start` at the furthest."""
    file.seek(start)
    file.readline(most)
    return file.tell()


def _close_gap(descriptor: int, start: int, end: int) -> None:
    """Moves what lies from `end` on to `start`, after a line that says what is gone."""
    notice = f"[… {end - start:,} bytes of this log were left out …]\n".encode()
    start += os.pwrite(descriptor, notice, start)
    while moved := os.pread(descriptor, MOVED_AT_ONCE, end):
        os.pwrite(descriptor, moved, start)
        start, end = start + len(moved), end + len(moved)
    os.ftruncate(descriptor, start)


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


def error_in_words(error: dict[str, Any]) -> str:
    """The program's own error.json as text: what was wrong first, then what to do and where."""
    lines = [str(error.get("error", "")), str(error.get("hint", ""))]
    if error.get("where"):
        lines.append(f"{WHERE}{error['where']}")
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
        "PYTHONPATH": os.pathsep.join(
            filter(None, (str(settings.BASE_DIR), os.environ.get("PYTHONPATH")))
        ),
        "PYTHONSAFEPATH": "1",  # nothing is imported from the run's folder
        reachable.SETTING: " ".join(settings.POLICY_PRIVATE_HOSTS),
    }


def read_json(path: Path) -> dict[str, Any]:
    """The object in `path`; {} when there is none or it is damaged. NaN and
    infinities, which no database column takes, become null."""
    try:
        value = json.loads(path.read_bytes(), parse_constant=lambda _name: None)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
