"""A database in real use before this version's migrations loses nothing by them.

The dump is a demo project that `simulate` has labeled while `manage.py up` trained, sampled,
improved and compared, with what curators and admins do besides; and a second project with every
setting away from its default. A migration that moves, renames or drops something that the dump has
says so in the tables below.
"""

from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import connection, models, transaction
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.urls import reverse

from labeling.judging.modes import parse_choice
from labeling.judging.recording import submit_and_claim
from labeling.models import Project, User
from labeling.preferences.exporting import ExportOptions, preference_rows
from labeling.queue import handout
from modeling.models import Loop, RewardModel, Run
from tests.render_every_page import named_addresses
from tests.upgrading.conftest import Upgraded
from tests.upgrading.old_files import SQUASHED, recorded_squashed
from tests.upgrading.old_rows import Table, plain

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# "labeling.Old": "modeling.New"
MOVED_TABLES: dict[str, str] = {}
# "labeling.Project.old_name": "new_name"
RENAMED_COLUMNS: dict[str, str] = {"labeling.Preference.agreement": "vote_share"}
# "labeling.Table.column": why nothing is lost by its going.
DROPPED_COLUMNS: dict[str, str] = {}

# Made since the dump: it has no rows of them.
NEW_TABLES = {
    "labeling.Comment",
    "labeling.Comment_mentions",
    "labeling.Delivery",
    "labeling.Export",
    "labeling.FormerMember",
    "labeling.ImportedAgain",
    "labeling.KeyedRequest",
    "labeling.SnapshotFile",
    "labeling.SnapshotPush",
    "labeling.SnapshotTaking",
    "labeling.Webhook",
    "modeling.LoopSettings",
}

EMPTY: Table = {"fields": [], "rows": []}

# Where a project's settings are found besides its own row: in rows that point to it one to one.
SETTINGS_ROWS = ("loop_settings",)


def by_key(table: Table) -> dict[Any, dict[str, Any]]:
    rows = (dict(zip(table["fields"], row, strict=True)) for row in table["rows"])
    return {row[table["fields"][0]]: row for row in rows}


def of(tables: dict[str, Table], label: str) -> list[dict[str, Any]]:
    return list(by_key(tables[label]).values())


def new_label(label: str) -> str:
    return MOVED_TABLES.get(label, label)


def has_column(model: type[models.Model], name: str) -> bool:
    try:
        return model._meta.get_field(name).concrete
    except FieldDoesNotExist:
        return False


def setting(project: Project, name: str) -> Any:
    """A setting's value, wherever it is kept now."""
    name = RENAMED_COLUMNS.get(f"labeling.Project.{name}", name)
    for row in (project, *(getattr(project, row, None) for row in SETTINGS_ROWS)):
        if row is not None and has_column(type(row), name.removesuffix("_id")):
            return plain(getattr(row, name))
    raise AssertionError(f"nothing holds the setting {name}: say in this file where it is now")


def test_no_row_is_lost_or_added(upgraded: Upgraded) -> None:
    before = {new_label(label): len(table["rows"]) for label, table in upgraded.before.items()}
    after = {label: len(upgraded.after.get(label, EMPTY)["rows"]) for label in before}
    assert after == before


def test_it_has_the_squashed_migrations_too(upgraded: Upgraded) -> None:
    """Though the old files brought it here: from now on it is as a fresh one."""
    assert recorded_squashed() == SQUASHED
    executor = MigrationExecutor(connection)
    assert executor.loader.graph.nodes.keys() >= SQUASHED
    assert executor.migration_plan(executor.loader.graph.leaf_nodes()) == []


def test_every_table_of_real_use_is_in_the_dump(upgraded: Upgraded) -> None:
    """Or a migration could spoil it unseen."""
    tables = {
        model._meta.label
        for app in ("labeling", "modeling")
        for model in apps.get_app_config(app).get_models()
    }
    assert tables - NEW_TABLES == {new_label(label) for label in upgraded.before}


def test_every_column_holds_what_it_held(upgraded: Upgraded) -> None:
    changed = []
    for label, table in upgraded.before.items():
        rows = by_key(upgraded.after.get(new_label(label), EMPTY))
        for key, row in by_key(table).items():
            now = rows.get(key, {})
            for name, value in row.items():
                column = f"{label}.{name}"
                new_name = RENAMED_COLUMNS.get(column, name)
                if column in DROPPED_COLUMNS or is_moved_setting(label, name, now):
                    continue
                if now.get(new_name, "no such column") != value:
                    changed.append((column, key, value, now.get(new_name)))
    assert changed == []


