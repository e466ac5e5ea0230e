"""A squashed migration stands for the old files: it makes the same, whoever has some of them
applied goes on with them, and whoever has all of them has it too."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState
from pytest_django import DjangoDbBlocker

from tests.upgrading import old_files
from tests.upgrading.conftest import other_database
from tests.upgrading.old_files import SQUASHED, Key, OldFiles, recorded_squashed
from tests.upgrading.schemas import differences, row_counts, schema

OURS = ("labeling", "modeling")


@dataclass(frozen=True)
class Made:
    """A database as its first migrations made it, and its schema after something more."""

    schema: dict[str, str]
    row_counts: dict[str, int]
    schema_later: dict[str, str]
    squashed: set[Key]


InDatabase = Callable[[Callable[[], Made]], Made]


@pytest.fixture(scope="module")
def in_empty_database(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> InDatabase:
    def run(make: Callable[[], Made]) -> Made:
        with django_db_blocker.unblock(), other_database(tmp_path_factory.mktemp("empty")):
            return make()

    return run


@pytest.fixture(scope="module")
def fresh(in_empty_database: InDatabase) -> Made:
    """Made by the squashed ones; later it goes back to before two replaced ones, and on again."""

    def make() -> Made:
        call_command("migrate", verbosity=0)
        tables, rows, squashed = schema(), row_counts(), recorded_squashed()
        call_command("migrate", "labeling", "0026", verbosity=0)
        call_command("migrate", verbosity=0)
        return Made(tables, rows, schema(), squashed)

    return in_empty_database(make)


@pytest.fixture(scope="module")
def old(in_empty_database: InDatabase) -> Made:
    """Made by the old files, one after the other; later it meets the squashed ones."""

    def make() -> Made:
        executor = old_files.executor()
        executor.migrate(executor.loader.graph.leaf_nodes())
        tables = schema()
        assert recorded_squashed() == set()
        call_command("migrate", verbosity=0)  # it makes the rows that Django keeps, too
        return Made(tables, row_counts(), schema(), recorded_squashed())

    return in_empty_database(make)


@pytest.mark.slow
@pytest.mark.timeout(900)
class TestDatabases:
    def test_a_fresh_one_is_what_the_old_files_make(self, fresh: Made, old: Made) -> None:
        assert differences(old.schema, fresh.schema) == []

    def test_a_fresh_one_has_the_rows_of_one_of_the_old_files(self, fresh: Made, old: Made) -> None:
        assert fresh.row_counts == old.row_counts

    def test_one_of_the_old_files_takes_the_squashed_ones_as_applied(self, old: Made) -> None:
        assert old.squashed == SQUASHED
        assert differences(old.schema, old.schema_later) == []

    def test_a_fresh_one_goes_back_among_the_replaced_ones_and_on(self, fresh: Made) -> None:
        assert fresh.squashed == SQUASHED
        assert differences(fresh.schema, fresh.schema_later) == []


def states_between(graph: MigrationGraph) -> list[set[Key]]:
    """What the old files leave applied when they are cut short, in any order that they allow, once
    there are users: tables of other apps point to them."""
    labeling, modeling = (sorted(key for key in graph.nodes if key[0] == app) for app in OURS)
    others = {key for key in graph.nodes if key[0] not in OURS}
    states = [
        {*others, *labeling[:of_labeling], *modeling[:of_modeling]}
        for of_labeling in range(1, len(labeling) + 1)
        for of_modeling in range(len(modeling) + 1)
    ]
    return [state for state in states if all(needed(graph, key) <= state for key in state)]


def needed(graph: MigrationGraph, key: Key) -> set[Key]:
    return {parent.key for parent in graph.node_map[key].parents}


@pytest.mark.parametrize("was_squashed", [False, True], ids=["on_the_way", "went_back"])
def test_from_every_state_between_the_old_files_go_on(
    monkeypatch: pytest.MonkeyPatch, was_squashed: bool
) -> None:
    """A database that went back has the squashed ones recorded still."""
    old_graph = OldFiles(None).graph
    replaced = {key: set(MigrationLoader(None).replacements[key].replaces) for key in SQUASHED}
    states = states_between(old_graph)
    assert len(states) > 100
    for applied in states:
        begun = {squashed for squashed, keys in replaced.items() if keys & applied}
        record = applied | (begun if was_squashed else set())
        monkeypatch.setattr(
            MigrationRecorder, "applied_migrations", lambda _self, keys=record: dict.fromkeys(keys)
        )
        executor = MigrationExecutor(connection)
        executor.loader.check_consistent_history(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        expected = set(old_graph.nodes) - applied
        for squashed, keys in replaced.items():
            if keys.isdisjoint(applied):
                expected = expected - keys | {squashed}
        to_come = {(migration.app_label, migration.name) for migration, _backwards in plan}
        assert to_come == expected, sorted(applied)


def differing(one: ProjectState, other: ProjectState) -> list[Key]:
    keys = {key for key in one.models.keys() | other.models.keys() if key[0] in OURS}
    return sorted(key for key in keys if one.models.get(key) != other.models.get(key))


def test_models_are_the_same_where_the_squashed_ones_end() -> None:
    """Where one app has some old files applied and the other none, both are mixed."""
    ends = [("labeling", "0027_gold_release"), ("modeling", "0009_loop_settings")]
    expected = OldFiles(None).project_state(ends)
    assert differing(MigrationLoader(None).project_state(list(SQUASHED)), expected) == []


def test_the_way_back_knows_the_models_of_then() -> None:
    """Django takes old files and squashed ones together for it."""
    both = MigrationLoader(None, replace_migrations=False)
    old = OldFiles(None)
    assert set(both.graph.leaf_nodes()) >= SQUASHED
    expected = old.project_state(old.graph.leaf_nodes())
    assert differing(both.project_state(both.graph.leaf_nodes()), expected) == []
