"""A query that Django builds and compiles once for each connection and then only runs.

Building the SQL of a query with many sub-selects takes several times as long as the database
takes to answer it. For the few queries of the busiest request that is most of the request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import Field, Model, QuerySet
from django.db.models.query import ModelIterable

Row = TypeVar("Row", bound=Model)


class Prepared(Generic[Row]):
    """`build` makes the queryset from values given by name. It is called once, with markers in
    their place; where a marker went in the SQL's parameters, later values go.

    `fields` says how each value is written for the database. Values must only ever be
    parameters: they can change neither the SQL nor each other.
    """

    def __init__(
        self,
        build: Callable[..., QuerySet[Row]],
        fields: dict[str, tuple[Field[Any, Any], Any]],
    ) -> None:
        self.build, self.fields = build, fields

    def rows(self, **values: Any) -> list[Row]:
        # The connection is its thread's own, and so is what is kept with it.
        kept: dict[int, _Compiled] = connection.__dict__.setdefault("prepared_queries", {})
        compiled = kept.get(id(self))
        if compiled is None:
            compiled = kept[id(self)] = _Compiled(self)
        written = {
            name: field.get_db_prep_value(values[name], connection)
            for name, (field, _) in self.fields.items()
        }
        return compiled.rows(written)


class _Compiled:
    """The queryset with a compiler that hands out stored SQL."""

    def __init__(self, prepared: Prepared[Any]) -> None:
        markers = {name: marker for name, (_, marker) in prepared.fields.items()}
        self.queryset = prepared.build(**markers)
        compiler = self.queryset.query.get_compiler(connection=connection)
        self.sql, self.parameters = compiler.as_sql()
        written = {
            field.get_db_prep_value(marker, connection): name
            for name, (field, marker) in prepared.fields.items()
        }
        self.places = [written.get(value) for value in self.parameters]
        missing = set(written.values()) - set(self.places)
        assert not missing, f"not in the SQL: {', '.join(sorted(missing))}"
        compiler.as_sql = self.as_sql
        self.queryset.query.get_compiler = lambda *_, **__: compiler  # type: ignore[method-assign]
        self.values: dict[str, Any] = {}

    def as_sql(self, *_: Any, **__: Any) -> tuple[str, tuple[Any, ...]]:
        places = zip(self.places, self.parameters, strict=True)
        return self.sql, tuple(self.values[name] if name else value for name, value in places)

    def rows(self, values: dict[str, Any]) -> list[Any]:
        self.values = values
        return list(ModelIterable(self.queryset))
