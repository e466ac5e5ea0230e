"""The bridge between a Run row and the learning programs that carry it out.

`execute` claims a queued run by compare-and-set, and for each stage writes the program's files
(inputs.py), watches it work (programs.py, tailing.py), and reads its results back (outputs.py).
Every write names the attempt that it belongs to: a worker that was taken for dead, and whose run
was given to another, can change nothing any more and stops.
"""

import errno
import logging
import os
import signal
import socket
import subprocess
import time
from typing import Any

from django.db import InterfaceError, OperationalError, close_old_connections, transaction
from django.db.models import F
from django.utils import timezone

from config.nudges import nudge
from modeling import inputs, outputs
from modeling.models import Run
from modeling.programs import Ending, FolderInUse, Program, sole_use
from modeling.run_files import CannotPrepare
from modeling.runs import log_path
from modeling.tailing import Progress, Tail

log = logging.getLogger(__name__)

PACKAGE = "modeling.core"
BEAT_SECONDS = 1.0
# How long a program that was asked to stop may take to reach a safe point.
CANCEL_SECONDS = 30.0

State = Run.State


class Lost(Exception):
    """The run was taken away: this worker was silent for too long and another one has it now."""


class Cancelled(Exception):
    """A person asked for the run to stop, and it has."""


def execute(run_id: int, *, package: str = PACKAGE, beat_seconds: float = BEAT_SECONDS) -> bool:
    """Carries out a queued run from wherever it was; False when there is nothing for us to do.

    Safe to call any number of times: one caller gets the run."""
    run = Run.objects.filter(pk=run_id, state=State.QUEUED).first()
    if run is None:
        return False
    try:
        with sole_use(run.folder) as lock:
            claimed = claim(run_id)
            if claimed is None:
                return False
            Execution(claimed, lock, package, beat_seconds).carry_out()
    except FolderInUse:
        log.warning("Run %s waits: its earlier program is still there", run_id)
        return False
    except Lost:
        log.warning("Run %s was taken over by another worker", run_id)
        return False
    except OSError as problem:
        # Not even its folder can be made or locked: there is nothing to go on with.
        if (claimed := claim(run_id)) is not None:
            fail(claimed, describe(problem))
    nudge("modeling.tasks.advance", run.project_id)
    return True


def claim(run_id: int) -> Run | None:
    """Compare-and-set from queued to running: of several workers one gets the run."""
    now = timezone.now()
    claimed = Run.objects.filter(pk=run_id, state=State.QUEUED).update(
        state=State.RUNNING,
        attempt=F("attempt") + 1,
        worker=f"{socket.gethostname()}:{os.getpid()}"[:120],
        started_at=now,
        heartbeat_at=now,
        progress=0.0,
        progress_text="starting",
        seconds_left=None,
        error="",
    )
    if not claimed:
        return None
    return Run.objects.select_related("project", "policy", "snapshot", "round").get(pk=run_id)


def write(run: Run, **values: Any) -> None:
    """Changes the run as long as it is ours."""
    mine = Run.objects.filter(pk=run.pk, state=State.RUNNING, attempt=run.attempt)
    if not mine.update(**values):
        raise Lost(str(run))


def end(run: Run, state: str, **values: Any) -> None:
    write(run, state=state, finished_at=timezone.now(), seconds_left=None, **values)


def fail(run: Run, error: str) -> None:
    end(run, State.FAILED, error=error.replace("\x00", ""))


