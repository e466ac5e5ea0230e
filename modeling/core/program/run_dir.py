"""What every learning program does with its run folder: config in, metrics, result and error out.

    python -m modeling.core.<program> RUN_DIR

`run_program` wraps a program's `main(run)` with the promises of docs/learning-programs.md:
result.json last, error.json for what went wrong, exit code 143 after SIGTERM.
"""

import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from modeling.core.program.errors import (
    OUT_OF_MEMORY,
    ProgramCancelled,
    ProgramError,
    is_out_of_memory,
)
from modeling.core.program.files import is_disk_full, write_json
from modeling.core.program.seal import NotWhole, check_inputs, check_result, write_result
from modeling.core.program.whole import Phase, WholeRun
from modeling.run_data.config import ConfigRefused, RunConfig
from modeling.run_data.limits import is_number
from modeling.run_data.result import RunResult

Settings = TypeVar("Settings", bound=RunConfig)

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CANCELLED = 128 + signal.SIGTERM  # 143, as a shell reports it
# Of metrics.jsonl, in which an earlier attempt's last line of progress is looked for.
BYTES_READ_AGAIN = 1 << 16


def smaller(tokens: int, halved: bool) -> int:
    """The number of tokens held at once, halved where an earlier attempt ran out of memory."""
    return max(1, tokens // 2) if halved else tokens


def is_first_process() -> bool:
    """Whether this process writes the run's files: of several on one run, only the first does."""
    return os.environ.get("RANK", "0") == "0"


class RunDir:
    """One run's folder, and whether somebody asked the run to stop."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cancel_asked = False
        self.cancel_at_once = True  # until the program has something to save
        self._begun = False  # its own lines of metrics.jsonl
        self.part = ""  # which of several trainings or models is in hand
        self.whole = WholeRun(before=shown_before(path / "metrics.jsonl"))

    def read_config(self, kind: type[Settings]) -> Settings:
        """Read config.json as the program's settings. Raises ProgramError for what they do not
        allow."""
        path = self.path / "config.json"
        if not path.is_file():
            raise ProgramError(
                f"{path} is missing.",
                where="config.json",
                hint="A run folder needs a config.json; docs/learning-programs.md lists its keys.",
            )
        try:
            return kind.read(json.loads(path.read_bytes()))
        except ConfigRefused as problem:
            raise ProgramError(problem.message, where=problem.where, hint=problem.hint) from problem
        except (ValueError, RecursionError) as error:
            raise ProgramError(
                f"config.json is not JSON ({error}).", where="config.json", hint="Correct the file."
            ) from error

    def log(self, step: int, metrics: dict[str, float]) -> None:
        """Append one line of metrics, under the names of docs/metrics.md."""
        self._append({"step": step, "time": time.time(), "metrics": metrics})

    def plan(self, phases: Sequence[Phase]) -> None:
        """Name all phases of the run in their order, as soon as it is known what is to be done."""
        self.whole.plan(phases)

    def begin(
        self, phase: str, sentence: str = "", done: int = 0, total: int = 1, unit: str = ""
    ) -> None:
        """Go on to a phase, of which `done` of `total` may be done by an earlier attempt. The
        sentence goes into the log."""
        if sentence and is_first_process():
            self.say(sentence)
        self.progress(done, total, unit, phase)

    def progress(
        self, done: int, total: int, unit: str, phase: str, within: float | None = None
    ) -> None:
        """Append a line of progress: where the phase is, and as `share` and `eta_seconds` where the
        whole run is. `within`, 0..1: how far this part's phase is, where `done` counts all parts.
        """
        if within is None:
            within = done / total if total else 1.0
        share = self.whole.reach(phase, self.part, within, time.monotonic())
        self._tell(done, total, unit, phase, share, self.whole.left())

    def finished(self) -> None:
        """Append the last line of progress, once the result is there. It is no part of the result:
        a disk that is full by now takes nothing away."""
        try:
            self._tell(1, 1, "", "done", 1.0, 0.0)
        except OSError as problem:
            self.say(f"The last line of metrics.jsonl could not be written: {problem}")

    def _tell(
        self, done: int, total: int, unit: str, phase: str, share: float, left: float | None
    ) -> None:
        figures = {"done": done, "total": total, "unit": unit, "phase": phase, "share": share}
        eta = {"eta_seconds": None if left is None else round(left, 1)}
        self._append({"time": time.time(), "progress": figures | eta})

    def say(self, sentence: str) -> None:
        """Write a line into the log, for people."""
        print(sentence, file=sys.stderr, flush=True)

    def check_cancelled(self) -> None:
        """Raise ProgramCancelled if the run was asked to stop. To be called at safe points: nothing
        is half-written, nothing is lost by stopping there."""
        if self.cancel_asked:
            raise ProgramCancelled

    def on_sigterm(self, _signal: int, _frame: FrameType | None) -> None:
        self.cancel_asked = True
        if self.cancel_at_once:
            raise ProgramCancelled

    def _append(self, line: dict[str, Any]) -> None:
        if not is_first_process():
            return
        with (self.path / "metrics.jsonl").open("ab+") as file:
            # A line that an earlier attempt was killed in must not take this one with it.
            if not self._begun and file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")
            self._begun = True
            file.write(json.dumps(line).encode() + b"\n")


def shown_before(path: Path) -> float:
    """Read how far an earlier attempt said that the run is, 0..1, from its metrics. 0 where it had
    said that it is done: then the whole run is done again."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - BYTES_READ_AGAIN))
            lines = file.read().splitlines()
    except OSError:
        return 0.0
    for line in reversed(lines):
        try:
            share = json.loads(line)["progress"]["share"]
        except (ValueError, KeyError, TypeError):
            continue  # a line of metrics, or one that was cut short
        if is_number(share):
            return float(share) if 0 <= share < 1 else 0.0
    return 0.0


def run_program(main: Callable[[RunDir], RunResult | None], arguments: list[str]) -> int:
    """Run `main` on the folder named on the command line and return the exit code. Its result is
    written by the first process; the others have none."""
    name = main.__module__ if main.__module__ != "__main__" else Path(sys.argv[0]).stem
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(f"usage: python -m modeling.core.{name.split('.')[-1]} RUN_DIR", file=sys.stderr)
        return EXIT_USAGE
    run = RunDir(Path(arguments[0]))
    if not run.path.is_dir():
        print(f"There is no folder {run.path}.", file=sys.stderr)
        return EXIT_USAGE
    if is_finished(run):
        run.say("This run is finished already: result.json is there.")
        return 0
    (run.path / "error.json").unlink(missing_ok=True)  # from an earlier attempt
    in_main_thread = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, run.on_sigterm) if in_main_thread else None
    try:
        run.begin("starting", f"{name.split('.')[-1]} reads its settings and input.")
        check_inputs(run.path)
        result = main(run)
        # The result comes last: a folder that has one is finished, whatever happens from here on.
        if is_first_process() and result is not None:
            write_result(run.path, result.as_json())
            run.finished()
            shutil.rmtree(run.path / "checkpoint", ignore_errors=True)  # only now nobody needs it
        return 0
    except ProgramCancelled:
        run.say("Cancelled. Start the same folder again to go on from the last checkpoint.")
        return EXIT_CANCELLED
    except Exception as error:
        report_failure(run, error)
        return EXIT_FAILED
    finally:
        if in_main_thread:
            signal.signal(signal.SIGTERM, before)


