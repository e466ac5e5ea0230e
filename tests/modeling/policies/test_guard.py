"""Gao's curves and the alarms, on numbers worked out by hand."""

import math

import numpy as np
import pytest

from modeling.policies.comparing import WinRate
from modeling.policies.guard import Curve, Form, Limits, VersionRecord, alarms_of, fit_curve


def record(version: int = 2, **values: object) -> VersionRecord:
    plain = {"reward": 1.0, "reward_before": 0.5, "spread": 0.3, "spread_before": 0.3}
    return VersionRecord(**({"version": version} | plain | values))  # type: ignore[arg-type]


def kinds(history: list[VersionRecord], **limits: float) -> list[str]:
    return [alarm.kind for alarm in alarms_of(history, Limits(**limits))]  # type: ignore[arg-type]


def test_the_best_of_n_curve_by_hand() -> None:
    """alpha 2, beta 0.5: R(4 nats) = 2 (2 - 1) = 2, highest at d = 2, and 0 again at d = 4."""
    curve = Curve(Form.BEST_OF_N, 2.0, 0.5, 0.0)
    assert curve.at(4.0) == 2.0
    assert curve.at(16.0) == 0.0
    assert curve.optimum is not None
    assert (curve.optimum.kl, curve.optimum.gain) == (4.0, 2.0)


def test_the_rl_curve_by_hand() -> None:
    """alpha = beta = 1: highest at log d = 0, d = 1, with R = 1; R(e^2 nats) = e (1 - 1) = 0."""
    curve = Curve(Form.RL, 1.0, 1.0, 0.0)
    assert curve.at(math.e**2) == pytest.approx(0.0)
    assert curve.at(0.0) == 0.0
    assert curve.optimum is not None
    assert curve.optimum.kl == pytest.approx(1.0)
    assert curve.optimum.gain == pytest.approx(1.0)


@pytest.mark.parametrize("form", list(Form))
def test_a_curve_is_found_again_in_noise(form: Form) -> None:
    kl = np.linspace(0.0, 12.0, 60)
    truth = Curve(form, 1.4, 0.3, 0.0)
    noise = np.random.default_rng(3).normal(0, 0.02, len(kl))
    noisy = [truth.at(x) + error for x, error in zip(kl, noise, strict=True)]
    found = fit_curve(list(kl), noisy, form)
    assert found is not None
    assert (found.alpha, found.beta) == pytest.approx((1.4, 0.3), abs=0.03)
    assert found.error == pytest.approx(0.02, rel=0.4)


def test_a_point_with_a_large_error_weighs_little() -> None:
    truth = Curve(Form.BEST_OF_N, 1.0, 0.1, 0.0)
    kl = [0.2, 0.7, 1.3, 1.8, 2.5]
    gain = [truth.at(x) for x in kl]
    gain[-1] += 3.0
    found = fit_curve(kl, gain, Form.BEST_OF_N, [0.01, 0.01, 0.01, 0.01, 5.0])
    assert found is not None
    assert found.alpha == pytest.approx(1.0, abs=0.02)


def test_a_curve_that_only_rises_has_no_optimum() -> None:
    assert Curve(Form.BEST_OF_N, 1.0, -0.1, 0.0).optimum is None
    assert Curve(Form.BEST_OF_N, -1.0, 0.1, 0.0).optimum is None


def test_too_few_points_and_impossible_ones() -> None:
    assert fit_curve([0.0, 0.2, 0.7], [0.0, 0.1, 0.2], Form.BEST_OF_N) is None
    with pytest.raises(ValueError, match="one length"):
        fit_curve([1.0], [1.0, 2.0], Form.RL)
    with pytest.raises(ValueError, match="finite"):
        fit_curve([1.0, -2.0, 3.0, 4.0], [1.0] * 4, Form.RL)
    with pytest.raises(ValueError, match="finite"):
        fit_curve([1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, math.nan], Form.RL)


def test_a_steady_version_raises_no_alarm() -> None:
    assert alarms_of([]) == []
    assert kinds([record(length=20, length_before=18, kl=1.0)], kl_budget=3.0) == []


def test_members_that_part_raise_an_alarm_at_twice_the_variance() -> None:
    """0.3 * sqrt(2) = 0.424."""
    assert kinds([record(spread=0.42)]) == []
    (alarm,) = alarms_of([record(spread=0.43)])
    assert alarm.kind == "variance"
    assert "2.1 times" in alarm.text
    assert kinds([record(spread=None)]) == [], "one model has no variance"


def test_a_kl_beyond_its_budget_raises_an_alarm() -> None:
    assert kinds([record(kl=5.0)]) == []
    assert kinds([record(kl=5.0)], kl_budget=4.0) == ["kl"]


def test_a_kl_beyond_its_budget_by_chance_raises_none() -> None:
    assert kinds([record(kl=4.3, kl_error=0.2)], kl_budget=4.0) == []
    assert kinds([record(kl=4.3, kl_error=0.1)], kl_budget=4.0) == ["kl"]


def test_length_is_measured_from_the_beginning_not_from_the_last_step() -> None:
    steps = [(20, 26), (26, 28.5), (28.5, 31)]
    history = [
        record(number, length=after, length_before=before)
        for number, (before, after) in enumerate(steps, start=2)
    ]
    assert kinds(history[:2]) == []
    assert kinds(history) == ["length"]
    assert kinds(history[2:]) == []
    assert kinds([record(length=5, length_before=30)]) == ["length"]
    assert kinds([record(length=9, length_before=3)]) == [], "a few tokens are no drift"


def test_a_reward_that_people_do_not_see_raises_an_alarm() -> None:
    assert kinds([record(win_rate=WinRate(0.48, 0.36, 0.6, 80))]) == ["win_rate"]
    assert kinds([record(win_rate=WinRate(0.48, 0.2, 0.8, 20))]) == [], "too few"
    assert kinds([record(win_rate=WinRate(0.48, 0.36, 0.6, 80), reward=0.4)]) == []
    assert kinds([record(win_rate=WinRate(0.6, 0.52, 0.7, 80))]) == []


def test_one_undecided_version_is_no_alarm_two_in_succession_are() -> None:
    undecided = WinRate(0.54, 0.44, 0.64, 100)
    better = WinRate(0.65, 0.52, 0.76, 60)
    assert kinds([record(2, win_rate=undecided)]) == []
    assert kinds([record(2, win_rate=better), record(3, win_rate=undecided)]) == []
    decided = [record(n, win_rate=undecided, is_preferred=True) for n in (2, 3)]
    assert kinds(decided) == [], "the test that may be looked at early has said better, twice"
    history = [record(2, win_rate=undecided), record(3), record(4, win_rate=undecided)]
    assert kinds(history) == ["win_rate"]


def test_a_training_that_stopped_itself_says_why() -> None:
    (alarm,) = alarms_of([record(stopped="The responses have become empty.")])
    assert alarm.text == "The responses have become empty."
