"""Paired differences and the interval that may be looked at at any time."""

import math

import numpy as np
import pytest

from modeling.core import intervals
from modeling.core.intervals import accuracy_interval, anytime_radius, difference_interval


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


def test_many_prompts_are_drawn_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [[float(at % 3 == 0)] for at in range(300)]
    whole = accuracy_interval(values)
    monkeypatch.setattr(intervals, "MOST_DRAWN", 300 * 7)
    assert accuracy_interval(values) == whole
