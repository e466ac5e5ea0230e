"""The bridge between a Run row and the learning programs that carry it out.

`execute` claims a queued run by compare-and-set, and for each stage writes the program's files
(inputs.py), watches it work (modeling/runs/programs.py, modeling/runs/tailing.py), and reads its
results back (outputs.py). Every write names the attempt that it belongs to: a worker that was taken
for dead, and whose run was given to another, can change nothing any more and stops.
"""

import errno
import logging
import os
import signal
import socket
import subprocess
import time
from typing import Any

from django.db import IntegrityError, InterfaceError, OperationalError, close_old_connections
from django.db.models import F
from django.utils import timezone

from config.nudges import nudge
from labeling.database.transactions import Conflict, retried
from labeling.texts.shown_paths import without_paths
from modeling.core.program.seal import Notes
from modeling.models import Run
from modeling.pipeline import inputs, outputs
from modeling.pipeline.run_progress import RunProgress
from modeling.pipeline.sampled_pairs import EarlyQueue
from modeling.runs.files import CannotPrepare, DamagedOutput
from modeling.runs.lifecycle import log_path
from modeling.runs.programs import (
    FOLDER_LOST,
    FolderInUse,
    ProgramEnding,
    RunningProgram,
    cap_log,
    sole_use,
)
from modeling.runs.tailing import Tail

log = logging.getLogger(__name__)

PACKAGE = "modeling.core"
BEAT_SECONDS = 1.0
# How long a program that was asked to stop may take to reach a safe point.
CANCEL_SECONDS = 30.0

# What the result says of a run whose program ran out of memory once.
ONCE_MORE = (
    "The program {stage} ran out of memory, and was run once more with passes half as large. Free "
    "some memory, or use a smaller model or shorter texts, so that the next run need not."
)

State = Run.State


class Lost(Exception):
    """The run was taken away: this worker was silent for too long and another one has it now."""


class RunCancelled(Exception):
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
            fail(claimed, describe_problem(problem))
    nudge("modeling.tasks.advance", run.project_id)
    if Run.objects.filter(pk=run_id, state=State.QUEUED).exists():
        nudge("modeling.tasks.execute", run_id)  # to be tried again, now that its folder is free
    return True


