"""Takes a snapshot by hand: a small one at once, a large one in the worker.

It is there as a whole, or not at all: the row comes last. A process that was cut off leaves nothing
behind but the wish, with which a worker begins anew.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import F, Max, Q
from django.utils import timezone

from config.nudges import nudge
from labeling.database.transactions import let_others_write, retried
from labeling.models import Judgment, Preference, Project, Snapshot, SnapshotTaking, User
from labeling.people.audit import write_entry
from labeling.preferences.exporting import pages_as_messages
from labeling.preferences.shapes.annotators import votes_on
from labeling.preferences.shapes.files import json_lines
from labeling.preferences.shapes.styles import Row
from labeling.snapshots import files
from labeling.snapshots.counting import Counting
from labeling.snapshots.filters import SnapshotFilter
from labeling.webhooks import events

log = logging.getLogger(__name__)
State = SnapshotTaking.State

# Up to here the person waits for it.
AT_ONCE = 2000
TOLD_EVERY_SECONDS = 1.0
LEFT_ALONE_AFTER = timedelta(seconds=60)
MOST_TRIES = 3
TASK = "labeling.tasks.take_snapshots"


class SnapshotRefused(ValueError):
    """It cannot be done; the message is a sentence for people. `field` names where."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Gone(Exception):
    """Somebody called it off, or the project was deleted, while it was written."""


def take_by_hand(
    project: Project,
    actor: User,
    name: str,
    wanted: SnapshotFilter,
    *,
    description: str = "",
    licence: str = "",
) -> Snapshot | SnapshotTaking:
    """Takes a small snapshot, and returns it; of a large one, what is known of it while the worker
    writes it. Raises SnapshotRefused."""
    taking = _begin(project, actor, name.strip(), wanted, description.strip(), licence.strip())
    if taking.total > AT_ONCE:
        transaction.on_commit(partial(nudge, TASK))
        return taking
    _work_on(taking)
    snapshot = Snapshot.objects.filter(project=project, name=taking.name).first()
    if snapshot is not None:
        return snapshot
    taking.refresh_from_db()
    return taking


@retried
def _begin(
    project: Project,
    actor: User,
    name: str,
    wanted: SnapshotFilter,
    description: str,
    licence: str,
) -> SnapshotTaking:
    # Two who want one name at once come one after the other.
    Project.objects.select_for_update(no_key=True).filter(pk=project.pk).first()
    check_name(project, name)
    rows = wanted.rows(project)
    up_to = rows.aggregate(last=Max("id"))["last"]
    if up_to is None:
        raise SnapshotRefused(
            "filters", "No settled preference passes this filter, so there is nothing to keep."
        )
    return SnapshotTaking.objects.create(
        project=project,
        name=name,
        description=description,
        licence=licence,
        filters=wanted.as_stored,
        up_to=up_to,
        total=wanted.rows(project, up_to).count(),
        created_by=actor,
        touched_at=timezone.now(),
    )


def check_name(project: Project, name: str) -> None:
    """Raises SnapshotRefused where the name is none or is taken, in whatever letters."""
    if not name or "\0" in name:
        raise SnapshotRefused("name", "Give the snapshot a name.")
    taken = Snapshot.objects.filter(project=project, name__iexact=name).exists()
    if taken or SnapshotTaking.objects.filter(project=project, name__iexact=name).exists():
        raise SnapshotRefused("name", f"There is a snapshot “{name}” already: choose another name.")


def go_on() -> None:
    """Takes what waits, and what was left alone by a process that has ended."""
    while (taking := _next()) is not None:
        _work_on(taking)


def _next() -> SnapshotTaking | None:
    return SnapshotTaking.objects.filter(_to_do()).order_by("id").first()


def _to_do() -> Q:
    now = timezone.now()
    is_left_alone = Q(touched_at__lt=now - LEFT_ALONE_AFTER) | Q(
        touched_at__gt=now + LEFT_ALONE_AFTER
    )
    return Q(state=State.WAITING) | Q(state=State.RUNNING) & is_left_alone


def _work_on(taking: SnapshotTaking) -> None:
    """Claims it by compare-and-set and takes it. What goes wrong is written down beside it."""
    claimed = SnapshotTaking.objects.filter(_to_do(), pk=taking.pk).update(
        state=State.RUNNING, tries=F("tries") + 1, done=0, touched_at=timezone.now()
    )
    if not claimed:
        return
    taking.refresh_from_db()
    if taking.tries > MOST_TRIES:
        _fail(taking, f"Whatever wrote it ended {MOST_TRIES} times before it was done.")
        return
    try:
        _take(taking)
    except Gone:
        return
    except IntegrityError:
        _fail(
            taking, f"Meanwhile another snapshot was called “{taking.name}”: choose another name."
        )
    except Exception as fault:
        log.exception("%s could not be taken", taking)
        _fail(taking, f"Something went wrong while it was written: {fault}")


def _fail(taking: SnapshotTaking, problem: str) -> None:
    SnapshotTaking.objects.filter(pk=taking.pk).update(
        state=State.FAILED, problem=problem[:500], touched_at=timezone.now()
    )


