"""Rows of a database at some state of its migrations, as one small file that no engine minds.

    DATA_DIR=… python -m tests.upgrading.old_rows tests/upgrading/labeling_0027.json.gz

writes those of the database that the environment names; `load` puts them into a database that was
migrated to the same state, through the models as they were then.
"""

import base64
import gzip
import json
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict
from uuid import UUID

import django
from django.apps.registry import Apps
from django.core.management.color import no_style
from django.db import connection, models, transaction
from django.db.migrations.recorder import MigrationRecorder

# Their tables are filled by Django itself, or hold nothing that has to last.
PASSED_OVER = {"admin", "axes", "contenttypes", "sessions"}
FILLED_BY_DJANGO = {"auth.Permission"}


class Table(TypedDict):
    fields: list[str]
    rows: list[list[Any]]


class OldDatabase(TypedDict):
    """The newest migration of each app, and the rows of each model that has any."""

    migrations: dict[str, str]
    tables: dict[str, Table]


def read(file: Path) -> OldDatabase:
    with gzip.open(file, "rt", encoding="utf-8") as stream:
        return json.load(stream)


def write(file: Path, old: OldDatabase) -> None:
    text = json.dumps(old, ensure_ascii=False, separators=(",", ":")) + "\n"
    # Without a time in it: the same rows are the same file.
    file.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))


def rows_of(model: type[models.Model]) -> Table:
    fields = model._meta.concrete_fields
    return {
        "fields": [field.attname for field in fields],
        "rows": [
            [plain(field.value_from_object(row)) for field in fields]
            for row in model._base_manager.order_by("pk")
        ],
    }


def plain(value: Any) -> Any:
    """A column's value as JSON has it; `to_python` of its field reads it again."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(value).decode()
    return value


def tables_of(apps: Apps) -> dict[str, Table]:
    wanted = [model for model in apps.get_models(include_auto_created=True) if is_kept(model)]
    tables = {model._meta.label: rows_of(model) for model in wanted}
    return {label: table for label, table in sorted(tables.items()) if table["rows"]}


def is_kept(model: type[models.Model]) -> bool:
    return model._meta.app_label not in PASSED_OVER and model._meta.label not in FILLED_BY_DJANGO


def load(apps: Apps, tables: dict[str, Table]) -> None:
    """Puts every row in as it is, in a transaction of its own; rows may point ahead within it."""
    loaded = [apps.get_model(label) for label in tables]
    with transaction.atomic():
        for model, table in zip(loaded, tables.values(), strict=True):
            for values in table["rows"]:
                insert(model, table["fields"], values)
    # PostgreSQL counts on from where it was: these keys were given, not drawn.
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), loaded):
            cursor.execute(statement)


def insert(model: type[models.Model], names: list[str], values: Iterable[Any]) -> None:
    fields = {field.attname: field for field in model._meta.concrete_fields}
    given = {name: fields[name].to_python(value) for name, value in zip(names, values, strict=True)}
    # Raw: no field writes the present time, or anything else of its own.
    model(**given).save_base(raw=True, force_insert=True)


def main(file: Path) -> None:
    django.setup()
    from django.apps import apps

    applied = MigrationRecorder(connection).applied_migrations()
    newest = {app: max(name for of, name in applied if of == app) for app, _ in sorted(applied)}
    write(file, {"migrations": newest, "tables": tables_of(apps)})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
