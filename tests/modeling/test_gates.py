"""Whether a new reward model goes into service."""

import json
from pathlib import Path

import pytest
from django.conf import settings

from labeling.models import Project, Snapshot
from modeling import gates, registry
from modeling.models import RewardModel, Run
from tests.factories import make_project

pytestmark = pytest.mark.django_db


def make_reward_model(project: Project, right: list[bool], *, live: bool = False) -> RewardModel:
    """A model that is right or wrong about these test comparisons, and always about others."""
    number = project.reward_models.count() + 1
    snapshot = Snapshot.objects.create(project=project, sha256=f"{number}", count=1)
    run = Run.objects.create(
        project=project, kind="train_reward", state="succeeded", input_digest=f"{number}"
    )
    run.folder.mkdir(parents=True, exist_ok=True)
    with (run.folder / "predictions.jsonl").open("w") as file:
        for at, is_right in enumerate(right):
            row = {"id": f"{at}", "reward_chosen": float(is_right), "reward_rejected": 0.5}
            file.write(json.dumps(row | {"split": "test"}) + "\n")
            file.write(json.dumps(row | {"id": f"t{at}", "split": "train"}) + "\n")
    model = RewardModel.objects.create(
        project=project, version=number, run=run, snapshot=snapshot, folder=f"runs/{run.pk}/model"
    )
    if live:
        registry.make_live(model, None)
    return model


def verdict_on(new: list[bool], old: list[bool]) -> tuple[RewardModel, RewardModel]:
    project = make_project()
    live = make_reward_model(project, old, live=True)
    candidate = make_reward_model(project, new)
    assert gates.apply(candidate)
    live.refresh_from_db()
    candidate.refresh_from_db()
    return candidate, live


def test_the_first_model_goes_live() -> None:
    project = make_project()
    candidate = make_reward_model(project, [])
    gates.apply(candidate)
    candidate.refresh_from_db()
    assert candidate.status == "live"
    assert registry.loop_of(project).reward_model == candidate


def test_a_clearly_worse_model_is_rejected_and_says_why() -> None:
    candidate, live = verdict_on([True] * 20 + [False] * 40, [True] * 50 + [False] * 10)
    assert (candidate.status, live.status) == ("rejected", "live")
    assert "clearly worse" in candidate.results["gate"]["reason"]
    assert registry.loop_of(candidate.project).reward_model == live


def test_a_slightly_worse_model_is_within_chance() -> None:
    candidate, live = verdict_on([True] * 48 + [False] * 12, [True] * 49 + [False] * 11)
    assert (candidate.status, live.status) == ("live", "retired")


def test_few_shared_comparisons_decide_nothing() -> None:
    candidate, _ = verdict_on([False] * 29, [True] * 29)
    assert candidate.status == "live"
    assert "too few" in candidate.results["gate"]["reason"]


def test_only_the_test_split_is_compared(tmp_path: Path) -> None:
    model = make_reward_model(make_project(), [True, False])
    assert gates.test_points(model.run.folder) == {"0": 1.0, "1": 0.0}
    assert Path(settings.DATA_DIR) in model.path.parents


def test_a_judged_model_is_not_judged_again() -> None:
    project = make_project()
    candidate = make_reward_model(project, [])
    assert gates.apply(candidate)
    assert not gates.apply(candidate)
