"""Cursors: how a reader goes on after what it has, and misses nothing.

A preference or judgment that was changed has no number until somebody asks for changes. Then the
changed rows that are visible are numbered, in short transactions under the lock of the project's
counter. So a row that becomes visible later always has a higher number, whenever its change began
and whatever its time stamp says; and a number, once given, is never given again.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.db.models import F

from labeling.database.transactions import retried
from labeling.models import ChangeCounter, Judgment, Preference, Project

BATCH = 1000
VERSION = 1

NumberedRows: TypeAlias = type[Preference] | type[Judgment]


class CursorRefused(ValueError):
    """This cursor cannot go on here; the message says why and what to do."""


@dataclass(frozen=True)
class Cursor:
    """A place in the numbered changes of one project's rows, as one filter lets them through."""

    of: str
    project: int
    wanted: str
    number: int = 0

    def at(self, number: int) -> str:
        """The text with which a reader goes on after this number."""
        written = json.dumps([VERSION, self.of, self.project, self.wanted, number])
        return base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")


def read_cursor(
    text: str, model: NumberedRows, project: Project, wanted: Mapping[str, Any]
) -> Cursor:
    """Reads where `text` says to go on; the beginning where it is empty. `wanted` is the filter
    that the cursor has to belong to."""
    of = kind_of_rows(model)
    digest = _digest(wanted)
    if not text:
        return Cursor(of, project.pk, digest)
    cursor = _parsed(text)
    if cursor.of != of:
        raise CursorRefused(
            f"This cursor goes through {cursor.of}s, not {of}s. Begin with an empty cursor."
        )
    if cursor.project != project.pk:
        raise CursorRefused(
            f"This cursor is of another project, not of {project.slug}. Begin with an empty cursor."
        )
    if cursor.wanted != digest:
        raise CursorRefused(
            "This cursor was made with other filters. Use them again, or begin with an empty "
            "cursor."
        )
    return cursor


def _parsed(text: str) -> Cursor:
    try:
        written = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        version, of, project, wanted, number = json.loads(written)
        if version != VERSION or not isinstance(of, str) or not isinstance(number, int):
            raise ValueError("not one of ours")
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise CursorRefused(
            "This is no cursor. Give one exactly as an answer told it, or begin with an empty one."
        ) from None
    return Cursor(of, project, wanted, max(0, min(number, 2**62)))


def _digest(wanted: Mapping[str, Any]) -> str:
    written = json.dumps(sorted(wanted.items()), default=str)
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def kind_of_rows(model: NumberedRows) -> str:
    return str(model._meta.model_name)


def number_changes(model: NumberedRows, project: Project) -> int:
    """Numbers the changes that are visible now, and returns the highest number given so far.

    All rows up to that number can be read, and whatever becomes visible later gets a higher one.
    """
    while _unnumbered(model, project).exists():
        if _number_batch(model, project) < BATCH:
            break
    counter = ChangeCounter.objects.filter(project=project, of=kind_of_rows(model))
    return counter.values_list("last", flat=True).first() or 0


def _unnumbered(model: NumberedRows, project: Project) -> Any:
    return model.objects.filter(project=project, change_number__isnull=True)


@retried
def _number_batch(model: NumberedRows, project: Project) -> int:
    ChangeCounter.objects.get_or_create(project=project, of=kind_of_rows(model))
    counter = ChangeCounter.objects.select_for_update().get(project=project, of=kind_of_rows(model))
    # A row that somebody is changing at this moment is stepped over: it will be visible, and
    # numbered, when they are done.
    rows = _unnumbered(model, project).select_for_update(skip_locked=True, no_key=True)
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
    if ids:
        # Ids ascend within the batch, so this gives each row a number of its own, in one statement.
        model.objects.filter(pk__in=ids).update(change_number=counter.last + 1 + F("pk") - ids[0])
        ChangeCounter.objects.filter(pk=counter.pk).update(last=counter.last + 1 + ids[-1] - ids[0])
    return len(ids)
