"""A file on its way in: checked rows are kept in chunks of which nothing else knows.

Each chunk is a short transaction. Whatever ends the reading of the file, a fault in it, a killed
process, a database that is gone, the project holds nothing of it; what was staged is removed, at
the latest by `remove_abandoned`.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from labeling.database.transactions import let_others_write, retried
from labeling.importing.kept.import_folder import remove_folder
from labeling.importing.lines.answer_fields import NewResponse
from labeling.importing.lines.named_votes import NamedVote
from labeling.importing.lines.opinions import Opinion
from labeling.importing.lines.rows import CheckedRow
from labeling.importing.reports import ImportInterrupted
from labeling.models import Import, ImportChunk, Project, User

LEFT_ALONE_AFTER = timedelta(seconds=30)
# Nobody takes this long to read a chunk: whoever staged the import is gone.
ABANDONED_AFTER = timedelta(minutes=10)
REMOVED_AT_ONCE = 20
OPINION = [field.name for field in fields(Opinion)]
SAID = ("said", "said_before")
NAMED_VOTE = [field.name for field in fields(NamedVote)]


def begin(
    project: Project,
    actor: User | None,
    name: str,
    options: dict[str, object],
    asked: dict[str, Any] | None = None,
) -> Import:
    """`asked` is what a worker is to read; without it whoever calls reads."""
    return Import.objects.create(
        project=project, actor=actor, name=name[:300], options=options, asked=asked or {},
        touched_at=timezone.now(),
    )  # fmt: skip


@retried
def keep(job: Import, number: int, rows: Sequence[CheckedRow]) -> None:
    touch(job)
    ImportChunk.objects.create(of=job, number=number, rows=_written(rows))


def touch(job: Import, **progress: object) -> None:
    """Says that somebody is at work on it. Raises ImportInterrupted where it was cancelled, or
    another one has begun to read it."""
    jobs = Import.objects.filter(pk=job.pk, state=Import.State.STAGED, attempt=job.attempt)
    if not jobs.update(touched_at=timezone.now(), **progress):
        raise ImportInterrupted(
            "The import was cancelled, or given up because nothing was heard of it for ten "
            "minutes, or its project was deleted; nothing of it was stored. Import the file again."
        )


def change_rows(
    job: Import, change: Callable[[Sequence[CheckedRow]], Sequence[CheckedRow]]
) -> None:
    """Writes those staged chunks anew whose rows `change` changes, each in a short transaction."""
    for pk in list(job.chunks.order_by("number").values_list("pk", flat=True)):
        started = time.monotonic()
        chunk = ImportChunk.objects.get(pk=pk)
        rows = rows_of(chunk)
        changed = change(rows)
        if changed != rows:
            ImportChunk.objects.filter(pk=pk).update(rows=_written(changed))
        touch(job)
        let_others_write(time.monotonic() - started)


def _written(rows: Sequence[CheckedRow]) -> bytes:
    values = [
        (
            row.line,
            row.messages,
            [(one.text, one.source, one.extra, one.metadata) for one in row.responses],
            _opinion(row.opinion) if row.opinion else None,
            row.tags,
            row.extra,
            row.metadata,
        )
        for row in rows
    ]
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()


def _opinion(opinion: Opinion) -> list[Any]:
    """The arguments of `Opinion`, in order. `dataclasses.astuple` takes ten times as long."""
    values = [getattr(opinion, name) for name in OPINION]
    for name in SAID:
        if votes := getattr(opinion, name):
            written = [[getattr(vote, column) for column in NAMED_VOTE] for vote in votes]
            values[OPINION.index(name)] = written
    return values


def _read(values: list[Any]) -> Opinion:
    opinion = Opinion(*values)
    first, second, ties, both_bad = opinion.votes  # a list, as JSON has it
    said, before = (tuple(NamedVote(*vote) for vote in getattr(opinion, name)) for name in SAID)
    votes = (first, second, ties, both_bad)
    return replace(opinion, votes=votes, said=said, said_before=before)


def rows_of(chunk: ImportChunk) -> list[CheckedRow]:
    return [
        CheckedRow(
            line,
            messages,
            [NewResponse(*response) for response in responses],
            _read(opinion) if opinion else None,
            tags,
            *extra,  # a chunk of an earlier version has none
        )
        for line, messages, responses, opinion, tags, *extra in json.loads(bytes(chunk.rows))
    ]


def remove(job: Import) -> None:
    """Takes back a staged import; one that is in force stays."""
    remove_chunks(job)
    if Import.objects.filter(pk=job.pk, state=Import.State.STAGED).delete()[0]:
        remove_folder(job.pk)


def remove_chunks(job: Import, *states: str) -> None:
    """Removes what was staged, in short transactions, while the import is in one of the states."""
    in_state = states or (Import.State.STAGED,)
    chunks = ImportChunk.objects.filter(of=job.pk, of__state__in=in_state)
    while ids := list(chunks.values_list("pk", flat=True)[:REMOVED_AT_ONCE]):
        ImportChunk.objects.filter(pk__in=ids, of__state__in=in_state).delete()
        let_others_write()


def remove_abandoned() -> int:
    """Removes what processes that have ended left behind before their file was taken. What a
    worker is to read stays: the next one begins anew."""
    jobs = Import.objects.filter(
        untouched_for(ABANDONED_AFTER), state=Import.State.STAGED, asked={}
    )
    for job in jobs:
        remove(job)
    return len(jobs)


def untouched_for(time: timedelta) -> Q:
    """The condition for imports that nobody has worked on for this time. It includes those touched
    in the future, from before the clock was set back."""
    now = timezone.now()
    return Q(touched_at__lt=now - time) | Q(touched_at__gt=now + time)
