"""Receipts of exports: a file that is sent while it is written says afterwards what the whole of it
was, so that nothing is ever silently short."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from labeling.database.transactions import retried
from labeling.models import Export, Project, User
from labeling.preferences.shapes.pairs import Row

KEPT = timedelta(days=90)


@retried
def begin(project: Project, actor: User | None, file_name: str, asked: Mapping[str, Any]) -> Export:
    """Makes the receipt of a file that is about to be sent. Forgets those that are too old."""
    Export.objects.filter(project=project, started_at__lt=timezone.now() - KEPT).delete()
    return Export.objects.create(
        project=project, actor=actor, file_name=file_name[:200], asked=dict(asked)
    )


class Sealing:
    """Counts the rows and bytes of a file on their way, and seals its receipt at the end."""

    def __init__(self, export: Export) -> None:
        self.export = export
        self.rows = 0

    def counted(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            self.rows += 1
            yield row

    def sealed(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The chunks. The receipt is sealed before the last one goes: whoever has that can read
        it."""
        digest, size, waiting = hashlib.sha256(), 0, b""
        for chunk in chunks:
            if waiting:
                yield waiting
            digest.update(chunk)
            size += len(chunk)
            waiting = chunk
        seal(self.export, rows=self.rows, size=size, sha256=digest.hexdigest())
        yield waiting


@retried
def seal(export: Export, *, rows: int, size: int, sha256: str) -> None:
    Export.objects.filter(pk=export.pk, finished_at__isnull=True).update(
        finished_at=timezone.now(), rows=rows, bytes=size, sha256=sha256
    )


def as_row(export: Export) -> Row:
    """The receipt as the API tells it."""
    return {
        "id": str(export.uuid),
        "file_name": export.file_name,
        "asked": export.asked,
        "by": export.actor.username if export.actor else "",
        "started_at": export.started_at,
        "finished_at": export.finished_at,
        "is_complete": export.finished_at is not None,
        "rows": export.rows,
        "bytes": export.bytes,
        "sha256": export.sha256,
    }
