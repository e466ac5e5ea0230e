"""Puts a staged file in force: first the moment that takes it, then its rows, chunk by chunk.

Taking is a compare-and-set of the import's state, in the same transaction as the first chunks, so
a small file is there at once and a failure in it takes everything back. From then on there is only
a way forward: each further transaction adds chunks and removes them, is short, holds the locks of
one chunk's pairs at most, and may be made by anybody. Whoever finds an import that nobody goes on
with (its process was killed, the database was away) finishes it: the next import into the project,
or a worker within a minute (labeling.tasks.finish_imports).

One import of a project is in force at a time, and the next one waits: the result is that of one
after the other.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone

from config.nudges import nudge
from labeling.database.transactions import SHORT_SECONDS, let_others_write, retried
from labeling.importing import staging
from labeling.importing.reports import ImportInterrupted, ImportReport, ImportUnfinished
from labeling.importing.storing import Storing
from labeling.models import Import, ImportChunk, Project
from labeling.people.audit import write_entry

log = logging.getLogger(__name__)
State = Import.State

UNTAKEN = (State.STAGED, State.READY)
# An import in force whose process stands still for this time is finished by whoever waits for it.
HELPED_AFTER_SECONDS = 10.0
WAIT_SECONDS = 0.1
# Faults that are not of the moment. After three the import is set aside, and others go on.
MOST_FAILURES = 3
# What the first step adds at least: a small file is one transaction also on a slow machine.
FEWEST_ROWS = 300


@dataclass(frozen=True)
class ImportStep:
    """What one step did. `waits_for` is another import that has to be finished first."""

    report: ImportReport
    is_done: bool = False
    waits_for: Import | None = None


def put_in_force(job: Import, tell: Callable[[int], None] = lambda _: None) -> ImportReport:
    """Takes the staged import and adds all of it, or goes on with one that was taken. Raises what
    went wrong before it was taken, and ImportUnfinished for what goes wrong afterwards."""
    is_taken = job.state == State.IN_FORCE
    patience = _Patience()
    while True:
        started = time.monotonic()
        try:
            step = _take_step(job)
        except Exception as fault:
            if not is_taken:
                raise
            raise _unfinished(job, fault) from fault
        if step.waits_for is not None:
            _wait_or_help(step.waits_for, patience)
            continue
        is_taken = True
        tell(step.report.rows)
        if step.is_done:
            return step.report
        let_others_write(time.monotonic() - started)


def finish_imports() -> None:
    """Goes on with imports that were taken and then left alone; removes those never taken."""
    staging.remove_abandoned()
    abandoned = Import.objects.filter(
        staging.untouched_for(staging.LEFT_ALONE_AFTER), state=State.IN_FORCE
    )
    for job in abandoned:
        try:
            put_in_force(job)
        except ImportUnfinished:
            log.exception("%s could not be finished", job)


@retried
def _take_step(job: Import) -> ImportStep:
    """Does one short transaction. The project's lock lets one import at a time add rows, and keeps
    the project's settings as they are. What is decided on is read after it."""
    deadline = time.monotonic() + SHORT_SECONDS
    project = Project.objects.select_for_update(no_key=True).filter(pk=job.project_id).first()
    current = Import.objects.filter(pk=job.pk).first()
    if project is None or current is None:
        raise ImportInterrupted("The project was deleted while the file was imported.")
    report = ImportReport(**current.report)
    if current.state == State.DONE:
        return ImportStep(report, is_done=True)
    if current.state == State.FAILED:
        raise ImportInterrupted("The import was set aside after it had failed several times.")
    if current.state in (State.CANCELLED, State.REFUSED):
        raise ImportInterrupted("The import was given up; nothing of it was stored.")
    if current.state in UNTAKEN:
        other = Import.objects.filter(project=project, state=State.IN_FORCE).first()
        if other is not None:
            return ImportStep(report, waits_for=other)
        Import.objects.filter(pk=job.pk, state__in=UNTAKEN).update(state=State.IN_FORCE)
    report.import_id = current.pk
    now, chosen = timezone.now(), current.options
    storing = Storing(project=project, report=report, now=now, import_id=job.pk, **chosen)
    fewest = FEWEST_ROWS if current.state in UNTAKEN else 1
    is_done = _add_chunks(current, storing, fewest, deadline)
    storing.finish()
    Import.objects.filter(pk=job.pk).update(
        report=report.as_dict(),
        state=State.DONE if is_done else State.IN_FORCE,
        touched_at=timezone.now(),
    )
    if is_done:
        file = {"file": current.name}
        write_entry(project, current.actor, "import", project, **file, **report.as_dict())
        transaction.on_commit(partial(nudge, "modeling.tasks.advance", project.pk))
    return ImportStep(report, is_done)


