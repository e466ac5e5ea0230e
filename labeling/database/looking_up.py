"""Looks many rows up by one column. Through the ORM, which looks at every value several times, such
look-ups took a tenth of an import's time."""

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from django.db import connection, models

# SQLite takes one value after the other, in the order of a CROSS JOIN, and looks each up in the
# index. With `IN` it reads the whole table where it was small when statistics were last gathered;
# so it does with a list of VALUES, to filter what it looks up, and for an `ORDER BY id`. Of an
# import of a million rows that was seven tenths of the time.
SELECT = {
    "sqlite": "SELECT {columns} FROM json_each(%s) AS wanted CROSS JOIN {table} "
    "WHERE {column} = wanted.value{of_project}",
    "postgresql": "SELECT {columns} FROM {table} WHERE {column} = ANY(%s){of_project}",
}


def rows_where_in(
    model: type[models.Model],
    columns: Sequence[str],
    name: str,
    values: Collection[Any],
    *,
    project_id: int | None = None,
) -> Iterator[tuple[Any, ...]]:
    """The columns of the rows whose column `name` has one of these values, in no order. For columns
    of plain texts and numbers: nothing is converted."""
    if not values:
        return iter(())
    quote = connection.ops.quote_name
    table = quote(model._meta.db_table)
    of_project = "" if project_id is None else f" AND {table}.{quote('project_id')} = %s"
    statement = SELECT[connection.vendor].format(
        columns=", ".join(f"{table}.{quote(column)}" for column in columns),
        table=table,
        column=f"{table}.{quote(name)}",
        of_project=of_project,
    )
    distinct = list(dict.fromkeys(values))
    wanted = json.dumps(distinct) if connection.vendor == "sqlite" else distinct
    with connection.cursor() as cursor:
        cursor.execute(statement, [wanted, *([] if project_id is None else [project_id])])
        return iter(cursor.fetchall())
