"""Judgments as rows for other programs: what each person answered, and what they saw."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db.models import QuerySet

from labeling.models import ComparisonResponse, Judgment, Project
from labeling.preferences.changes import number_changes, read_cursor
from labeling.preferences.exporting import Changes, end_of
from labeling.preferences.raw_values import pages
from labeling.preferences.shapes.pairs import Row
from labeling.texts.metadata import as_json
from labeling.texts.sameness import as_words

JUDGMENT_COLUMNS = (
    "id", "comparison_id", "comparison__prompt__messages", "comparison__prompt__metadata",
    "labeler__username", "kind", "tiers", "strength", "aspects", "rationale", "reasons", "flag",
    "rewrite__text", "seconds", "order",
    "guidelines__number", "is_late", "is_surplus", "created_at", "superseded_at",
)  # fmt: skip


def judgment_rows(
    project: Project,
    *,
    after: int = 0,
    since: datetime | None = None,
    include_superseded: bool = False,
) -> Iterator[Row]:
    """What people answered, in id order, each with the responses as they stood on screen."""
    judgments = _judgments_to_export(project, include_superseded)
    if since:
        judgments = judgments.filter(created_at__gte=since)
    return _judgment_rows(pages(judgments, JUDGMENT_COLUMNS, after))


def judgment_changes(
    project: Project, cursor: str, limit: int | None, *, include_superseded: bool = False
) -> Changes:
    """What was answered, taken back or corrected since the answer that gave out this cursor."""
    wanted = {"include_superseded": include_superseded}
    start = read_cursor(cursor, Judgment, project, wanted)
    last = number_changes(Judgment, project)
    judgments = _judgments_to_export(project, include_superseded)
    end, is_cut = end_of(judgments, start.number, last, limit)
    upto = judgments.filter(change_number__lte=end)
    columns = (*JUDGMENT_COLUMNS, "change_number")
    rows = _judgment_rows(pages(upto, columns, start.number, "change_number"))
    return Changes(rows, start.at(end), is_cut)


def _judgments_to_export(project: Project, include_superseded: bool) -> QuerySet[Judgment]:
    judgments = Judgment.objects.filter(project=project, purpose=Judgment.Purpose.WORK)
    return judgments if include_superseded else judgments.filter(superseded_at__isnull=True)


def _judgment_rows(read: Iterable[list[Row]]) -> Iterator[Row]:
    for page in read:
        responses = _responses_of({values["comparison_id"] for values in page})
        for values in page:
            yield _judgment_row(values, responses)


def _responses_of(comparison_ids: Iterable[int]) -> dict[int, Row]:
    places = ComparisonResponse.objects.filter(comparison_id__in=comparison_ids)
    columns = ("response_id", "response__text", "response__source", "response__extra")
    return {
        pk: {"id": pk, "text": text, "model": source, "metadata": as_json(metadata)}
        | ({"extra": extra} if extra else {})
        for pk, text, source, extra, metadata in places.order_by().values_list(
            *columns, "response__metadata"
        )
    }


def _as_shown(values: Row) -> list[int]:
    """The responses from left to right; by their ids where a file did not tell the sides."""
    order: list[int] = values["order"]
    return order or sorted(response_id for tier in values["tiers"] for response_id in tier)


def _judgment_row(values: Row, responses: dict[int, Row]) -> Row:
    strength = values["strength"]
    return {
        "id": values["id"],
        "comparison": values["comparison_id"],
        "prompt": values["comparison__prompt__messages"],
        "metadata": as_json(values["comparison__prompt__metadata"]),
        "responses": [responses[response_id] for response_id in _as_shown(values)],
        "labeler": values["labeler__username"],
        "kind": values["kind"],
        "tiers": values["tiers"],
        "strength": -1 if strength is None else strength,
        "aspects": json.dumps(values["aspects"], ensure_ascii=False, separators=(",", ":")),
        "rationale": values["rationale"],
        "reasons": as_words(values["reasons"]),
        "flag": values["flag"],
        "rewrite": values["rewrite__text"] or "",
        "seconds": float(values["seconds"] or 0.0),
        "guidelines": values["guidelines__number"] or 0,
        "is_late": values["is_late"],
        "is_surplus": values["is_surplus"],
        "created_at": values["created_at"],
        "superseded_at": values["superseded_at"] or "",
    }