def _take(taking: SnapshotTaking) -> Snapshot:
    counting = Counting()
    with files.new_file() as rows_file, files.new_file() as votes_file:
        told_at = time.monotonic()
        for page in _pages(taking):
            for row, beside in page:
                rows_file.write(b"".join(json_lines([row])))
                votes_file.write(b"".join(json_lines([beside])))
                counting.add(row, beside["prompt"], beside["judgments"])
            if time.monotonic() - told_at > TOLD_EVERY_SECONDS:
                told_at = time.monotonic()
                _tell(taking, counting.rows)
        with files.changing_files():
            names = [(file.sha256, files.JSONL) for file in (rows_file, votes_file)]
            files.place(rows_file)
            files.place(votes_file)
            try:
                return _store(taking, rows_file.sha256, votes_file.sha256, counting)
            except BaseException:
                files.remove_unused(names)
                raise


def _tell(taking: SnapshotTaking, done: int) -> None:
    mine = SnapshotTaking.objects.filter(pk=taking.pk, state=State.RUNNING, tries=taking.tries)
    if not mine.update(done=done, touched_at=timezone.now()):
        raise Gone
    let_others_write()


def _pages(taking: SnapshotTaking) -> Iterator[list[tuple[Row, Row]]]:
    """The rows with the judgments that settled them, page by page, each page as it was at one
    moment."""
    wanted = SnapshotFilter.read_stored(taking.filters)
    pages = pages_as_messages(wanted.rows(taking.project, taking.up_to))
    while True:
        with _one_moment():
            page = next(pages, None)
            if page is None:
                return
            written = list(
                zip((row for _, row in page), _beside(taking.project_id, page), strict=True)
            )
        yield written


@contextmanager
def _one_moment() -> Iterator[None]:
    """Has all that is read be of one moment, so that verdicts and their judgments belong
    together. Nobody waits for it: on SQLite `atomic` would take the write lock."""
    if connection.in_atomic_block:
        yield
        return
    with connection.cursor() as cursor:
        is_sqlite = connection.vendor == "sqlite"
        cursor.execute("BEGIN" if is_sqlite else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def _beside(project_id: int, page: list[tuple[Row, Row]]) -> list[Row]:
    """For each preference of the page, the ids of what it was made of. People are named as in all
    exports of the project, not by their own names."""
    votes = votes_on(project_id, [values for values, _ in page], with_names=False)
    ids = [vote.judgment for of_one in votes.values() for vote in of_one]
    guidelines = dict(Judgment.objects.filter(pk__in=ids).values_list("pk", "guidelines__number"))
    return [
        {
            "id": values["id"],
            "prompt": values["prompt_id"],
            "comparison": values["comparison_id"],
            "judgments": [
                {
                    "id": vote.judgment,
                    "annotator": vote.annotator,
                    "vote": vote.says,
                    "strength": vote.strength,
                    "shown_first": vote.shown_first,
                    "aspects": vote.aspects,
                    "seconds": vote.seconds,
                    "judged_at": vote.judged_at,
                    "guidelines": guidelines.get(vote.judgment) or 0,
                }
                for vote in votes.get(values["id"], [])
            ],
        }
        for values, _ in page
    ]


@retried
def _store(taking: SnapshotTaking, sha256: str, votes_sha256: str, counting: Counting) -> Snapshot:
    mine = SnapshotTaking.objects.filter(pk=taking.pk, state=State.RUNNING, tries=taking.tries)
    if not mine.delete()[0]:
        raise Gone
    snapshot = Snapshot.objects.create(
        project=taking.project,
        origin=Snapshot.Origin.CURATOR,
        name=taking.name,
        description=taking.description,
        licence=taking.licence,
        filters=taking.filters,
        sha256=sha256,
        votes_sha256=votes_sha256,
        count=counting.rows,
        counts=counting.result,
        guidelines=sorted(counting.guidelines),
        last_settled_at=_newest(taking),
        created_by=taking.created_by,
    )
    write_entry(
        taking.project, taking.created_by, "take_snapshot", snapshot,
        name=snapshot.name, preferences=snapshot.count, sha256=sha256, filters=taking.filters,
    )  # fmt: skip
    events.snapshot_taken(taking.project, snapshot)
    return snapshot


def _newest(taking: SnapshotTaking) -> Any:
    rows = Preference.objects.filter(project=taking.project, pk__lte=taking.up_to)
    return rows.aggregate(newest=Max("settled_at"))["newest"]


@retried
def call_off(taking: SnapshotTaking, actor: User) -> None:
    """Gives up a snapshot that is not there yet, or clears away one that failed."""
    if SnapshotTaking.objects.filter(pk=taking.pk).delete()[0]:
        write_entry(taking.project, actor, "call_off_snapshot", taking.project, name=taking.name)


@retried
def try_again(taking: SnapshotTaking) -> None:
    """Lets a worker begin anew with one that failed."""
    failed = SnapshotTaking.objects.filter(pk=taking.pk, state=State.FAILED)
    if failed.update(state=State.WAITING, tries=0, problem="", touched_at=timezone.now()):
        transaction.on_commit(partial(nudge, TASK))