def is_finished(run: RunDir) -> bool:
    """Whether an earlier attempt has left its whole result. A damaged result is deleted, so that
    the run is done again."""
    if not (run.path / "result.json").exists():
        return False
    try:
        check_result(run.path)
    except NotWhole as problem:
        run.say(f"An earlier attempt had finished. {problem} The run is done again.")
        if is_first_process():
            (run.path / "result.json").unlink(missing_ok=True)
        return False
    return True


def report_failure(run: RunDir, error: Exception) -> None:
    """Put the failure into error.json and the log. Nothing is swallowed: the run has failed."""
    if isinstance(error, ProgramError):
        problem = {"error": error.message, "where": error.where, "hint": error.hint}
    elif is_disk_full(error, run.path):
        problem = {
            "error": "The disk is full: a file of this run could not be written.",
            "where": str(run.path),
            "hint": "Free some space, then retry: the run goes on from its last checkpoint.",
        }
    elif is_out_of_memory(error):
        on_gpu = type(error).__name__ == "OutOfMemoryError"
        problem = {
            "error": f"The {'GPU' if on_gpu else 'machine'}'s {OUT_OF_MEMORY}.",
            "where": str(error)[:300],
            "hint": "Use shorter texts (max_length), smaller passes (batch_tokens), or LoRA.",
        }
    else:
        traceback.print_exception(error)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        problem = {
            "error": f"{type(error).__name__}: {error}",
            "where": f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}",
            "hint": "This was not foreseen. The run's log has the whole traceback.",
        }
    run.say(f"Failed: {problem['error']} {problem['hint']}")
    if not is_first_process() and (run.path / "error.json").exists():
        return  # the first one has said it; what fails here only may be told by this process
    try:
        write_json(run.path / "error.json", problem)
    except OSError as second:  # most likely the same full disk; the log and exit code remain
        run.say(f"error.json could not be written either: {second}")
