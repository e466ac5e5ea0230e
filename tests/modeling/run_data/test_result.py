"""A result of any version can be read; a program has to name every field of one."""

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeling.run_data.programs import RESULTS
from modeling.run_data.result import RunResult
from modeling.run_data.sample import SampleResult
from modeling.run_data.score import ScoreResult
from modeling.run_data.train_policy import TrainPolicyResult

KINDS = [*RESULTS.values(), TrainPolicyResult]


def test_a_program_cannot_leave_out_a_field() -> None:
    with pytest.raises(TypeError, match="truncated"):
        ScoreResult(count=1, left_out=[], warnings=[], seconds=1.0, config={})  # type: ignore[call-arg]


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_is_read_as_it_was_written(kind: type[RunResult]) -> None:
    first = kind.read_stored({"seconds": 3.5, "warnings": ["a"], "config": {"seed": 1}, "count": 7})
    assert kind.read_stored(first.as_json()) == first


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_of_nothing_and_one_of_nonsense_can_be_shown(kind: type[RunResult]) -> None:
    nonsense = {"warnings": None, "config": 5, "left_out": "x", "gone": 1}
    rows: list[object] = [{}, None, [], nonsense]
    for told in rows:
        stored = kind.read_stored(told)
        assert (stored.warnings, stored.config) == ([], {})


def test_what_is_missing_is_not_shared_between_results() -> None:
    ScoreResult.read_stored({}).warnings.append("of this one alone")
    assert ScoreResult.read_stored({}).warnings == []


def test_policies_are_only_there_where_there_are_several() -> None:
    one: dict[str, Any] = SampleResult.read_stored({"count": 3}).as_json()
    two = SampleResult.read_stored({"policies": {"a": {"count": 1}}}).as_json()
    assert ("policies" in one, two["policies"]) == (False, {"a": {"count": 1}})


@given(told=st.dictionaries(st.text(max_size=4), st.integers()), data=st.data())
@pytest.mark.parametrize("kind", KINDS)
def test_any_stored_json_can_be_read(
    kind: type[RunResult], told: dict[str, Any], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from([one.name for one in fields(kind)]))
    value = data.draw(st.none() | st.integers() | st.text(max_size=4) | st.lists(st.integers()))
    assert kind.read_stored(told | {name: value}).as_json().keys() <= set(kind.names())
