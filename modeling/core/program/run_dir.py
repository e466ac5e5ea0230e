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
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from types import FrameType
from typing import Any

from modeling.core.errors import Cancelled, ProgramError
from modeling.core.files import is_disk_full, write_json

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CANCELLED = 128 + signal.SIGTERM  # 143, as a shell reports it


def is_count(value: Any) -> bool:
    """A whole number from 1; True is none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def is_first_process() -> bool:
    """Only the first of several processes on one run writes its files (parallel.py)."""
    return os.environ.get("RANK", "0") == "0"


class RunDir:
    """One run's folder, and whether somebody asked the run to stop."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cancel_asked = False
        self.cancel_at_once = True  # until the program has something to save
        self._phase_started: dict[str, tuple[float, int]] = {}

    def read_config(
        self, defaults: dict[str, Any], rules: dict[str, Callable[[Any], bool]]
    ) -> dict[str, Any]:
        """config.json over the defaults. A default of `...` marks a key that must be given.

        `rules` refuse values that would only fail, or do nothing, much later.
        """
        path = self.path / "config.json"
        if not path.is_file():
            raise ProgramError(
                f"{path} is missing.",
                where="config.json",
                hint="A run folder needs a config.json; docs/learning-programs.md lists its keys.",
            )
        try:
            given = json.loads(path.read_bytes())
        except ValueError as error:
            raise ProgramError(
                f"config.json is not JSON ({error}).", where="config.json", hint="Correct the file."
            ) from error
        if not isinstance(given, dict):
            raise ProgramError(
                "config.json is not a JSON object.", where="config.json", hint="Correct the file."
            )
        for key in given.keys() - defaults.keys():
            raise ProgramError(
                f"config.json has the unknown key {key!r}.",
                where="config.json",
                hint=f"The known keys are: {', '.join(sorted(defaults))}.",
            )
        config = defaults | given
        for key in [key for key, value in config.items() if value is ...]:
            raise ProgramError(
                f"config.json lacks {key!r}.",
                where="config.json",
                hint="docs/learning-programs.md says what the key means.",
            )
        for key, holds in rules.items():
            if not holds(config[key]):
                raise ProgramError(
                    f"The value {config[key]!r} of {key!r} makes no sense.",
                    where=f"config.json: {key}",
                    hint="docs/learning-programs.md has the allowed values.",
                )
        return config

    def log(self, step: int, metrics: dict[str, float]) -> None:
        """One line of metrics, under the names of docs/metrics.md."""
        self._append({"step": step, "time": time.time(), "metrics": metrics})

    def progress(self, done: int, total: int, unit: str, phase: str) -> None:
        """One progress line. The estimate counts from this process's first line of the phase."""
        now = time.time()
        started, done_before = self._phase_started.setdefault(phase, (now, done))
        rate = (done - done_before) / (now - started) if now > started else 0.0
        eta = round((total - done) / rate, 1) if rate > 0 else None
        progress = {"done": done, "total": total, "unit": unit, "phase": phase, "eta_seconds": eta}
        self._append({"time": now, "progress": progress})

    def say(self, sentence: str) -> None:
        """A line for people who read the run's log."""
        print(sentence, file=sys.stderr, flush=True)

    def check_cancelled(self) -> None:
        """Call at a safe point: nothing half-written, nothing lost by stopping here."""
        if self.cancel_asked:
            raise Cancelled

    def on_sigterm(self, _signal: int, _frame: FrameType | None) -> None:
        self.cancel_asked = True
        if self.cancel_at_once:
            raise Cancelled

    def _append(self, line: dict[str, Any]) -> None:
        if not is_first_process():
            return
        with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def run_program(main: Callable[[RunDir], dict[str, Any]], arguments: list[str]) -> int:
    """Run `main` on the folder named on the command line and return the exit code."""
    name = main.__module__ if main.__module__ != "__main__" else Path(sys.argv[0]).stem
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(f"usage: python -m modeling.core.{name.split('.')[-1]} RUN_DIR", file=sys.stderr)
        return EXIT_USAGE
    run = RunDir(Path(arguments[0]))
    if not run.path.is_dir():
        print(f"There is no folder {run.path}.", file=sys.stderr)
        return EXIT_USAGE
    if (run.path / "result.json").exists():
        run.say("This run is finished already: result.json is there.")
        return 0
    (run.path / "error.json").unlink(missing_ok=True)  # from an earlier attempt
    in_main_thread = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, run.on_sigterm) if in_main_thread else None
    try:
        result = main(run)
        if is_first_process():
            write_json(run.path / "result.json", result)
            shutil.rmtree(run.path / "checkpoint", ignore_errors=True)  # only now nobody needs it
        return 0
    except Cancelled:
        run.say("Cancelled. Start the same folder again to go on from the last checkpoint.")
        return EXIT_CANCELLED
    except Exception as error:
        report_failure(run, error)
        return EXIT_FAILED
    finally:
        if in_main_thread:
            signal.signal(signal.SIGTERM, before)


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
    elif type(error).__name__ == "OutOfMemoryError":  # torch's; this file does without torch
        problem = {
            "error": "The GPU's memory is not enough for this model and batch.",
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