def claim(run_id: int) -> Run | None:
    """Moves a run from queued to running by compare-and-set: of several workers one gets it."""
    now = timezone.now()
    claimed = Run.objects.filter(pk=run_id, state=State.QUEUED).update(
        state=State.RUNNING,
        attempt=F("attempt") + 1,
        worker=f"{socket.gethostname()}:{os.getpid()}"[:120],
        started_at=now,
        heartbeat_at=now,
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
    end(run, State.FAILED, error=without_paths(error.replace("\x00", "")))


class Execution:
    """One worker's attempt at one run."""

    def __init__(self, run: Run, lock: int, package: str, beat_seconds: float) -> None:
        self.run = run
        self.lock = lock
        self.package = package
        self.beat_seconds = beat_seconds
        self.stages = inputs.stages_of(run)
        self.remarks: list[str] = []  # on stages that failed and may, and on memory
        self.smaller_passes = False
        self.progress = RunProgress(run, self.stages)
        self.early: EarlyQueue | None = None  # while a sampling is under way

    def carry_out(self) -> None:
        try:
            for stage in self.stages:
                ending = self._carry_out_stage(stage)
                if ending.problem:
                    if self._goes_on_without(stage, ending):
                        continue
                    self._end_early(ending)
                    return
            self.finish()
            self.rank()
        except RunCancelled:
            end(self.run, State.CANCELLED)
        except Lost:
            raise
        except CannotPrepare as problem:
            fail(self.run, str(problem))
        except (OperationalError, InterfaceError):
            # The database is away. The run will be found silent and taken up again.
            raise
        except Exception as problem:
            self._fail_on_our_side(problem)

    def _fail_on_our_side(self, problem: Exception) -> None:
        if not self.run.folder.is_dir():
            self._end_early(ProgramEnding(1, FOLDER_LOST, lost_folder=True))
        elif isinstance(problem, DamagedOutput):
            fail(self.run, str(problem))
        else:
            log.exception("%s failed on the worker's side", self.run)
            fail(self.run, describe_problem(problem))

    def _carry_out_stage(self, stage: str) -> ProgramEnding:
        """Inputs, program and what it left. What a run can do without fails by itself alone."""
        try:
            ending = self._run_stage(stage)
            if ending.out_of_memory and not self.smaller_passes and not self._cancel_requested():
                log.warning("%s ran out of memory in %s: once more", self.run, stage)
                self.smaller_passes = True
                self.remarks.append(ONCE_MORE.format(stage=stage))
                ending = self._run_stage(stage)
            if not ending.problem:
                outputs.store(self.run, stage)
            return ending
        except (CannotPrepare, DamagedOutput) as problem:
            if not inputs.may_fail(self.run, stage):
                raise
            return ProgramEnding(1, str(problem))

    def _goes_on_without(self, stage: str, ending: ProgramEnding) -> bool:
        if ending.was_stopped or ending.lost_folder or not inputs.may_fail(self.run, stage):
            return False
        log.warning("%s goes on without its stage %s: %s", self.run, stage, ending.problem)
        self.remarks.append(inputs.lost_with(stage, ending.problem))
        return not self._cancel_requested()

    def finish(self) -> None:
        """The results as rows and the end of the run, in one transaction or not at all."""
        write(self.run, progress_text="storing the results", seconds_left=0.0)
        measured, made = outputs.measure(self.run), outputs.files_made_by(self.run)
        if self.remarks:
            measured["warnings"] = [*measured.get("warnings", []), *self.remarks]
        self._store(measured, made)

    @retried
    def _store(self, measured: dict[str, Any], made: Notes) -> None:
        self._hold()
        try:
            outputs.collect(self.run, measured, made, self._succeed)
        except IntegrityError as problem:
            # Somebody made the same pair or version at the same moment: their row counts.
            raise Conflict(str(problem)) from problem

    def rank(self) -> None:
        """The run has succeeded: what goes wrong here is no failure of it."""
        try:
            outputs.rank(self.run)
        except Exception:
            log.exception("the queue could not be put in order after %s", self.run)

    def _succeed(self, results: dict[str, Any]) -> None:
        end(self.run, State.SUCCEEDED, results=results, progress=1.0, progress_text="done")

    def _run_stage(self, stage: str) -> ProgramEnding:
        folder = inputs.prepare(self.run, stage, smaller_passes=self.smaller_passes)
        if folder is None:
            return ProgramEnding(0)  # done by an earlier attempt, or there is nothing to do
        tail = Tail(self.run, folder / "metrics.jsonl")
        tail.read()  # what an earlier attempt has written is no news
        self.progress.begin(stage, time.monotonic())
        if stage == "sample" and self.run.kind == Run.Kind.SAMPLE:
            self.early = EarlyQueue(self.run, self._hold)
        program = RunningProgram(
            inputs.program_of(stage),
            folder,
            log=log_path(self.run),
            lock=self.lock,
            package=self.package,
            is_second_try=self.smaller_passes,
        )
        try:
            self._watch(program, tail, stage)
        finally:
            program.end()
            self.early = None
        ending = program.ending()
        tail.read()
        cap_log(log_path(self.run))
        return ending

    def _watch(self, program: RunningProgram, tail: Tail, stage: str) -> None:
        asked_at: float | None = None
        while True:
            try:
                program.process.wait(self.beat_seconds)
                return
            except subprocess.TimeoutExpired:
                pass
            if not program.folder.is_dir():
                return  # nothing that it does from here on could be read: it is ended
            cap_log(log_path(self.run))
            cancel = self._beat(tail, stage)
            if cancel and asked_at is None:
                asked_at = time.monotonic()
                program.send(signal.SIGTERM)
            elif asked_at is not None and time.monotonic() - asked_at > CANCEL_SECONDS:
                program.send(signal.SIGKILL)

    def _beat(self, tail: Tail, stage: str) -> bool:
        """A sign of life, the news from the program; whether it was asked to stop."""
        try:
            progress, now = tail.read(), time.monotonic()
            if progress is not None:
                self.progress.take(stage, progress, now)
            write(self.run, heartbeat_at=timezone.now(), **self.progress.values(now))
            if self.early is not None:
                self.early.look()
            return self._cancel_requested()
        except (OperationalError, InterfaceError, Conflict) as problem:
            # A program that has worked for hours does not stop for a database that restarts, nor
            # for others who stood in the way: the next beat does what this one could not.
            log.warning("%s: no sign of life could be given (%s)", self.run, problem)
            close_old_connections()
            return False

    def _hold(self) -> None:
        """Locks the run's row for the rest of the transaction, if the run is still ours."""
        write(self.run, heartbeat_at=timezone.now())

    def _cancel_requested(self) -> bool:
        return Run.objects.filter(pk=self.run.pk, cancel_requested=True).exists()

    def _end_early(self, ending: ProgramEnding) -> None:
        if self._cancel_requested():
            raise RunCancelled
        if ending.lost_folder and self.run.attempt < Run.MAX_ATTEMPTS:
            log.error("%s: its folder was deleted, it begins anew", self.run)
            self._queue_again("its folder was deleted; begins anew")
        elif ending.was_stopped:
            # The worker is being shut down: not the run's fault, so the attempt does not count.
            self._queue_again(
                "interrupted; goes on from its last checkpoint", attempt=self.run.attempt - 1
            )
        else:
            fail(self.run, ending.problem)

    def _queue_again(self, why: str, **values: Any) -> None:
        write(self.run, state=State.QUEUED, seconds_left=None, progress_text=why, **values)


def describe_problem(problem: BaseException) -> str:
    if isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            "The disk is full: the run's files could not be written. Free some space, then "
            "retry: nothing is lost, and the run goes on from its last checkpoint."
        )
    return f"{type(problem).__name__}: {problem}\nThe worker's log has the whole traceback."