class Execution:
    """One worker's attempt at one run."""

    def __init__(self, run: Run, lock: int, package: str, beat_seconds: float) -> None:
        self.run = run
        self.lock = lock
        self.package = package
        self.beat_seconds = beat_seconds
        self.stages = inputs.stages_of(run)
        self.did_without: list[str] = []  # sentences on stages that failed and may

    def carry_out(self) -> None:
        try:
            for number, stage in enumerate(self.stages):
                ending = self._run_stage(number, stage)
                if ending.problem:
                    if self._goes_on_without(stage, ending):
                        continue
                    self._end_early(ending)
                    return
                outputs.store(self.run, stage)
            self.finish()
            self.rank()
        except Cancelled:
            end(self.run, State.CANCELLED)
        except Lost:
            raise
        except CannotPrepare as problem:
            fail(self.run, str(problem))
        except (OperationalError, InterfaceError):
            # The database is away. The run will be found silent and taken up again.
            raise
        except Exception as problem:
            log.exception("%s failed on the worker's side", self.run)
            fail(self.run, describe(problem))

    def _goes_on_without(self, stage: str, ending: Ending) -> bool:
        if ending.was_stopped or not inputs.may_fail(self.run, stage):
            return False
        log.warning("%s goes on without its stage %s: %s", self.run, stage, ending.problem)
        self.did_without.append(inputs.lost_with(stage, ending.problem))
        return not self._cancel_requested()

    def finish(self) -> None:
        """The results as rows and the end of the run, in one transaction or not at all."""
        measured = outputs.measure(self.run)
        if self.did_without:
            measured["warnings"] = [*measured.get("warnings", []), *self.did_without]
        with transaction.atomic():
            write(self.run, heartbeat_at=timezone.now())  # locks the row, if it is still ours
            outputs.collect(self.run, measured, self._succeed)

    def rank(self) -> None:
        """The run has succeeded: what goes wrong here is no failure of it."""
        try:
            outputs.rank(self.run)
        except Exception:
            log.exception("the queue could not be put in order after %s", self.run)

    def _succeed(self, results: dict[str, Any]) -> None:
        end(self.run, State.SUCCEEDED, results=results, progress=1.0, progress_text="done")

    def _run_stage(self, number: int, stage: str) -> Ending:
        folder = inputs.prepare(self.run, stage)
        if folder is None:
            return Ending(0)  # done by an earlier attempt, or there is nothing to do
        tail = Tail(self.run, folder / "metrics.jsonl")
        program = Program(
            inputs.program_of(stage),
            folder,
            log=log_path(self.run),
            lock=self.lock,
            package=self.package,
        )
        try:
            self._watch(program, tail, number)
        finally:
            program.end()
        ending = program.ending()
        tail.read()
        return ending

    def _watch(self, program: Program, tail: Tail, number: int) -> None:
        asked_at: float | None = None
        while True:
            try:
                program.process.wait(self.beat_seconds)
                return
            except subprocess.TimeoutExpired:
                pass
            cancel = self._beat(tail, number)
            if cancel and asked_at is None:
                asked_at = time.monotonic()
                program.send(signal.SIGTERM)
            elif asked_at is not None and time.monotonic() - asked_at > CANCEL_SECONDS:
                program.send(signal.SIGKILL)

    def _beat(self, tail: Tail, number: int) -> bool:
        """A sign of life, the news from the program; whether it was asked to stop."""
        try:
            values: dict[str, Any] = {"heartbeat_at": timezone.now()}
            progress = tail.read()
            if progress is not None:
                values |= self._progress(progress, number)
            write(self.run, **values)
            return self._cancel_requested()
        except (OperationalError, InterfaceError) as problem:
            # A program that has worked for hours does not stop for a database that restarts.
            log.warning("%s: no sign of life could be given (%s)", self.run, problem)
            close_old_connections()
            return False

    def _progress(self, progress: Progress, number: int) -> dict[str, Any]:
        return {
            "progress": (number + progress.share) / len(self.stages),
            "progress_text": progress.text,
            "seconds_left": progress.seconds_left,
        }

    def _cancel_requested(self) -> bool:
        return Run.objects.filter(pk=self.run.pk, cancel_requested=True).exists()

    def _end_early(self, ending: Ending) -> None:
        if self._cancel_requested():
            raise Cancelled
        if ending.was_stopped:
            # The worker is being shut down: not the run's fault, so the attempt does not count.
            write(
                self.run,
                state=State.QUEUED,
                attempt=self.run.attempt - 1,
                seconds_left=None,
                progress_text="interrupted; goes on from its last checkpoint",
            )
        else:
            fail(self.run, ending.problem)


def describe(problem: BaseException) -> str:
    if isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            "The disk is full: the run's files could not be written. Free some space, then "
            "retry: nothing is lost, and the run goes on from its last checkpoint."
        )
    return f"{type(problem).__name__}: {problem}\nThe worker's log has the whole traceback."
