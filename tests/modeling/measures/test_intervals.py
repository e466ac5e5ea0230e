"""Paired differences and the interval that may be looked at at any time."""

import math

import numpy as np
import pytest

from labeling.quality.measures import intervals
from labeling.quality.measures.intervals import wilson
from modeling.measures.intervals import (
    accuracy_interval,
    anytime_radius,
    difference_interval,
)


def test_the_anytime_radius_by_hand() -> None:
    """n = 100, rho = 1/4: spread 7.25; 1/2 sqrt(14.5 / 625 * log(sqrt(7.25) / 0.05)) = 0.15205."""
    by_hand = 0.5 * math.sqrt(14.5 / 625 * (math.log(math.sqrt(7.25)) + math.log(20)))
    assert anytime_radius(100) == pytest.approx(by_hand)
    assert anytime_radius(100) == pytest.approx(0.15205, abs=1e-5)
    assert anytime_radius(100, span=4.0) == pytest.approx(4 * 0.15205, abs=1e-4)


def test_looking_after_every_judgment_is_wrong_at_most_one_time_in_twenty() -> None:
    """600 streams of 1,500 fair coins, looked at after each: an ordinary 95 % interval would have
    excluded the truth at some moment in well over half of them."""
    tosses = np.random.default_rng(8).random((600, 1500)) < 0.5
    means = tosses.cumsum(axis=1) / np.arange(1, 1501)
    radius = np.array([anytime_radius(n) for n in range(1, 1501)])
    ordinary = 1.96 * 0.5 / np.sqrt(np.arange(1, 1501))
    assert (np.abs(means - 0.5) > radius).any(axis=1).mean() <= 0.05
    assert (np.abs(means - 0.5) > ordinary)[:, 20:].any(axis=1).mean() > 0.4


def test_a_difference_has_an_interval_around_its_mean() -> None:
    found = difference_interval([[1.0]] * 10 + [[-1.0]] * 10 + [[0.0]] * 80)
    assert found["value"] == 0.0
    assert found["error"] == pytest.approx(math.sqrt(0.2 / 100), rel=0.1)
    assert found["low"] == pytest.approx(-1.96 * found["error"], rel=0.2)


def test_models_that_never_differ_are_not_known_to_be_equal() -> None:
    """Wilson's upper end of 0 among 20: 1.96^2 / (20 + 1.96^2) = 0.161."""
    found = difference_interval([[0.0]] * 20)
    assert (found["low"], found["high"]) == pytest.approx((-0.161, 0.161), abs=1e-3)


def test_a_difference_of_shares_stays_between_minus_one_and_one() -> None:
    assert difference_interval([[1.0]] * 3)["high"] == 1.0


@pytest.mark.parametrize("others", [0, 1, 8, 39, 400])
def test_one_pair_that_differs_says_nothing_for_sure(others: int) -> None:
    found = difference_interval([[1.0], *[[0.0]] * others])
    assert found["low"] < 0 < found["value"] <= found["high"]


@pytest.mark.parametrize("prompts", [1, 3, 5])
def test_up_to_five_prompts_that_all_say_the_same_are_not_sure(prompts: int) -> None:
    """The sign test of five: 2 * 0.5 ** 5 = 6 %."""
    found = difference_interval([[-1.0, -1.0, -1.0]] * prompts)
    assert (found["low"], found["high"] >= 0) == (-1.0, True)


def test_the_interval_of_a_few_differences_by_hand() -> None:
    """6 gains of 20, Wilson [0.145, 0.519]; no loss of 20, Wilson [0, 0.161]. Below: the root of
    (0.3 - 0.145)^2 + 0.161^2 = 0.2235; above: 0.519 - 0.3."""
    found = difference_interval([[1.0]] * 6 + [[0.0]] * 14)
    assert (found["low"], found["high"]) == pytest.approx((0.3 - 0.2235, 0.519), abs=1e-3)


def test_a_few_differences_are_covered_as_often_as_they_should_be() -> None:
    random, missed, tries = np.random.default_rng(3), 0, 400
    for _ in range(tries):
        drawn = random.choice([1.0, -1.0, 0.0], size=12, p=[0.3, 0.1, 0.6])
        found = difference_interval([[value] for value in drawn])
        missed += not found["low"] <= 0.2 <= found["high"]
    assert missed / tries <= 0.05


def test_a_bootstrap_of_two_prompts_is_not_taken_at_its_word() -> None:
    """Shares of 3/4 and 4/5: drawing the two again and again never leaves [0.75, 0.8]."""
    found = accuracy_interval([[1.0, 1.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0, 0.0]])
    assert found["low"] < 0.3
    assert found["high"] > 0.95


def test_one_mistake_among_many_does_not_leave_a_perfect_model_possible() -> None:
    assert accuracy_interval([[0.0]] + [[1.0]] * 39)["high"] < 1.0


def test_one_accuracy_has_one_interval_whatever_the_order_of_its_prompts() -> None:
    values = [[float(at % 3 == 0), float(at % 7 == 0)][: 1 + at % 2] for at in range(90)]
    assert accuracy_interval(values) == accuracy_interval(values[::-1])


def test_many_prompts_are_drawn_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [[float(at % 3 == 0)] for at in range(300)]
    whole = accuracy_interval(values)
    monkeypatch.setattr(intervals, "CHUNK", 2 * 7)
    assert accuracy_interval(values) == whole


def test_an_interval_of_nothing_says_nothing() -> None:
    nothings: list[list[list[float]]] = [[], [[]]]
    for nothing in nothings:
        assert accuracy_interval(nothing) is None
        assert difference_interval(nothing) is None
    assert wilson(0.0, 0) == (0.0, 1.0)
    assert anytime_radius(0) == math.inf


def test_one_accuracy_has_one_interval_in_whatever_order_its_prompts_come() -> None:
    prompts = [[1.0, 0.0], [1.0], [0.5, 0.1, 0.7], [0.0], [1.0]] * 5
    assert accuracy_interval(prompts) == accuracy_interval(prompts[::-1])
    assert accuracy_interval([*prompts, []]) == accuracy_interval(prompts)
