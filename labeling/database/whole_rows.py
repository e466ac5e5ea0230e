"""Instances of models out of hand-written SQL that joins several tables.

`objects.raw()` reads one model, and building a join of whole tables through the ORM takes much of
the busiest request (docs/decisions/017-lock-first-then-read.md).
"""

from collections.abc import Collection, Sequence
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import Field, Model

Row = TypeVar("Row", bound=Model)


class ModelColumns(Generic[Row]):
    """All columns of a model under the alias that the SQL gives its table, but for those that are
    left out: an instance reads them when it is asked for them."""

    def __init__(self, model: type[Row], alias: str, *, without: Collection[str] = ()) -> None:
        self.model = model
        self.fields: list[Field[Any, Any]] = [
            field for field in model._meta.concrete_fields if field.attname not in without
        ]
        self.names = [field.attname for field in self.fields]
        self.sql = ", ".join(f'{alias}."{field.column}"' for field in self.fields)
        # By kind of database: the places whose values are written otherwise than Python has them.
        self._written: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self.fields)

    def instance(self, values: Sequence[Any]) -> Row:
        converted = list(values)
        for place in self._written_places():
            for convert in _converters(self.fields[place]):
                column = self.fields[place].cached_col
                converted[place] = convert(converted[place], column, connection)
        return self.model.from_db(connection.alias, self.names, converted)

    def _written_places(self) -> list[int]:
        places = self._written.get(connection.vendor)
        if places is None:
            places = [place for place, field in enumerate(self.fields) if _converters(field)]
            self._written[connection.vendor] = places
        return places


def _converters(field: "Field[Any, Any]") -> list[Any]:
    """The converters of the database and of the field, as the ORM applies them."""
    of_database = connection.ops.get_db_converters(field.cached_col)
    return [*of_database, *field.get_db_converters(connection)]
