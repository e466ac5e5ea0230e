"""Values that are allowed alone and not together: what is wrong, where, and what to do."""

from typing import Any

import pytest

from modeling.run_data.asked import RunAsked
from modeling.run_data.config import ConfigRefused, as_plain, shown
from modeling.run_data.result import Stored
from modeling.run_data.sample import SampleConfig, SampleResult
from modeling.run_data.stored import Evaluation, PolicyFigures
from modeling.run_data.train_policy import TrainPolicyConfig
from modeling.run_data.train_reward import TrainRewardConfig


def policy(**fields: Any) -> TrainPolicyConfig:
    return TrainPolicyConfig(**{"policy": "p", "reward_models": ("r",)} | fields)


@pytest.mark.parametrize(
    ("fields", "where", "hint"),
    [
        ({"algorithm": "ppo", "reward_models": ()}, "reward_models", 'use "dpo"'),
        ({"algorithm": "best_of_n", "reward_models": ()}, "reward_models", "at least one folder"),
        ({"algorithm": "rloo", "responses_per_prompt": 1}, "responses_per_prompt", "Set it to 4"),
        ({"algorithm": "dpo", "kl_coefficient": 0}, "kl_coefficient", "Set it to 0.1"),
    ],
)
def test_an_algorithm_names_what_it_needs(fields: dict[str, Any], where: str, hint: str) -> None:
    with pytest.raises(ConfigRefused) as refusal:
        policy(**fields)
    assert refusal.value.where == f"config.json: {where}"
    assert hint in refusal.value.hint


@pytest.mark.parametrize(
    "fields",
    [
        {"algorithm": "dpo", "reward_models": ()},
        {"algorithm": "ppo", "responses_per_prompt": 1},
        {"algorithm": "rloo", "responses_per_prompt": 2},
        {"algorithm": "ppo", "kl_coefficient": 0},
    ],
)
def test_what_one_algorithm_cannot_take_another_can(fields: dict[str, Any]) -> None:
    assert policy(**fields).is_online == (fields["algorithm"] in ("ppo", "rloo"))


def test_heads_or_members() -> None:
    with pytest.raises(ConfigRefused, match="several heads and several members") as refusal:
        TrainRewardConfig(base_model="m", heads=2, members=2)
    assert refusal.value.where == "config.json: heads, members"


def test_a_frozen_model_has_no_adapter() -> None:
    with pytest.raises(ConfigRefused, match="no use for adapters"):
        TrainRewardConfig(base_model="m", method="frozen", adapter="qlora")


@pytest.mark.parametrize("fields", [{}, {"policy": "p", "policies": {"a": "p", "b": "q"}}])
def test_responses_are_drawn_from_one_policy_or_from_several(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigRefused, match="either 'policy' or 'policies'"):
        SampleConfig(**fields)


def test_a_single_policy_goes_by_its_location() -> None:
    assert SampleConfig(policy="org/model").sources == {"org/model": "org/model"}
    several = {"new": "runs/2/model", "old": "runs/1/model"}
    assert SampleConfig(policies=several).sources == several


def test_a_value_in_a_message_is_no_longer_than_a_line() -> None:
    assert shown("ä") == '"ä"'
    assert shown(None) == "null"
    assert len(shown("x" * 78)) == 80
    assert shown("x" * 79) == '"' + "x" * 76 + "..."
    assert shown({1, 2}) == '"{1, 2}"'


def test_tuples_become_lists_at_every_depth() -> None:
    assert as_plain((1, (2, [3, (4,)]))) == [1, [2, [3, [4]]]]
    assert as_plain("ab") == "ab"


@pytest.mark.parametrize("stored", [None, [], "text", 5, True])
def test_what_is_no_object_is_read_as_an_empty_one(stored: object) -> None:
    assert RunAsked.read_stored(stored) == RunAsked.read_stored({})


@pytest.mark.parametrize("stored", ["many", True, [3], {"n": 3}, None])
def test_a_count_of_another_kind_is_read_as_none(stored: object) -> None:
    config = RunAsked.read_stored({"prompts": stored, "pairs": 7})
    assert (config.prompts, config.pairs) == (0, 7)
    assert SampleResult.read_stored({"tokens": stored}).tokens == 0


@pytest.mark.parametrize("stored", [0, 5, -1, 2.0])
def test_a_count_is_read_as_it_is(stored: float) -> None:
    assert RunAsked.read_stored({"prompts": stored}).prompts == stored


@pytest.mark.parametrize("stored", ["{}", [1], 5, None, True])
def test_figures_of_another_kind_are_read_as_empty(stored: object) -> None:
    evaluation = Evaluation.read_stored({"accuracy": stored, "split": stored})
    assert evaluation.accuracy == {}
    assert evaluation.split == (stored if isinstance(stored, str) else "")
    assert evaluation.temperature is None


def test_a_default_is_each_results_own() -> None:
    first, second = (Evaluation.read_stored({}) for _ in range(2))
    first.slices["tag"] = []
    assert second.slices == Evaluation.read_stored({}).slices == {}


@pytest.mark.parametrize(
    ("stopped", "reason"),
    [("It went too far.", "It went too far."), ({"reason": "Length."}, "Length."),
     ({"reason": None}, ""), ({}, ""), (None, ""), ("", "")],
)  # fmt: skip
def test_why_a_policy_stopped_itself(stopped: object, reason: str) -> None:
    assert PolicyFigures.read_stored({"stopped": stopped}).why_stopped == reason


@pytest.mark.parametrize(("distill", "expected"), [(False, True), (True, False), (None, False)])
def test_a_run_that_only_estimates_says_so_itself(distill: bool | None, expected: bool) -> None:
    config = RunAsked.read_stored({"train_policy": {"distill": distill}})
    assert config.only_estimates is expected


def test_names_are_those_of_the_fields_in_their_order() -> None:
    assert Stored.names() == []
    assert Evaluation.names()[:2] == ["split", "accuracy"]
