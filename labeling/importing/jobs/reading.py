"""Reads an import that was handed over to a worker, and goes on with it.

The upload lies on disk until it was read. A worker that ends in the middle leaves it there; the
next one begins anew, and what the first had staged goes: an attempt has a number, and a chunk is
staged only by the latest. One worker reads at a time, so that others are free for what people wait
for.
"""

import logging
from datetime import timedelta

from django.db import DatabaseError, InterfaceError
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.utils import timezone

from config.nudges import nudge
from labeling.importing import expect, stage, staging
from labeling.importing.applying import put_in_force
from labeling.importing.hub.downloading import download
from labeling.importing.hub.naming import HubDataset, HubRefused
from labeling.importing.jobs.asking import GO_ON, cancel_import, clear_away, options_of
from labeling.importing.jobs.watching import Watch
from labeling.importing.kept.import_folder import UPLOAD, folder_of, read_upload, remove_upload
from labeling.importing.kept.uploads import KeptFiles
from labeling.importing.reports import ImportInterrupted, ImportRefused, ImportUnfinished
from labeling.importing.undoing.taking_back import go_on as go_on_undoing
from labeling.models import Import

log = logging.getLogger(__name__)
State = Import.State

MOST_ATTEMPTS = 5
CONFIRMED_WITHIN = timedelta(days=1)


def go_on(pk: int) -> None:
    """Does what comes next of an import, whatever state it is in."""
    job = Import.objects.filter(pk=pk).first()
    if job is None:
        return
    if job.state == State.STAGED and job.asked:
        read(_in_turn(job))
    elif job.state == State.READY and job.asked.get("take"):
        _take(job)
    elif job.state == State.UNDOING:
        go_on_undoing(job)


def _in_turn(job: Import) -> Import:
    """The import to read when this one is asked for: where several wait that nobody has begun, that
    of the project which was served longest ago. One that hands over many keeps no other waiting for
    all of them."""
    if job.attempt:
        return job
    return _waiting().select_related("project").first() or job


def _waiting() -> QuerySet[Import]:
    """Imports that nobody has begun to read, in turn."""
    read = Import.objects.filter(project=OuterRef("project"), attempt__gt=0).order_by("-touched_at")
    served_at = Subquery(read.values("touched_at")[:1])
    waiting = Import.objects.filter(state=State.STAGED, attempt=0).exclude(asked={})
    return waiting.alias(served_at=served_at).order_by(F("served_at").asc(nulls_first=True), "pk")


def go_on_with_all() -> None:
    """Goes on with what was handed over and then left alone."""
    left_alone = staging.untouched_for(staging.LEFT_ALONE_AFTER)
    jobs = Import.objects.filter(left_alone, state__in=[State.STAGED, State.READY])
    for pk in jobs.exclude(asked={}).order_by("pk").values_list("pk", flat=True):
        go_on(pk)
    for job in Import.objects.filter(
        staging.untouched_for(CONFIRMED_WITHIN), state=State.READY, asked__take=False
    ):
        cancel_import(job, "Nobody took it within a day.")
    for job in Import.objects.filter(
        state__in=[State.CANCELLED, State.REFUSED], chunks__isnull=False
    ).distinct():
        clear_away(job)


def read(job: Import) -> None:
    """Reads the import's files, unless another worker does or is busy with another import."""
    if not _claim(job):
        return
    watch = Watch(job)
    try:
        _read(job, watch)
    except (ImportRefused, HubRefused) as refused:
        _refuse(job, refused)
    except ImportInterrupted:
        log.info("%s was given up, or another worker reads it", job)
    except (DatabaseError, InterfaceError, OSError):
        log.exception("%s is read again later", job)
    if (pk := _waiting().values_list("pk", flat=True).first()) is not None:
        nudge(GO_ON, pk)


def _claim(job: Import) -> bool:
    """Begins an attempt by compare-and-set."""
    is_left_alone = staging.untouched_for(staging.LEFT_ALONE_AFTER)
    reading = Import.objects.filter(state=State.STAGED, attempt__gt=0).exclude(asked={})
    if reading.exclude(is_left_alone).exists():
        return False
    mine = Import.objects.filter(pk=job.pk, state=State.STAGED, attempt=job.attempt)
    if not mine.update(attempt=F("attempt") + 1, touched_at=timezone.now(), progress={}):
        return False
    job.refresh_from_db()
    return True


def _read(job: Import, watch: Watch) -> None:
    if job.attempt > MOST_ATTEMPTS:
        raise HubRefused(
            f"Its reading was begun {MOST_ATTEMPTS} times and never came to an end: see the "
            "worker's log. A smaller file may go through."
        )
    staging.remove_chunks(job)
    upload = _upload_of(job, watch)
    watch.begin("reading", upload.size)
    with upload.open(watch.opener) as source:
        findings = stage(job, source, upload.name, options_of(job), watch.count)
    expected: dict[str, object] = {}
    if not job.asked.get("take"):
        watch.begin("counting", findings.rows)
        expected = expect(job, findings, watch.look).as_dict()
    done = {"what": "read", "at": upload.size, "of": upload.size, "rows": findings.rows}
    mine = Import.objects.filter(pk=job.pk, state=State.STAGED, attempt=job.attempt)
    expected["shapes"] = findings.shapes
    if not mine.update(
        state=State.READY, expected=expected, progress=done, touched_at=timezone.now()
    ):
        raise ImportInterrupted("It was given up at the last moment.")
    remove_upload(job.pk)
    job.refresh_from_db()
    if job.asked.get("take"):
        _take(job)


def _upload_of(job: Import, watch: Watch) -> KeptFiles:
    asked = job.asked["source"]
    if isinstance(asked, dict):
        watch.begin("downloading", 0)
        return download(HubDataset.of(asked), folder_of(job.pk) / UPLOAD, watch.reach)
    upload = read_upload(job.pk)
    if upload is None:
        raise HubRefused("Its files are gone from DATA_DIR/imports: send them again.")
    return upload


def _refuse(job: Import, fault: ImportRefused | HubRefused) -> None:
    refusal: dict[str, object] = {"summary": str(fault)}
    if isinstance(fault, ImportRefused):
        refusal |= {
            "total": fault.total,
            "can_skip": fault.can_skip,
            "is_unknown_shape": fault.is_unknown_shape,
            "problems": [
                {
                    "line": int(one.line),
                    "place": one.place,
                    "field": one.field,
                    "problem": one.problem,
                    "advice": one.advice,
                }
                for one in fault.problems
            ],
        }
    mine = Import.objects.filter(pk=job.pk, state=State.STAGED, attempt=job.attempt)
    if mine.update(state=State.REFUSED, refusal=refusal, touched_at=timezone.now()):
        clear_away(job)


def _take(job: Import) -> None:
    try:
        put_in_force(job)
    except ImportUnfinished:
        log.exception("%s could not be finished", job)
