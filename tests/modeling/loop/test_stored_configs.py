"""What a run is asked to do is stored to the byte as it always was, and named by the same digest.

A run is unique by its digest: if either changed, all that projects have run already would be run
once more after an upgrade.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from labeling.models import Project, Snapshot
from modeling.loop import new_runs
from modeling.loop.situation import Situation
from modeling.models import Policy, Round, Run
from modeling.models.versions import loop_of
from tests.factories import make_member, make_project
from tests.modeling.page_helpers import make_reward_model

pytestmark = pytest.mark.django_db

SHA = "5" * 64
FIRST, CURRENT, CANDIDATE = 91, 92, 93  # keys of policies: configs name rows by their keys
MODEL, SHADOW = 81, 80


def situation_of(project: Project, *, with_model: bool = True, **round_fields: Any) -> Situation:
    """Its policy has come out of an improvement; round 4 is open."""
    first = Policy.objects.create(
        pk=FIRST, project=project, version=1, name="p", location="org/first"
    )
    current = Policy.objects.create(
        pk=CURRENT, project=project, version=2, name="p", location="org/p", reference=first,
        parent=first, results={"length_before": 52.5, "length_after": 60.0},
    )  # fmt: skip
    loop = loop_of(project)
    loop.policy = current
    if with_model:
        loop.reward_model = make_reward_model(project, pk=MODEL)
    loop.save()
    Round.objects.create(
        project=project, number=4, policy=current, started_at=datetime(2026, 1, 1, tzinfo=UTC),
        **round_fields,
    )  # fmt: skip
    return Situation(project)


def stored(run: Run | None) -> tuple[str, str]:
    """The config as its row holds it, and the digest that names the run."""
    assert run is not None
    assert json.loads(json.dumps(run.config)) == Run.objects.get(pk=run.pk).config
    return json.dumps(run.config), run.input_digest


@pytest.fixture
def snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would be learnt from has a digest that hangs on no row's key."""

    def take(project: Project) -> Snapshot:
        return Snapshot.objects.create(project=project, sha256=SHA, count=20)

    monkeypatch.setattr(new_runs, "take_snapshot", take)


