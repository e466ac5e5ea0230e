"""What happens to runs from outside: log, curves, cancel, retry, rescue from dead workers."""

import os
import subprocess
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from config.nudges import nudge
from labeling.models import User
from labeling.people.audit import write_entry
from labeling.projects import model_locations
from labeling.texts.shown_paths import without_paths
from modeling.models import Metric, Run
from modeling.runs import programs
from modeling.runs.silence import SilenceWatch

State = Run.State

# A worker gives a sign of life every second. After some seconds of silence the run is taken over
# where the lock on its folder proves the worker dead; where there is no proof, after this long.
QUIET_AFTER = timedelta(seconds=5)
STALE_AFTER = timedelta(seconds=settings.STALE_RUN_SECONDS)
_watch = SilenceWatch(STALE_AFTER, timezone.now(), time.monotonic())


class CannotRetry(ValueError):
    """The run cannot be started again. The message is a sentence for people."""


def log_path(run: Run) -> Path:
    return run.folder / "log.txt"


def log_tail(run: Run, lines: int = 80) -> str:
    """The last lines of the run's log; "" when there is none yet."""
    return without_paths(programs.tail(log_path(run), lines))


def whole_log(run: Run) -> str:
    """The run's log; "" when there is none yet. While the run goes on, only whole lines: what
    follows then never changes what was there."""
    try:
        with log_path(run).open("rb") as file:
            # The log is cut while it grows, so it may be somewhat larger for a moment.
            text = file.read(2 * programs.LOG_BYTES)
    except FileNotFoundError:
        return ""
    if run.state in Run.ACTIVE:
        text = text[: text.rfind(b"\n") + 1]
    return without_paths(text.decode(errors="replace"))


def curves(run: Run, names: Iterable[str] | None = None) -> dict[str, list[tuple[int, float]]]:
    """Metric name -> [(step, value)], by step."""
    metrics = Metric.objects.filter(run=run)
    if names is not None:
        metrics = metrics.filter(name__in=list(names))
    points: dict[str, list[tuple[int, float]]] = {}
    for name, step, value in metrics.order_by("name", "step").values_list("name", "step", "value"):
        points.setdefault(name, []).append((step, value))
    return points


def can_cancel(run: Run) -> bool:
    return run.state in Run.ACTIVE and not run.cancel_requested


def can_retry(run: Run) -> bool:
    return run.state in (State.FAILED, State.CANCELLED)


def why_not_retry(run: Run) -> str:
    """Why a run that failed or was cancelled cannot be started again now; "" if it can."""
    same = Run.objects.filter(project=run.project, kind=run.kind, state__in=Run.ACTIVE)
    return _under_way(run) if same.exists() else _base_model_problem(run)


def _under_way(run: Run) -> str:
    return (
        f"Another run of this kind ({run.get_kind_display()}) is under way: "
        "wait for it or cancel it first."
    )


def _base_model_problem(run: Run) -> str:
    """The worker would only say the same a minute later."""
    base_model = run.asked.base_model
    if run.kind != Run.Kind.TRAIN_REWARD or not base_model:
        return ""
    try:
        model_locations.check_model(base_model, run.project)
    except model_locations.NotUsable as problem:
        return (
            f"The base model of this run cannot be used. {problem} Put it back, or choose another "
            "one in the settings and start a new training."
        )
    return ""


def request_cancel(run: Run, by: User | None) -> bool:
    """Cancels a run that waits; asks one that runs to stop, which its worker sees in a second."""
    with transaction.atomic():
        waiting = Run.objects.filter(pk=run.pk, state=State.QUEUED)
        changed = waiting.update(
            state=State.CANCELLED, cancel_requested=True, finished_at=timezone.now()
        ) or Run.objects.filter(pk=run.pk, state=State.RUNNING, cancel_requested=False).update(
            cancel_requested=True
        )
        if changed:
            write_entry(run.project, by, "run cancelled", run, kind=run.kind)
    if changed:
        run.refresh_from_db()
    return bool(changed)


def retry(run: Run, by: User | None) -> None:
    """Queues a failed or cancelled run again; it goes on from its last checkpoint."""
    if unusable := _base_model_problem(run):
        raise CannotRetry(unusable)
    try:
        with transaction.atomic():
            changed = Run.objects.filter(
                pk=run.pk, state__in=(State.FAILED, State.CANCELLED)
            ).update(
                state=State.QUEUED,
                attempt=0,
                cancel_requested=False,
                error="",
                seconds_left=None,
                finished_at=None,
            )
            if not changed:
                raise CannotRetry("Only a run that failed or was cancelled can be started again.")
            write_entry(run.project, by, "run started again", run, kind=run.kind)
            transaction.on_commit(partial(nudge, "modeling.tasks.execute", run.pk))
    except IntegrityError as problem:
        raise CannotRetry(_under_way(run)) from problem
    run.refresh_from_db()


def requeue_abandoned(now: datetime, passed: float | None = None) -> list[Run]:
    """Takes runs away from workers that died: queued again from the last checkpoint, or failed
    after the last attempt. A worker that was only slow notices and stops (`executing.Lost`).

    `passed`: seconds by a clock that nobody sets, time.monotonic() unless given."""
    passed = time.monotonic() if passed is None else passed
    running = list(Run.objects.filter(state=State.RUNNING).select_related("project"))
    silent = _watch.silent(running, now, passed)
    taken = []
    for run in running:
        is_dead = _is_quiet(run, now) and programs.is_abandoned(run.folder)
        if (run.pk in silent or is_dead) and _take_from_worker(run, now):
            taken.append(run)
    return taken


def _is_quiet(run: Run, now: datetime) -> bool:
    """Whether the last sign of life is some seconds old, or lies ahead of now, as after the clock
    was set back. That proves little by itself: the lock on the folder decides."""
    return run.heartbeat_at is None or abs(now - run.heartbeat_at) > QUIET_AFTER


def waiting(now: datetime) -> list[int]:
    """Queued runs whose message may have been lost; that of a new run is still on its way. A run
    from far ahead was queued before the clock was set back."""
    is_new = (now - timedelta(seconds=2), now + timedelta(minutes=1))
    queued = Run.objects.filter(state=State.QUEUED).exclude(created_at__range=is_new)
    return list(queued.order_by("pk").values_list("pk", flat=True))


def _take_from_worker(run: Run, now: datetime) -> bool:
    values: dict[str, Any] = {"state": State.QUEUED, "seconds_left": None}
    if run.cancel_requested:
        values |= {"state": State.CANCELLED, "finished_at": now}
    elif run.attempt >= Run.MAX_ATTEMPTS:
        values |= {
            "state": State.FAILED,
            "finished_at": now,
            "error": f"The worker died {run.attempt} times during this run, so it is not tried "
            "again by itself.\nMost often the machine ran out of memory.\n\n"
            f"Last lines of the log:\n{log_tail(run, 15)}".strip().replace("\x00", ""),
        }
    changed = Run.objects.filter(
        pk=run.pk, state=State.RUNNING, attempt=run.attempt, heartbeat_at=run.heartbeat_at
    ).update(**values)
    if changed:
        run.refresh_from_db()
    return bool(changed)


@cache
def code_version() -> str:
    """The commit the program runs from, where it can be told; a run's record names it."""
    if os.environ.get("CODE_VERSION"):
        return os.environ["CODE_VERSION"][:60]
    try:
        described = subprocess.run(
            ["git", "-C", str(settings.BASE_DIR), "describe", "--always", "--dirty", "--tags"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return described.stdout.strip()[:60]
