"""Versions and what is in service: numbers, folders, and who decided first."""

from pathlib import Path
from typing import Any

import pytest

from labeling.models import Project
from modeling.models import Loop, Policy, RewardModel
from modeling.models.deciding import deciding, in_service, moved_to
from modeling.models.versions import loop_of, next_version, policy_by, reward_model_by
from tests.factories import make_project
from tests.modeling.page_helpers import make_reward_model

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(settings: Any, tmp_path: Path) -> Project:
    settings.DATA_DIR = tmp_path
    return make_project()


def with_members(project: Project, *names: str, heads: int | None = 1) -> RewardModel:
    results = {"members": list(names), "config": {"heads": heads}}
    return make_reward_model(project, folder="runs/7/model", results=results)


def test_the_first_version_is_one_and_a_gap_is_not_filled(project: Project) -> None:
    policies = Policy.objects.filter(project=project)
    assert next_version(policies) == 1
    Policy.objects.create(project=project, version=5, name="p", location="org/p")
    assert next_version(policies) == 6
    assert next_version(Policy.objects.filter(project=make_project())) == 1


def test_a_version_that_is_gone_is_none(project: Project) -> None:
    model = make_reward_model(project)
    assert reward_model_by(model.pk) == model
    assert reward_model_by(None) is reward_model_by(model.pk + 1) is None
    assert policy_by(None) is policy_by(1) is None


def test_a_single_model_is_one_folder_with_one_opinion(project: Project) -> None:
    model = with_members(project)
    assert (model.member_paths, model.member_count) == ([model.path], 1)


def test_an_ensemble_lists_its_own_folder_first_and_once(project: Project) -> None:
    model = with_members(project, "model", "model-2", "model-3")
    assert [path.name for path in model.member_paths] == ["model", "model-2", "model-3"]
    assert model.member_count == 3


def test_heads_share_a_folder_and_are_counted(project: Project) -> None:
    assert with_members(project, heads=8).member_count == 8
    assert with_members(project, heads=None).member_count == 1, "null is one head"


def test_a_model_is_here_when_all_of_its_folders_are(project: Project) -> None:
    model = with_members(project, "model", "model-2")
    assert model.gone == model.member_paths
    for path in model.member_paths:
        path.mkdir(parents=True)
        (path / "config.json").write_text("{}")
    assert model.is_here
    (model.member_paths[1] / "config.json").unlink()
    assert (model.is_here, model.gone) == (False, [model.member_paths[1]])


@pytest.mark.parametrize(
    ("export", "reason"),
    [
        ({}, ""),
        ({"plain": True, "reason": "?"}, ""),
        ({"plain": False, "reason": "It has eight heads."}, "It has eight heads."),
        ({"plain": False}, "It is no plain sequence-classification model."),
        ("no object", ""),
    ],
)
def test_why_a_folder_is_not_plain(project: Project, export: Any, reason: str) -> None:
    model = make_reward_model(project, results={"export": export})
    assert model.why_not_plain == reason


def test_the_row_of_the_loop_is_made_when_somebody_asks(project: Project) -> None:
    assert in_service(project) == (None, None)
    assert not Loop.objects.exists()
    with deciding(project) as loop:
        assert loop == loop_of(project)
    assert Loop.objects.count() == 1


def test_a_decision_that_fails_changes_nothing(project: Project) -> None:
    model = make_reward_model(project)

    def decide() -> None:
        with deciding(project) as loop:
            loop.reward_model = model
            loop.save()
            raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError):
        decide()
    assert in_service(project) == (None, None)


def test_who_comes_too_late_reads_what_took_their_place(project: Project) -> None:
    assert moved_to(make_reward_model(project)).startswith("Reward model v1 was put in service")
    assert moved_to(None).startswith("No version was put in service")


def test_rows_name_themselves_as_people_do(project: Project) -> None:
    model = make_reward_model(project)
    assert (str(model), str(loop_of(project))) == ("reward model v1", f"loop of {project}")
    assert str(project.loop_settings) == f"loop settings of {project}"
    assert str(model.run) == f"run {model.run_id}: train reward model"