# Settings of the project -> the stored config, and the digest.
TRAININGS: list[tuple[dict[str, Any], str, str]] = [
    (
        {},
        '{"base_model": "org/p", "seed": 800763006, "incumbent": 81}',
        "afbaac7ed2aa7f83ef0c6e3dbe12f67d67e1699905ecfab58f7ec3a6e1a68b1b",
    ),
    (
        {
            "reward_method": "frozen", "reward_pooling": "mean", "reward_heads": 8,
            "reward_ties": "davidson", "reward_epochs": 3, "reward_max_length": 512,
        },
        '{"base_model": "org/p", "method": "frozen", "pooling": "mean", "heads": 8, '
        '"max_length": 512, "ties": "davidson", "seed": 1419618320, "incumbent": 81}',
        "d49da810294fb2edd334fd1f0350a043760172fdd0c9a8c4e52a6fa7a77ff9ea",
    ),
    (
        {
            "base_model": "org/base", "reward_adapter": "lora", "reward_members": 4,
            "reward_bootstrap": False, "learning_curve": True,
        },
        '{"base_model": "org/base", "adapter": "lora", "members": 4, "bootstrap": false, '
        '"learning_curve": [0.25, 0.5, 0.75], "seed": 2102289697, "incumbent": 81}',
        "7d4e652116a9a6aca5532a8a155a1c74e7c6a76776730dca97904c5dd6fa2092",
    ),
    (
        {
            "reward_members": 2, "reward_learning_rate": 1e-5, "reward_epochs": 2,
            "reward_batch_size": 8, "reward_max_length": 1024, "reward_strength_margin": 0.5,
            "reward_label_smoothing": 0.05, "reward_rankings": "plackett_luce",
            "reward_centering": 0.01,
        },
        '{"base_model": "org/p", "members": 2, "learning_rate": 1e-05, "epochs": 2, '
        '"batch_size": 8, "max_length": 1024, "strength_margin": 0.5, "label_smoothing": 0.05, '
        '"rankings": "plackett_luce", "centering": 0.01, "seed": 1679177078, "incumbent": 81}',
        "64163576493b7ac2180cef7f6b5699664dafdb103edb3ca27343cb4f8ecfa43b",
    ),
]  # fmt: skip
BOUNDS = '"length_ratio": 1.5, "length_start": 52.5, "variance_ratio": 2.0'
IMPROVEMENTS: list[tuple[dict[str, Any], str, str]] = [
    (
        {"improvement": "best_of_n", "best_of": 8, "improve_prompts": 64},
        '{"train_policy": {"algorithm": "best_of_n", "kl_coefficient": 0.1, "kl_budget": 10.0, '
        '"temperature": 1.0, "max_new_tokens": 256, "best_of": 8, "pool_prompts": 64, '
        f'{BOUNDS}, "seed": 2033200446}}, "prompts": 64, "policy": 92, "reference": 91, '
        '"reward_model": 81}',
        "79302d3e97e973d028d6b7ca5b875bef97434921663e8dce7e2e9de3a5386ff9",
    ),
    (
        {
            "improvement": "ppo", "kl_target": 4.0, "kl_estimator": "k3", "aggregate": "uwo",
            "improve_adapter": "lora", "uwo_weight": 0.1,
        },
        '{"train_policy": {"algorithm": "ppo", "kl_coefficient": 0.1, "kl_budget": 10.0, '
        '"temperature": 1.0, "max_new_tokens": 256, "aggregate": "uwo", "uwo_weight": 0.1, '
        '"adapter": "lora", "kl_estimator": "k3", "steps": 40, "kl_target": 4.0, '
        f'{BOUNDS}, "seed": 379762090}}, "prompts": 512, "policy": 92, "reference": 91, '
        '"reward_model": 81}',
        "16a2b5aac0f3bf0a5c93afa63267f4466c5271ec2acd1215c5afc5e2c11c9b7a",
    ),
    (
        {"improvement": "rloo", "kl_budget": 0.0, "aggregate": "wco", "improve_steps": 12},
        '{"train_policy": {"algorithm": "rloo", "kl_coefficient": 0.1, "kl_budget": null, '
        '"temperature": 1.0, "max_new_tokens": 256, "aggregate": "wco", "steps": 12, '
        f'{BOUNDS}, "seed": 1070155817}}, "prompts": 512, "policy": 92, "reference": 91, '
        '"reward_model": 81}',
        "bfc9482927f6acf92f60f6d620eadcda1418309b1631ccb24774c08a68d7179b",
    ),
]  # fmt: skip


@pytest.mark.usefixtures("snapshot")
@pytest.mark.parametrize(
    ("chosen", "config", "digest"), TRAININGS, ids=("usual", "quick", "ensemble", "finer")
)
def test_a_training_of_a_reward_model(chosen: dict[str, Any], config: str, digest: str) -> None:
    run = new_runs.training(situation_of(make_project(**chosen)))
    assert stored(run) == (config, digest)


@pytest.mark.usefixtures("snapshot")
def test_a_training_is_named_alike_whoever_is_in_service() -> None:
    run = new_runs.training(situation_of(make_project(), with_model=False))
    _, _, digest = TRAININGS[0]
    assert stored(run) == ('{"base_model": "org/p", "seed": 800763006}', digest)


@pytest.mark.parametrize(
    ("chosen", "config", "digest"), IMPROVEMENTS, ids=("best of n", "ppo", "rloo")
)
def test_an_improvement(chosen: dict[str, Any], config: str, digest: str) -> None:
    run = new_runs.improvement(situation_of(make_project(**chosen), state="improving"))
    assert stored(run) == (config, digest)


@pytest.mark.usefixtures("snapshot")
def test_an_improvement_by_dpo_without_a_reward_model() -> None:
    """A KL target is PPO's and RLOO's alone."""
    project = make_project(improvement="dpo", kl_target=4.0)
    run = new_runs.improvement(situation_of(project, with_model=False, state="improving"))
    assert stored(run) == (
        '{"train_policy": {"algorithm": "dpo", "kl_coefficient": 0.1, "kl_budget": 10.0, '
        f'"temperature": 1.0, "max_new_tokens": 256, {BOUNDS}, "seed": 1308608988}}, '
        '"prompts": 512, "policy": 92, "reference": 91, "reward_model": null}',
        "4dffc9dce604fd27bf2259f85faf3602e6603535a9eb48138d0f1263ebde3eb0",
    )


