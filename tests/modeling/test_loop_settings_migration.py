"""The settings of the loop move from the project to a row of their own, and back."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from modeling.models import LoopSettings
from tests.factories import make_project
from tests.upgrading.old_files import OldFiles

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = [("labeling", "0027_gold_release"), ("modeling", "0008_early_pairs")]
AFTER = [("labeling", "0029_loop_settings"), ("modeling", "0009_loop_settings")]


def migrate(targets: list[tuple[str, str]]) -> Any:
    """The models as they were then."""
    MigrationExecutor(connection).migrate(targets)
    return OldFiles(connection).project_state(targets).apps


@pytest.fixture(autouse=True)
def latest_afterwards() -> Iterator[None]:
    yield
    call_command("migrate", verbosity=0)


def test_what_was_set_of_a_project_moves_along_and_back() -> None:
    projects = migrate(BEFORE).get_model("labeling", "Project").objects
    projects.create(slug="usual", name="Usual", overlap=3)
    projects.create(
        slug="own", name="Own", selection="thompson", base_model="org/small", retrain_after=30,
        reward_epochs=2, loop_enabled=False, kl_coefficient=0.25, improvement="ppo",
    )  # fmt: skip
    after = migrate(AFTER)
    asked = after.get_model("modeling", "LoopSettings").objects.get(project__slug="own")
    assert (asked.selection, asked.base_model, asked.retrain_after) == ("thompson", "org/small", 30)
    assert (asked.reward_epochs, asked.reward_learning_rate) == (2, None)
    assert (asked.loop_enabled, asked.kl_coefficient, asked.improvement) == (False, 0.25, "ppo")
    left = after.get_model("labeling", "Project").objects.get(slug="usual")
    assert (left.overlap, hasattr(left, "retrain_after")) == (3, False)
    again = migrate(BEFORE).get_model("labeling", "Project").objects.get(slug="own")
    assert (again.selection, again.retrain_after, again.reward_epochs) == ("thompson", 30, 2)


def test_what_lies_beyond_a_new_limit_is_brought_to_it() -> None:
    projects = migrate(BEFORE).get_model("labeling", "Project").objects
    projects.create(
        slug="far", name="Far", retrain_after=2_000_000_000, temperature=0.001, top_p=0.0005,
        improve_prompts=1, queue_target=5_000_000, adaptive_confidence=0.9999,
        gold_minimum=1, repeat_after_hours=10_000,
    )  # fmt: skip
    after = migrate(AFTER)
    asked = after.get_model("modeling", "LoopSettings").objects.get()
    assert (asked.retrain_after, asked.queue_target) == (1_000_000, 1_000_000)
    assert (asked.temperature, asked.top_p, asked.improve_prompts) == (0.01, 0.01, 8)
    left = after.get_model("labeling", "Project").objects.get()
    assert (left.adaptive_confidence, left.gold_minimum, left.repeat_after_hours) == (0.999, 3, 720)


def test_settings_outlast_a_way_back_to_before_modeling() -> None:
    """The squashed migration is taken back and made again, with the columns in between."""
    make_project(slug="own", selection="thompson", retrain_after=30)
    call_command("migrate", "modeling", "zero", verbosity=0)
    before = OldFiles(connection).project_state(BEFORE[:1]).apps.get_model("labeling", "Project")
    assert before.objects.get().selection == "thompson"
    call_command("migrate", verbosity=0)
    asked = LoopSettings.objects.get(project__slug="own")
    assert (asked.selection, asked.retrain_after) == ("thompson", 30)
