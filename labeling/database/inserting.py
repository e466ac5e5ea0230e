"""Inserts many rows with one prepared statement. Making a model instance of each row first, as
`bulk_create` does, was three quarters of an import's time, and a long import keeps other writers
of an SQLite database waiting."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from django.db import connection, models
from django.utils import timezone

# Types whose values the database's driver does not take as they are.
ADAPTED = (models.JSONField, models.DateTimeField)


def insert_rows(
    model: type[models.Model], rows: Iterable[Mapping[str, Any]], *, or_fail: bool = False
) -> None:
    """Inserts `rows`, each by column (`prompt_id`, not `prompt`); the model's defaults fill in.

    A row that a constraint of uniqueness refuses is left out: whoever added the same row at this
    moment wins. With `or_fail` it is an IntegrityError. The ids are looked up afterwards.
    """
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    names = [field.attname for field in fields]
    defaults = {field.attname: _default_of(field) for field in fields}
    adapt = {field.attname: _adapter_of(field) for field in fields if isinstance(field, ADAPTED)}

    def values_of(row: Mapping[str, Any]) -> list[Any]:
        values = [row[name] if name in row else defaults[name]() for name in names]
        for place, name in adapted:
            values[place] = adapt[name](values[place])
        return values

    adapted = [(place, name) for place, name in enumerate(names) if name in adapt]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    table = quote(model._meta.db_table)
    on_conflict = "" if or_fail else " ON CONFLICT DO NOTHING"
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} ({columns}) VALUES ({marks}){on_conflict}",
            [values_of(row) for row in rows],
        )


def _default_of(field: "models.Field[Any, Any]") -> Callable[[], Any]:
    if isinstance(field, models.DateTimeField) and field.auto_now_add:
        now = timezone.now()
        return lambda: now
    if callable(field.default):
        return field.get_default
    value = field.get_default()
    return lambda: value


def _adapter_of(field: "models.Field[Any, Any]") -> Callable[[Any], Any]:
    def adapt(value: Any) -> Any:
        return field.get_db_prep_save(value, connection)

    # All rows carry the same few moments; adapting one costs as much as inserting a row.
    return lru_cache(maxsize=8)(adapt) if isinstance(field, models.DateTimeField) else adapt
