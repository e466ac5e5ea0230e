"""A config.json is read strictly: what is wrong is said by field, with what is allowed."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeling.run_data.config import ConfigRefused, RunConfig
from modeling.run_data.limits import Limit, number, one_of, or_null, texts, whole
from modeling.run_data.programs import CONFIGS
from modeling.run_data.sample import SampleConfig
from modeling.run_data.score import ScoreConfig
from modeling.run_data.train_policy import TrainPolicyConfig
from modeling.run_data.train_reward import TrainRewardConfig

KINDS = list(CONFIGS.values())
SMALLEST: dict[type[RunConfig], dict[str, Any]] = {
    ScoreConfig: {"reward_models": ["runs/1/model"]},
    SampleConfig: {"policy": "some-org/some-model"},
    TrainRewardConfig: {"base_model": "some-org/some-model"},
    TrainPolicyConfig: {"algorithm": "ppo", "policy": "p", "reward_models": ["r"]},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_has_a_limit_and_every_limit_a_field(kind: type[RunConfig]) -> None:
    assert {one.name for one in fields(kind)} == set(kind.limits)


@pytest.mark.parametrize("kind", KINDS)
def test_a_config_is_written_as_it_was_read(kind: type[RunConfig]) -> None:
    config = kind.read(SMALLEST[kind])
    assert config.given() == SMALLEST[kind]
    as_json = json.loads(json.dumps(config.as_json()))
    assert kind.read(as_json) == config
    assert as_json.keys() == kind.limits.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_of_the_wrong_type_is_refused_in_every_field(kind: type[RunConfig]) -> None:
    for name, limit in kind.limits.items():
        with pytest.raises(ConfigRefused) as refused:
            kind.read(SMALLEST[kind] | {name: object()})
        assert refused.value.where == f"config.json: {name}"
        assert f"'{name}' must be {limit.words}, not" in refused.value.message


def test_an_unknown_field_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ConfigRefused, match="unknown key 'top_k'") as refused:
        SampleConfig.read({"policy": "p", "top_k": 5})
    assert (refused.value.where, "top_p" in refused.value.hint) == ("config.json: top_k", True)


def test_a_missing_field_is_named_with_what_it_may_hold() -> None:
    with pytest.raises(ConfigRefused) as refused:
        ScoreConfig.read({})
    said = "config.json lacks 'reward_models': it must be a list of texts, at least 1."
    assert refused.value.message == said


@pytest.mark.parametrize("given", [[], None, "policy", 5])
def test_what_is_no_object_is_refused(given: object) -> None:
    with pytest.raises(ConfigRefused, match="not a JSON object"):
        SampleConfig.read(given)


def test_a_config_made_in_code_is_checked_like_one_that_is_read() -> None:
    with pytest.raises(
        ConfigRefused, match="'uwo_weight' must be a number, at least 0, at most 100, not -1"
    ):
        ScoreConfig(reward_models=("a",), uwo_weight=-1)
    with pytest.raises(ConfigRefused, match="either 'policy' or 'policies'"):
        replace(SampleConfig(policy="a"), policy=None)


def test_a_long_value_does_not_fill_the_message() -> None:
    with pytest.raises(ConfigRefused) as refused:
        SampleConfig.read({"policy": "p", "n": "x" * 10_000})
    assert len(refused.value.message) < 200


@pytest.mark.parametrize(
    ("limit", "words", "good", "bad"),
    [
        (whole(), "a whole number from 1", [1, 10**9], [0, True, 1.0, "1", None]),
        (whole(0, 2), "a whole number from 0 to 2", [0, 2], [-1, 3, False]),
        (number(), "a number", [0, -1.5], [float("nan"), float("inf"), 10**400, "1", True]),
        (number(above=0, most=1), "a number, above 0, at most 1", [0.1, 1], [0, 1.1]),
        (number(least=0, below=0.5), "a number, at least 0, below 0.5", [0, 0.49], [-0.1, 0.5]),
        (one_of("a", "b", "c"), '"a", "b" or "c"', ["a"], ["d", None, 1, ["a"]]),
        (or_null(whole()), "null or a whole number from 1", [None, 1], [0]),
        (texts(1), "a list of texts, at least 1", [("a",), ["a"]], [[], "a", [""], [1]]),
    ],
)
def test_a_limit_says_what_it_holds(
    limit: Limit, words: str, good: list[Any], bad: list[Any]
) -> None:
    assert limit.words == words
    assert all(limit(value) for value in good)
    assert not any(limit(value) for value in bad)


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = PLAIN | st.lists(PLAIN, max_size=3) | st.dictionaries(st.text(max_size=5), PLAIN, max_size=3)


@given(data=st.data(), value=JSON)
@pytest.mark.parametrize("kind", KINDS)
def test_any_json_is_taken_or_refused_by_its_field(
    kind: type[RunConfig], data: st.DataObject, value: Any
) -> None:
    name = data.draw(st.sampled_from(sorted(kind.limits)))
    where, config = "", None
    try:
        config = kind.read(SMALLEST[kind] | {name: value})
    except ConfigRefused as refused:
        where = refused.where
    assert name in where or (config is not None and kind.read(config.as_json()) == config)
