"""Rows of the database as plain values, in keyset pages: what an export reads, as cheaply as it can
be read.

Django's `values()` decodes every JSON column and every moment of every row by itself, which took
two thirds of an export's time. Here JSON comes as a text and is decoded where it says something,
and moments come as the text that is exported.
"""

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, ClassVar, TypeAlias

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from labeling.database.templates import TemplateFunc

Values: TypeAlias = dict[str, Any]

PAGE_ROWS = 500
_decode = json.JSONDecoder().raw_decode


class MomentText(TemplateFunc):
    """A moment in UTC with Z, always in the same number of characters, so that a column has one
    type. A plus sign would be a space in an address."""

    output_field: ClassVar = TextField()
    sqlite = (
        "replace(substr(%(expressions)s || CASE WHEN length(%(expressions)s) = 19"
        " THEN '.000000' ELSE '' END, 1, 26), ' ', 'T') || 'Z'"
    )
    postgresql = (
        "to_char((%(expressions)s) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
    )


def pages(
    rows: QuerySet[Any], columns: tuple[str, ...], after: int, by: str = "id"
) -> Iterator[list[Values]]:
    """These columns of the rows whose `by` is above `after`, in its order, page by page. A moment
    is a text, JSON is what it holds."""
    model: type[models.Model] = rows.model
    read, json_places = _reading(model, columns)
    annotated = {name: expression for name, expression in read if expression is not None}
    names = [name for name, _ in read]
    wanted = rows.order_by(by).annotate(**annotated).values_list(*names)
    place = columns.index(by)
    while page := list(wanted.filter(**{f"{by}__gt": after})[:PAGE_ROWS]):
        yield [_values(columns, row, json_places) for row in page]
        if len(page) < PAGE_ROWS:
            return
        after = page[-1][place]


def _values(columns: tuple[str, ...], row: tuple[Any, ...], json_places: tuple[int, ...]) -> Values:
    values = dict(zip(columns, row, strict=True))
    for place in json_places:
        text = row[place]
        if text == "{}":  # most of what may hold something holds nothing
            value: Any = {}
        elif text == "[]":
            value = []
        else:
            value = None if text is None else _decode(text)[0]
        values[columns[place]] = value
    return values


@cache
def _reading(
    model: type[models.Model], columns: tuple[str, ...]
) -> tuple[list[tuple[str, Any]], tuple[int, ...]]:
    """What to ask the database for: of each column a name, and the expression behind it where it is
    no column of the table; and the places of what is JSON."""
    read: list[tuple[str, Any]] = []
    json_places = []
    for place, column in enumerate(columns):
        field = _field_of(model, column)
        convert = _EXPRESSIONS.get(type(field))
        read.append((f"raw_{column}", convert(column)) if convert else (column, None))
        if isinstance(field, models.JSONField):
            json_places.append(place)
    return read, tuple(json_places)


_EXPRESSIONS: dict[type, Callable[[str], Any]] = {
    models.JSONField: lambda column: Cast(column, TextField()),
    models.DateTimeField: MomentText,
}


def _field_of(model: type[models.Model], column: str) -> Any:
    """The field at the end of a path such as `prompt__messages`; None for what is no field's own
    name."""
    options = model._meta
    field: Any = None
    for name in column.split("__"):
        try:
            field = options.get_field(name)
        except FieldDoesNotExist:
            return None  # `prompt_id`
        if field.related_model:
            options = field.related_model._meta
    return field
