"""How far a policy may move: what counts as beyond a bound, and what may be chance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeling.measures.limits import (
    LENGTH_RATIO,
    LENGTH_SLACK,
    NOISE,
    Bounds,
    is_beyond,
    length_drifts,
    variance_growth,
)

lengths = st.floats(1.0, 5000.0)
errors = st.floats(0.0, 50.0)


@pytest.mark.parametrize(
    ("kl", "error", "budget", "expected"),
    [
        (10.0, 0.0, 10.0, False),  # the budget itself is allowed
        (10.01, 0.0, 10.0, True),
        (12.0, 1.0, 10.0, False),  # two standard errors reach down to the budget
        (12.01, 1.0, 10.0, True),
        (1e9, 0.0, None, False),
        (0.1, 0.0, 0.0, True),  # a budget of nothing is a budget
    ],
)
def test_a_kl_is_beyond_its_budget_by_more_than_two_standard_errors(
    kl: float, error: float, budget: float | None, expected: bool
) -> None:
    assert is_beyond(kl, error, budget) is expected


@given(st.floats(0.0, 100.0), errors, st.floats(0.0, 100.0))
def test_what_is_less_certain_is_never_beyond_sooner(
    kl: float, error: float, budget: float
) -> None:
    if is_beyond(kl, error, budget):
        assert is_beyond(kl, error / 2, budget)


@pytest.mark.parametrize(
    ("start", "now", "expected"),
    [
        (100.0, 149.0, False),
        (100.0, 150.0, True),  # half as long again
        (100.0, 67.0, False),
        (100.0, 66.0, True),  # a third shorter
        (10.0, 18.0, False),  # nearly twice as long, and only by the slack
        (10.0, 18.1, True),
        (0.0, 8.0, False),
        (0.0, 9.0, True),  # a policy that wrote nothing before
        (9.0, 0.0, True),  # and one that writes nothing now
    ],
)
def test_a_length_drifts_by_the_ratio_and_by_the_slack(
    start: float, now: float, expected: bool
) -> None:
    assert length_drifts(start, now, LENGTH_RATIO) is expected


@given(lengths, lengths)
def test_a_length_within_the_slack_never_drifts(start: float, by: float) -> None:
    now = start + min(by, LENGTH_SLACK)
    assert not length_drifts(start, now, 1.0001) or now - start > LENGTH_SLACK


@given(lengths, lengths, errors)
def test_a_drift_that_chance_may_explain_is_none(start: float, now: float, error: float) -> None:
    if length_drifts(start, now, LENGTH_RATIO, error=error):
        assert length_drifts(start, now, LENGTH_RATIO)
        assert abs(now - start) > NOISE * error


@pytest.mark.parametrize(
    ("before", "now", "error", "expected"),
    [
        (0.5, 1.0, 0.0, 2.0),
        (0.5, 1.0, 0.25, 1.0),
        (0.5, 1.0, 9.0, 0.0),  # never a negative growth
        (0.0, 1.0, 0.0, None),
        (0.5, 0.0, 0.0, None),
    ],
)
def test_a_variance_grows_by_what_is_certain_of_it(
    before: float, now: float, error: float, expected: float | None
) -> None:
    assert variance_growth(before, now, error) == expected


def test_bounds_that_are_not_set_stop_nothing() -> None:
    assert not Bounds().length_is_off(1e6, 0.0)
    assert not Bounds(variance=1.0).members_part(1e6, 0.0)


def test_a_single_reward_model_never_disagrees_with_itself() -> None:
    bounds = Bounds(variance_ratio=2.0, variance=0.0)
    assert not bounds.members_part(5.0, 0.0)


@pytest.mark.parametrize(("now", "expected"), [(1.99, False), (2.0, True), (2.01, True)])
def test_members_part_at_the_ratio_itself(now: float, expected: bool) -> None:
    assert Bounds(variance_ratio=2.0, variance=1.0).members_part(now, 0.0) is expected
