"""What the charts are drawn from: points, series, units, and what is left out."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeling.pages.chart_specs import (
    MAX_POINTS,
    chance_line,
    judgments_by_day,
    learning_curve,
    one_curve,
    percent,
    run_curves,
    thin,
)

curves = st.lists(st.floats(-1e3, 1e3), max_size=900).map(lambda values: [*enumerate(values)])


@given(curves, st.integers(1, 50))
def test_a_thinned_curve_has_no_more_points_and_ends_where_it_ended(
    curve: list[tuple[int, float]], most: int
) -> None:
    points = thin(curve, most)
    assert len(points) <= most
    assert [step for step, _ in points[-1:]] == [step for step, _ in curve[-1:]]
    assert [step for step, _ in points] == sorted({step for step, _ in points})


@given(curves)
def test_means_of_neighbours_stay_within_the_curve(curve: list[tuple[int, float]]) -> None:
    values = [value for _, value in curve]
    for _, value in thin(curve):
        assert min(values) - 1e-6 <= value <= max(values) + 1e-6


def test_a_short_curve_is_drawn_as_it_is() -> None:
    curve = [(step, float(step)) for step in range(MAX_POINTS)]
    assert thin(curve) == curve
    assert thin([]) == []
    assert thin([(1, 1.0), (2, 3.0), (3, 5.0)], most=2) == [(2, 2.0), (3, 5.0)]


def test_a_metric_has_a_series_for_each_split_over_all_steps() -> None:
    spec = run_curves(
        {"train/loss": [(1, 0.7), (2, 0.6)], "dev/loss": [(2, 0.65)], "dev/other": [(9, 1.0)]},
        "loss",
    )
    assert spec is not None
    assert spec["labels"] == [1, 2]
    assert spec["series"] == [
        {"name": "training", "data": [0.7, 0.6]},
        {"name": "held out", "data": [None, 0.65]},
    ]
    assert spec["y"] == {}


def test_accuracy_is_in_per_cent_beside_the_line_of_chance() -> None:
    spec = run_curves({"dev/accuracy": [(5, 0.71234)]}, "accuracy")
    assert spec is not None
    assert spec["series"] == [{"name": "held out", "data": [71.234]}, chance_line(1)]
    assert spec["y"] == {"unit": " %"}


@pytest.mark.parametrize("logged", [{}, {"train/loss": []}, {"train/accuracy": [(1, 0.5)]}])
def test_what_a_run_has_not_logged_is_not_drawn(logged: dict[str, Any]) -> None:
    assert run_curves(logged, "loss") is None
    assert one_curve(logged, "kl") is None


def test_a_metric_without_splits_goes_by_the_end_of_its_name() -> None:
    spec = one_curve({"policy/kl": [(1, 0.123456)]}, "policy/kl")
    assert spec is not None
    assert spec["series"] == [{"name": "kl", "data": [0.1235]}]


def point(comparisons: int, value: float | None = 0.7) -> dict[str, Any]:
    return {
        "comparisons": comparisons,
        "accuracy": None if value is None else {"value": value, "low": 0.6, "high": 0.8},
    }


@pytest.mark.parametrize("points", [[], [point(50)], [point(50), point(100, None)]])
def test_a_learning_curve_needs_two_points_with_a_figure(points: list[Any]) -> None:
    assert learning_curve(points) is None


def test_a_learning_curve_is_drawn_by_size_whatever_its_order() -> None:
    spec = learning_curve([point(200, 0.8), point(50, 0.6), point(100, None)])
    assert spec is not None
    assert spec["labels"] == [50, 200]
    assert spec["series"][0]["data"] == [60.0, 80.0]
    assert spec["x"]["log"]


def test_days_without_a_judgment_at_all_are_no_chart() -> None:
    assert judgments_by_day({}) is None
    assert judgments_by_day({date(2026, 3, 1): 0}) is None
    spec = judgments_by_day({date(2026, 3, 1): 0, date(2026, 3, 2): 5})
    assert spec is not None
    assert (spec["labels"], spec["series"][0]["data"]) == (["1 Mar", "2 Mar"], [0, 5])


@pytest.mark.parametrize(
    ("share", "shown"), [(None, None), (0.0, 0.0), (0.71249, 71.2), (1.0, 100.0)]
)
def test_a_share_is_drawn_with_one_digit(share: float | None, shown: float | None) -> None:
    assert percent(share) == shown
