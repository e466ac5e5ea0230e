"""Inserts many rows with one prepared statement. Making a model instance of each row first, as
`bulk_create` does, was three quarters of an import's time, and a long import keeps other writers
of an SQLite database waiting."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any

from django.db import connection, models
from django.db.models.fields import NOT_PROVIDED
from django.utils import timezone

# Types whose values the database's driver does not take as they are.
ADAPTED = (models.JSONField, models.DateTimeField)
EMPTY: dict[Any, str] = {dict: "{}", list: "[]"}


def insert_rows(
    model: type[models.Model], rows: Iterable[Mapping[str, Any]], *, or_fail: bool = False
) -> None:
    """Inserts `rows`, each by column (`prompt_id`, not `prompt`); the model's defaults fill in.

    A row that a constraint of uniqueness refuses is left out: whoever added the same row at this
    moment wins. With `or_fail` it is an IntegrityError. The ids are looked up afterwards.
    """
    rows = list(rows)
    given = dict.fromkeys(rows[0] if rows else ())
    for row in rows:
        if row.keys() != given.keys():
            given |= dict.fromkeys(row)
    fields = [
        field
        for field in model._meta.concrete_fields
        if not field.primary_key and (field.attname in given or field.db_default is NOT_PROVIDED)
    ]
    # What rows say first, then what the model's defaults say of all of them.
    fields.sort(key=lambda field: field.attname not in given)
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    table = quote(model._meta.db_table)
    on_conflict = "" if or_fail else " ON CONFLICT DO NOTHING"
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} ({columns}) VALUES ({marks}){on_conflict}",
            _values_of(rows, fields, given.keys()),
        )


def _values_of(
    rows: list[Mapping[str, Any]],
    fields: "list[models.Field[Any, Any]]",
    given: Collection[str],
) -> list[list[Any]]:
    """The values of each row in the order of the fields, of which those that are given come
    first."""
    names = [field.attname for field in fields if field.attname in given]
    adapted = {
        place: _adapter_of(field)
        for place, field in enumerate(fields[: len(names)])
        if isinstance(field, ADAPTED)
    }
    defaults = [_default_of(field) for field in fields]
    take = itemgetter(*names) if len(names) > 1 else None
    rest = defaults[len(names) :]
    drawn = [(len(names) + place, make) for place, make in enumerate(rest) if callable(make)]
    values = []
    for row in rows:
        is_whole = len(row) == len(given)
        taken = list(take(row)) if take and is_whole else [row.get(name) for name in names]
        for place, adapt in adapted.items():
            taken[place] = adapt(taken[place])
        if not is_whole:
            for place, name in enumerate(names):
                if name not in row:
                    taken[place] = _made(defaults[place])
        taken += rest
        for place, make in drawn:
            taken[place] = make()
        values.append(taken)
    return values


def _made(default: Any) -> Any:
    return default() if callable(default) else default


def _default_of(field: "models.Field[Any, Any]") -> Any:
    """The value that the database's driver takes, or a function that makes one for each row."""
    if isinstance(field, models.DateTimeField) and field.auto_now_add:
        return _adapter_of(field)(timezone.now())
    if field.has_default() and callable(field.default) and field.default not in EMPTY:
        return field.default
    value = field.get_default()
    return _adapter_of(field)(value) if isinstance(field, ADAPTED) else value


def _adapter_of(field: "models.Field[Any, Any]") -> Callable[[Any], Any]:
    if isinstance(field, models.JSONField):
        return _json
    # All rows carry the same few moments; adapting one costs as much as inserting a row.
    return lru_cache(maxsize=8)(partial(field.get_db_prep_save, connection=connection))


def _json(value: Any) -> Any:
    """The value as the JSON that Django would write; both databases take it as a text."""
    if not value and type(value) in EMPTY:
        return EMPTY[type(value)]
    return None if value is None else json.dumps(value)
