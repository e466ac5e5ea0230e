"""What runs are asked: written by one class per kind of run, and read by one class for all."""

import json
from dataclasses import replace

import pytest

from modeling.run_data.asked import (
    ComparisonAsked,
    EstimateAsked,
    ImprovementAsked,
    RankingAsked,
    RunAsked,
    SampleAsked,
    SamplingAsked,
    TrainingAsked,
    TrainPolicyAsked,
)
from modeling.run_data.config import RunConfig
from modeling.run_data.result import Stored
from modeling.run_data.sample import SampleConfig
from modeling.run_data.train_policy import TrainPolicyConfig
from modeling.run_data.train_reward import TrainRewardConfig

SAMPLE = SampleAsked(temperature=1.0, top_p=0.9, max_new_tokens=64, n=2, seed=7)
PROGRAM = TrainPolicyAsked(
    algorithm="rloo", kl_coefficient=0.1, kl_budget=None, temperature=1.0, max_new_tokens=64,
    length_ratio=1.5, length_start=None, variance_ratio=2.0,
)  # fmt: skip
ESTIMATE = EstimateAsked(
    temperature=1.0, max_new_tokens=64, algorithm="best_of_n", best_of=4, pool_prompts=32
)
IMPROVEMENT = ImprovementAsked(
    train_policy=PROGRAM, prompts=32, policy=3, reference=1, reward_model=None
)
WRITTEN = [
    TrainingAsked(base_model="org/p", heads=8, seed=7, incumbent=3),
    SamplingAsked(prompts=30, reward_model=4, sample=replace(SAMPLE, policy="org/p"), shadow=2),
    RankingAsked(reward_model=4),
    IMPROVEMENT,
    replace(IMPROVEMENT, train_policy=ESTIMATE),
    ComparisonAsked(pairs=40, candidate=5, reward_model=None, sample=SAMPLE),
]


@pytest.mark.parametrize(
    ("asked", "program", "others"),
    [
        (TrainingAsked, TrainRewardConfig, {"incumbent"}),
        (SampleAsked, SampleConfig, set()),
        (TrainPolicyAsked, TrainPolicyConfig, set()),
        (EstimateAsked, TrainPolicyConfig, set()),
    ],
)
def test_a_program_is_asked_for_nothing_that_it_does_not_know(
    asked: type[Stored], program: type[RunConfig], others: set[str]
) -> None:
    assert set(asked.names()) - set(program.names()) == others


@pytest.mark.parametrize("asked", WRITTEN, ids=lambda asked: type(asked).__name__)
def test_what_is_written_is_read_by_the_same_names(asked: Stored) -> None:
    stored = json.loads(json.dumps(asked.as_json()))
    read = RunAsked.read_stored(stored)
    known = {name: value for name, value in stored.items() if name in RunAsked.names()}
    assert {name: getattr(read, name) for name in known} == known
    settings = stored.keys() - known.keys()
    assert not settings or isinstance(asked, TrainingAsked), "a training's settings stand flat"


def test_only_an_estimate_is_read_as_one() -> None:
    estimates = [RunAsked.read_stored(asked.as_json()).only_estimates for asked in WRITTEN]
    assert estimates == [False, False, False, False, True, False]


def test_what_is_at_the_programs_own_default_is_left_out() -> None:
    """So a setting that comes later gives no run another name."""
    assert TrainingAsked(base_model="org/p").as_json() == {"base_model": "org/p"}
    assert "adapter" not in PROGRAM.as_json()
    assert RankingAsked(reward_model=4).as_json() == {"reward_model": 4}


def test_a_null_that_means_something_is_written() -> None:
    """No budget and no reward model are answers, and have always been part of the digest."""
    written = IMPROVEMENT.as_json()
    assert written["reward_model"] is None
    assert written["train_policy"]["kl_budget"] is None
    assert written["train_policy"]["length_start"] is None


def test_false_is_no_default() -> None:
    assert TrainingAsked(base_model="p", bootstrap=False).as_json()["bootstrap"] is False
    assert ESTIMATE.as_json()["distill"] is False


def test_the_settings_of_a_stored_training_are_all_but_what_its_run_added() -> None:
    """Also those of an earlier version that nobody knows any more: they made another model."""
    stored = {"base_model": "p", "seed": 7, "incumbent": 3, "a_setting_of_then": True}
    assert TrainingAsked.settings_in(stored) == {"base_model": "p", "a_setting_of_then": True}
    assert TrainingAsked.settings_in({}) == {}


@pytest.mark.parametrize("field", ["heds", "reward_heads", "learning-rate"])
def test_a_slip_in_a_settings_name_is_no_run(field: str) -> None:
    with pytest.raises(TypeError, match=field):
        TrainingAsked(base_model="p", **{field: 1})  # type: ignore[arg-type]