def test_an_estimate_of_the_best_of_n() -> None:
    project = make_project(aggregate="uwo", temperature=0.8, best_of=4)
    run = new_runs.estimate(situation_of(project), make_member(project))
    assert stored(run) == (
        '{"train_policy": {"temperature": 0.8, "max_new_tokens": 256, "aggregate": "uwo", '
        '"uwo_weight": 0.5, "algorithm": "best_of_n", "best_of": 4, "pool_prompts": 512, '
        '"distill": false, "seed": 2146578070}, "prompts": 512, "policy": 92, "reference": 91, '
        '"reward_model": 81}',
        "7ff22e96bd188edaf27782e14fb90372f2894efd75d92d82bed5caad90a3ec53",
    )


def test_a_sampling() -> None:
    project = make_project(top_p=0.9, sample_prompts=30, queue_target=12)
    assert stored(new_runs.sampling(situation_of(project))) == (
        '{"prompts": 12, "reward_model": 81, "sample": {"temperature": 1.0, "top_p": 0.9, '
        '"max_new_tokens": 256, "policy": "org/p", "n": 4, "seed": 1034138191}}',
        "bda3b24f2363279615d7f7feb4c8ecb91daa88bb324624e4f751c8a2d3c619c9",
    )


def test_a_sampling_by_hand_whatever_the_room_in_the_queue() -> None:
    project = make_project(sample_prompts=30, queue_target=12)
    run = new_runs.sampling(situation_of(project, with_model=False), make_member(project))
    assert stored(run) == (
        '{"prompts": 30, "reward_model": null, "sample": {"temperature": 1.0, "top_p": 1.0, '
        '"max_new_tokens": 256, "policy": "org/p", "n": 4, "seed": 210502061}}',
        "0c8c01ad4c73ec202f1172ba436073d76f7a96e91da38fc06f24a5b56fed1342",
    )


def test_a_shadow_is_in_the_config_and_not_in_the_name() -> None:
    project = make_project()
    situation, loop = situation_of(project), loop_of(project)
    loop.shadow, loop.shadow_until = make_reward_model(project, pk=SHADOW), 9
    loop.save()
    assert stored(new_runs.sampling(situation)) == (
        '{"prompts": 50, "reward_model": 81, "sample": {"temperature": 1.0, "top_p": 1.0, '
        '"max_new_tokens": 256, "policy": "org/p", "n": 4, "seed": 1034138191}, "shadow": 80}',
        "bda3b24f2363279615d7f7feb4c8ecb91daa88bb324624e4f751c8a2d3c619c9",
    )
    assert stored(new_runs.ranking(situation)) == (
        '{"reward_model": 81, "shadow": 80}',
        "4438c76067cf3a458d6953ac8e646f152c8b2a9ea9e560dc67a7a2f2af3eedf3",
    )


def test_a_ranking() -> None:
    assert stored(new_runs.ranking(situation_of(make_project()))) == (
        '{"reward_model": 81}',
        "4438c76067cf3a458d6953ac8e646f152c8b2a9ea9e560dc67a7a2f2af3eedf3",
    )


def test_a_comparison_of_two_policies() -> None:
    project = make_project(comparison_size=40, max_new_tokens=64)
    situation_of(project, state="comparing")
    candidate = Policy.objects.create(
        pk=CANDIDATE, project=project, version=3, name="p", location="org/new", parent_id=CURRENT
    )
    Round.objects.update(candidate=candidate)
    assert stored(new_runs.comparison(Situation(project))) == (
        '{"pairs": 40, "candidate": 93, "reward_model": 81, "sample": {"temperature": 1.0, '
        '"top_p": 1.0, "max_new_tokens": 64, "n": 1, "seed": 1488231676}}',
        "58b49cfca0575429bafe338ffb3802e8c8e9662389f3b0d9e1d7b5bd5d6f50c6",
    )
