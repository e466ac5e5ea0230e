"""A database beside the tests' own: made as it was, filled, and migrated to the newest."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from pytest_django import DjangoDbBlocker

from tests.upgrading import old_files, old_rows

OLD = Path(__file__).parent / "labeling_0027_modeling_0008.json.gz"


@dataclass(frozen=True)
class Upgraded:
    """The rows before, by the models of then, and right after the migration, by those of today."""

    before: dict[str, old_rows.Table]
    after: dict[str, old_rows.Table]


@pytest.fixture(scope="module")
def upgraded(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Upgraded]:
    """Tests of the module find the migrated database in the place of the usual one."""
    old = old_rows.read(OLD)
    with django_db_blocker.unblock(), other_database(tmp_path_factory.mktemp("old")):
        executor = old_files.executor()
        targets = at_that_time(executor, old["migrations"])
        state = executor.migrate(targets)
        old_rows.load(state.apps, old["tables"])
        call_command("migrate", verbosity=0)
        yield Upgraded(old["tables"], old_rows.tables_of(apps))


def at_that_time(executor: MigrationExecutor, newest: dict[str, str]) -> list[tuple[str, str]]:
    """Where each app stood; apps of libraries, where the library has them now."""
    leaves = dict(executor.loader.graph.leaf_nodes())
    ours = {app: name for app, name in newest.items() if app in ("labeling", "modeling")}
    return list({**leaves, **ours}.items())


@contextmanager
def other_database(folder: Path) -> Iterator[None]:
    """The default connection leads to an empty database for the time being."""
    usual = connection.settings_dict["NAME"]
    is_file = connection.vendor == "sqlite"
    other = str(folder / "old.sqlite3") if is_file else f"{usual}_old"
    if not is_file:
        execute(f'DROP DATABASE IF EXISTS "{other}"')
        execute(f'CREATE DATABASE "{other}"')
    lead_to(other)
    try:
        yield
    finally:
        lead_to(usual)
        if not is_file:
            execute(f'DROP DATABASE "{other}"')


def lead_to(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name
    # Their keys are another database's.
    ContentType.objects.clear_cache()


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
