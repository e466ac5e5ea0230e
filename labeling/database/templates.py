"""Database functions that each kind of database writes in its own SQL."""

from typing import Any, ClassVar

from django.db.models import Func


class TemplateFunc(Func):
    """A function with one template for SQLite and one for PostgreSQL, where Django has none."""

    sqlite: ClassVar[str]
    postgresql: ClassVar[str]

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> Any:
        return self.as_sql(compiler, connection, template=self.sqlite)

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> Any:
        return self.as_sql(compiler, connection, template=self.postgresql)
