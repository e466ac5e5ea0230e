"""A project's settings reach the training's config, and change what counts as the same run."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import Role
from modeling.models import Run
from modeling.pipeline import inputs
from modeling.reward_models.training_options import aggregation_options, training_options
from modeling.run_data.train_reward import TrainRewardConfig
from modeling.runs import lifecycle
from tests.factories import make_member, make_project, set_loop
from tests.modeling.loop_helpers import advance_one, label, loop_project

pytestmark = pytest.mark.django_db(transaction=True)

CHOSEN: dict[str, Any] = {
    "reward_adapter": "lora",
    "reward_pooling": "mean",
    "reward_members": 4,
    "learning_curve": True,
}


def test_the_programs_own_defaults_are_not_repeated() -> None:
    assert training_options(make_project()) == {}
    assert aggregation_options(make_project()) == {}


def test_what_is_chosen_is_what_the_program_takes() -> None:
    several = [
        make_project(**CHOSEN),
        make_project(reward_method="frozen", reward_adapter="lora", reward_heads=8),
        make_project(reward_members=4, reward_bootstrap=False),
        make_project(reward_bootstrap=False),  # there is only one
    ]
    options = [training_options(project) for project in several]
    assert options == [
        {"adapter": "lora", "pooling": "mean", "members": 4, "learning_curve": [0.25, 0.5, 0.75]},
        {"method": "frozen", "heads": 8},
        {"members": 4, "bootstrap": False},
        {},
    ]
    for given in options:
        assert TrainRewardConfig.read({"base_model": "any", **given}).base_model == "any"
    assert aggregation_options(make_project(aggregate="uwo", uwo_weight=0.1)) == {
        "aggregate": "uwo", "uwo_weight": 0.1,
    }  # fmt: skip


FINER: dict[str, Any] = {
    "learning_rate": 2e-5,
    "epochs": 2,
    "batch_size": 32,
    "max_length": 512,
    "strength_margin": 0.5,
    "label_smoothing": 0.1,
    "ties": "davidson",
    "rankings": "plackett_luce",
    "centering": 0.01,
}


def test_the_finer_settings_have_the_programs_names_and_bounds() -> None:
    options = training_options(make_project(**{f"reward_{k}": v for k, v in FINER.items()}))
    assert options == FINER
    assert TrainRewardConfig.read({"base_model": "any", **options}).given().items() >= FINER.items()


def test_the_quick_way_gets_only_what_its_head_has_a_use_for() -> None:
    given = {f"reward_{k}": v for k, v in FINER.items()} | {"reward_method": "frozen"}
    assert training_options(make_project(**given)) == {
        "method": "frozen", "max_length": 512, "strength_margin": 0.5, "label_smoothing": 0.1,
        "ties": "davidson",
    }  # fmt: skip


def test_they_are_in_the_runs_record_and_in_its_folder(tmp_path: Path) -> None:
    project = loop_project(tmp_path, **CHOSEN)
    label(project, 10)
    run = advance_one(project)
    folder = inputs.prepare(run, "train_reward")
    assert folder is not None
    written = json.loads((folder / "config.json").read_text())
    for config in (run.config, written):
        assert {key: config[key] for key in ("adapter", "members")} == {
            "adapter": "lora", "members": 4,
        }  # fmt: skip
    assert written["base_model"] == str(tmp_path / "policy")
    assert Path(written["token_cache"]).name == "tokens", "what was tokenised is kept"


def test_other_settings_make_another_run_of_the_same_preferences(
    client: Client, tmp_path: Path
) -> None:
    project = loop_project(tmp_path)
    label(project, 10)
    first = advance_one(project)
    lifecycle.request_cancel(first, None)
    set_loop(project, reward_heads=8)
    client.force_login(make_member(project, Role.ADMIN))
    client.post(reverse("train-now", args=[project.slug]))
    second = Run.objects.filter(kind="train_reward").latest("pk")
    assert second != first
    assert first.input_digest != second.input_digest
