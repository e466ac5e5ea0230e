"""How figures of learning read on a page, at the edges of each wording."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from modeling.models import Policy, RewardModel, Round, Run
from modeling.reward_models.accuracy import Accuracy
from modeling.templatetags import learning

TONES = {"neutral", "accent", "success", "warning", "danger"}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (-3, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (599, "9 min 59 s"),
        (600, "10 min"),
        (3599, "59 min"),
        (3599.6, "1 h 0 min"),
        (7500, "2 h 5 min"),
        (360_000, "100 h 0 min"),
    ],
)
def test_a_duration_reads_in_two_units_at_most(seconds: float | None, words: str) -> None:
    assert learning.duration(seconds) == words


@given(st.floats(0, 1e7))
def test_no_duration_has_sixty_of_a_unit(seconds: float) -> None:
    assert "60" not in learning.duration(seconds).split()[:1] or seconds > 3600
    assert not learning.duration(seconds).endswith(("60 s", "60 min"))


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0, "p < 0.001"), (0.00099, "p < 0.001"), (0.001, "p = 0.001"), (1.0, "p = 1.000")],
)
def test_a_p_value_is_never_given_as_zero(value: float, words: str) -> None:
    assert learning.p_value(value) == words


@given(st.floats(0, 1))
def test_odds_add_up_to_a_hundred(share: float) -> None:
    left, right = learning.odds(share).split(" : ")
    assert int(left) + int(right) == 100


@pytest.mark.parametrize(
    ("share", "digits", "words"),
    [(None, 0, ""), (0.0, 0, "0 %"), (0.5555, 1, "55.5 %"), (1.0, 0, "100 %")],
)
def test_a_share_reads_in_per_cent(share: float | None, digits: int, words: str) -> None:
    assert learning.percent(share, digits) == words


@pytest.mark.parametrize(
    ("share", "words"), [(None, ""), (0.012, "+1.2"), (-0.012, "-1.2"), (0.0, "+0.0")]
)
def test_a_difference_has_its_sign(share: float | None, words: str) -> None:
    assert learning.in_points(share) == words


@pytest.mark.parametrize(
    ("number", "words"), [(None, ""), (0, "0"), (999, "999"), (1840, "1,840"), (1.5, "1.5")]
)
def test_thousands_have_a_comma(number: float | None, words: str) -> None:
    assert learning.thousands(number) == words


def figure(value: float, low: float | None, high: float | None) -> Accuracy:
    return Accuracy(value=value, low=low, high=high, n=20, split="test")


@pytest.mark.parametrize("bounds", [(None, None), (0.6, None), (None, 0.8)])
def test_an_estimate_without_a_whole_interval_has_none(
    bounds: tuple[float | None, float | None],
) -> None:
    assert learning.estimate(figure(0.7, *bounds)) == "70.0 %"


def test_an_estimate_of_nothing_says_nothing() -> None:
    assert learning.estimate(None) == ""


def test_an_interval_is_given_by_its_ends_when_it_reaches_further_to_one_side() -> None:
    assert "±" in learning.estimate(figure(0.70, 0.66, 0.755))
    assert "±" not in learning.estimate(figure(0.70, 0.66, 0.765))


def test_points_are_signed_on_both_ends() -> None:
    difference = {"value": 0.014, "low": -0.003, "high": 0.031}
    assert learning.points(difference) == "+1.4 [-0.3, +3.1]"


def test_a_win_rate_has_its_interval() -> None:
    assert learning.win_rate(figure(0.58, 0.53, 0.63)) == "58 % [53, 63]"


@pytest.mark.parametrize(
    "state",
    [*Run.State.values, *Round.State.values, *RewardModel.Status.values, *Policy.Status.values],
)
def test_every_state_has_a_tone_that_the_page_knows(state: str) -> None:
    assert learning.tone(state) in TONES


def test_what_failed_is_red_and_what_nobody_knows_is_grey() -> None:
    assert learning.tone(Run.State.FAILED) == learning.tone(Round.State.FAILED) == "danger"
    assert learning.tone("unheard of") == "neutral"


def test_an_algorithm_that_came_later_goes_by_its_own_name() -> None:
    assert learning.algorithm("best_of_n") == "best of n"
    assert learning.algorithm("grpo") == "grpo"


def test_only_a_run_that_has_ended_took_some_time() -> None:
    began = timezone.now()
    assert learning.took(Run(started_at=None, finished_at=None)) is None
    assert learning.took(Run(started_at=began, finished_at=None)) is None
    assert learning.took(Run(started_at=None, finished_at=began)) is None, "cancelled in the queue"
    ended = began + timedelta(seconds=90)
    assert learning.took(Run(started_at=began, finished_at=ended)) == 90.0


@pytest.mark.parametrize(("seconds", "words"), [(None, ""), (0.0, " · finishing")])
def test_the_time_left_stands_behind_a_dot(seconds: float | None, words: str) -> None:
    assert learning.time_left(seconds) == words


def spec(*series: dict[str, Any], labels: list[Any]) -> dict[str, Any]:
    return {"labels": labels, "series": list(series)}


def test_rows_have_the_interval_beside_the_value() -> None:
    rated = {"data": [70.0, 71.0], "band": [[65.0, 75.0], [None, None]]}
    chance = {"data": [50, 50]}
    assert learning.spec_rows(spec(rated, chance, labels=["v1", "v2"])) == [
        ("v1", ["70.0 [65.0, 75.0]", 50]),
        ("v2", [71.0, 50]),
    ]


def test_a_point_that_only_a_drawn_curve_has_is_no_row() -> None:
    measured = {"data": [1.0, None, 3.0]}
    fitted = {"data": [1.1, 2.0, None], "smooth": True}
    rows = learning.spec_rows(spec(measured, fitted, labels=[0, 1, 2]))
    assert rows == [(0, [1.0, 1.1]), (2, [3.0, None])]


def test_a_chart_of_curves_alone_has_no_rows() -> None:
    assert learning.spec_rows(spec({"data": [1], "smooth": True}, labels=[0])) == []


def test_an_estimate_takes_whatever_has_a_value_and_an_interval() -> None:
    assert learning.estimate(SimpleNamespace(value=0.5, low=0.4, high=0.6), 0) == "50 % ± 10"