def _add_chunks(job: Import, storing: Storing, fewest: int, deadline: float) -> bool:
    """Adds chunks until time is up, at least `fewest` rows; True when none is left.

    A chunk that took pairs out of the queue is the last of its transaction. The next one's pairs
    may have lower ids, and locks are taken in the order of ids.
    """
    added = 0
    while (chunk := job.chunks.order_by("number").first()) is not None:
        rows = staging.rows_of(chunk)
        has_locked = storing.store(rows)
        ImportChunk.objects.filter(pk=chunk.pk).delete()
        added += len(rows)
        if has_locked or (added >= fewest and time.monotonic() > deadline):
            return not job.chunks.exists()
    return True


class _Patience:
    """How long the import that is waited for has stood still, by this process's own clock."""

    def __init__(self) -> None:
        self.seen: object = None
        self.since = time.monotonic()

    def is_over(self, state: object) -> bool:
        if state != self.seen:
            self.seen, self.since = state, time.monotonic()
        return time.monotonic() - self.since > HELPED_AFTER_SECONDS


def _wait_or_help(other: Import, patience: _Patience) -> None:
    """Waits for the other import, or finishes it where nobody else does. Inside a transaction that
    is held open nobody else can, so it is finished at once."""
    if connection.in_atomic_block or patience.is_over((other.pk, other.touched_at)):
        try:
            put_in_force(other)
        except ImportUnfinished:
            # Failed too often, it is set aside and no longer waited for.
            log.exception("%s could not be finished", other)
    else:
        time.sleep(WAIT_SECONDS)


def _unfinished(job: Import, fault: Exception) -> ImportUnfinished:
    """Notes the fault and puts it into words.

    A database that is away or full is waited for without end. Any other fault is tried again
    MOST_FAILURES times; then the import is set aside with what it has brought so far.
    """
    if isinstance(fault, ImportUnfinished):
        return fault
    if isinstance(fault, (OperationalError, InterfaceError)):
        return ImportUnfinished(
            f"{job.name} was taken, but the database did not answer while its rows were added. "
            "The rest follows by itself; nothing has to be sent again."
        )
    if isinstance(fault, ImportInterrupted):
        return ImportUnfinished(str(fault))
    if _note_failure(job):
        return ImportUnfinished(
            f"{job.name} was taken, but its rows could not all be added ({fault}). It was set "
            "aside; importing the file again adds what is missing."
        )
    return ImportUnfinished(
        f"{job.name} was taken, but something went wrong while its rows were added ({fault}). It "
        "is tried again within a minute; nothing has to be sent again."
    )


def _note_failure(job: Import) -> bool:
    """Counts the failure. True when it was one too many, and the import was set aside."""
    jobs = Import.objects.filter(pk=job.pk, state=State.IN_FORCE)
    try:
        jobs.update(failures=F("failures") + 1, touched_at=timezone.now())
        return bool(jobs.filter(failures__gte=MOST_FAILURES).update(state=State.FAILED))
    except DatabaseError:
        log.exception("the failure of %s could not be noted", job)
        return False