def is_moved_setting(label: str, name: str, row: dict[str, Any]) -> bool:
    """Those of a project are looked for wherever they are now, by a test of their own."""
    return label == "labeling.Project" and name not in row


def test_every_project_keeps_every_setting(upgraded: Upgraded) -> None:
    for old in of(upgraded.before, "labeling.Project"):
        project = Project.objects.get(slug=old["slug"])
        assert {name: setting(project, name) for name in old} == old


def test_the_two_projects_differ_in_every_setting(upgraded: Upgraded) -> None:
    """A column that is mixed up with another, or left at its default, shows in one of them."""
    demo, second = of(upgraded.before, "labeling.Project")
    assert [name for name in demo if demo[name] == second[name]] == []


def test_the_same_triples_are_exported(upgraded: Upgraded) -> None:
    texts = {row["id"]: row["text"] for row in of(upgraded.before, "labeling.Response")}
    messages = {row["id"]: row["messages"] for row in of(upgraded.before, "labeling.Prompt")}
    for old in of(upgraded.before, "labeling.Project"):
        settled = [
            (messages[row["prompt_id"]], texts[row["chosen_id"]], texts[row["rejected_id"]])
            for row in of(upgraded.before, "labeling.Preference")
            if row["project_id"] == old["id"] and row["kind"] == "prefer"
            if row["settled_at"] and not row["excluded"]
        ]
        project = Project.objects.get(slug=old["slug"])
        exported = [
            (row["prompt"], row["chosen"][0]["content"], row["rejected"][0]["content"])
            for row in preference_rows(project, ExportOptions())
        ]
        assert exported == settled
        assert settled, "a project without any shows nothing"


def test_the_same_policy_and_reward_model_are_in_service(upgraded: Upgraded) -> None:
    old_loops = of(upgraded.before, "modeling.Loop")
    assert any(old["policy_id"] and old["reward_model_id"] for old in old_loops)
    for old in old_loops:
        loop = Loop.objects.get(project_id=old["project_id"])
        assert (loop.policy_id, loop.reward_model_id) == (old["policy_id"], old["reward_model_id"])


@pytest.mark.parametrize("slug", ["demo", "second"])
def test_every_page_of_the_project_opens(upgraded: Upgraded, slug: str) -> None:
    client = Client()
    client.force_login(User.objects.get(username="demo-admin"))
    statuses = {address: client.get(address).status_code for address in addresses_of(slug)}
    opened = [address for address, status in statuses.items() if status == 200]
    assert len(opened) > 25
    # 302 leads on; 405 takes POST alone.
    refused = {
        address: status for address, status in statuses.items() if status not in (200, 302, 405)
    }
    assert refused == NOTHING_TO_SHOW[slug]


NOTHING_TO_SHOW: dict[str, dict[str, int]] = {
    "demo": {},
    "second": {"/projects/second/reward-models/compare/": 404},
}


def addresses_of(slug: str) -> list[str]:
    """All that need nothing but the project's name, and those of its rows."""
    project = Project.objects.get(slug=slug)
    runs, models = Run.objects.filter(project=project), RewardModel.objects.filter(project=project)
    return [
        *[reverse(name, args=[slug]) for name, needs in named_addresses() if needs == ["slug"]],
        *[reverse("run", args=[run.pk]) for run in runs],
        *[reverse("reward-model", args=[model.pk]) for model in models],
        *[reverse("preference", args=[slug, row.pk]) for row in project.preferences.all()[:5]],
    ]


def test_labeling_goes_on(upgraded: Upgraded) -> None:
    labeler, project = User.objects.get(username="nora"), Project.objects.get(slug="demo")
    with transaction.atomic():
        assignment = handout.current_or_next(labeler, project)
        assert assignment is not None
        answer = parse_choice("left", assignment.order)
        recorded, following = submit_and_claim(assignment.uuid, labeler.pk, answer)
        transaction.set_rollback(True)  # other tests look at what was there
    assert recorded.is_new and recorded.judgment.labeler == labeler
    assert following is not None and following.pk != assignment.pk
