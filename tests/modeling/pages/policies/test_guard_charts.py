"""The guard's curves: reward and win rate over the distance, and what else moved, by version."""

import math
from typing import Any

import pytest

from modeling.models import Policy
from modeling.pages.policies.guard_charts import (
    DistanceReport,
    VersionRow,
    kl_chart,
    length_chart,
    variance_chart,
)
from modeling.policies.comparing import WinRate
from modeling.policies.guard import VersionRecord
from modeling.templatetags.learning import spec_rows

ALPHA, BETA = 2.0, 1.0  # the optimum is at ln d = alpha / beta - 1, so d = e


def row(version: int, reward: float = 1.0, reference: int = 1, **record: Any) -> VersionRow:
    """A version whose reference's rewards have mean 0 and deviation 1."""
    told = {"reward_mean_reference": 0.0, "reward_std_reference": 1.0}
    policy = Policy(
        version=version, parent_id=version - 1, reference_id=reference, results=told
    )  # as if a run had made it
    return VersionRow(
        policy, VersionRecord(version=version, reward=reward, reward_before=0.0, **record)
    )


def gao(d: float) -> float:
    return d * (ALPHA - BETA * math.log(d))


def line(*distances: float) -> list[VersionRow]:
    """Versions on Gao's curve, the newest first."""
    numbered = enumerate(distances, start=2)
    return [row(n, reward=gao(d), kl=d * d, reference=1) for n, d in numbered][::-1]


def values(spec: Any, name: str) -> dict[float, float]:
    (series,) = [series for series in spec["series"] if series["name"] == name]
    pairs = zip(spec["labels"], series["data"], strict=True)
    return {label: value for label, value in pairs if value is not None}


def test_versions_lie_over_their_distance_with_the_reference_at_the_beginning() -> None:
    spec = DistanceReport(line(1.0, 2.0)).reward_chart
    assert spec is not None
    assert values(spec, "reward") == {0.0: 0.0, 1.0: round(gao(1), 3), 2.0: round(gao(2), 3)}
    assert [series["name"] for series in spec["series"]] == ["reward"], "two fit no curve"


def test_three_versions_have_a_curve_with_its_optimum_marked() -> None:
    report = DistanceReport(line(1.0, 2.0, 4.0))
    assert report.highest is not None and not report.highest.is_beyond
    assert math.sqrt(report.highest.kl) == pytest.approx(math.e)
    spec = report.reward_chart
    assert spec is not None
    assert values(spec, "optimum") == {round(math.e, 3): round(gao(math.e), 3)}
    assert max(values(spec, "d(α − β ln d)")) == 4.0


def test_the_curve_goes_on_to_an_optimum_that_is_near_and_not_to_one_that_is_far() -> None:
    near = DistanceReport(line(1.0, 1.5, 2.0)).reward_chart
    far = DistanceReport(line(0.1, 0.2, 0.3))
    assert near is not None and far.reward_chart is not None and far.highest is not None
    assert max(near["labels"]) == round(math.e, 3)
    assert far.highest.is_far
    assert max(far.reward_chart["labels"]) == 0.3


def test_rewards_by_different_models_share_the_scale_of_the_reference() -> None:
    one, other = row(2, reward=3.0), row(3, reward=30.0)
    one.policy.results = {"reward_mean_reference": 1.0, "reward_std_reference": 2.0}
    other.policy.results = {"reward_mean_reference": 10.0, "reward_std_reference": 20.0}
    assert one.gain == other.gain == 1.0


def test_a_first_version_without_a_scale_is_held_against_what_it_was_before() -> None:
    first, second = row(2, reward=3.0), row(3, reward=3.0)
    first.policy.results = second.policy.results = {"reward_std_before": 2.0}
    assert first.gain == 1.5
    assert second.gain is None, "what it was before is not the reference"


def test_versions_of_another_reference_are_left_out() -> None:
    spec = DistanceReport([row(3, kl=1.0, reference=2), row(2, kl=4.0)]).reward_chart
    assert spec is not None
    assert list(values(spec, "reward")) == [0.0, 1.0]


def test_a_kl_estimated_below_zero_is_no_distance() -> None:
    spec = DistanceReport([row(2, kl=-0.1)]).reward_chart
    assert spec is not None and spec["labels"] == [0.0, 0.0]


def test_the_win_rate_lies_over_the_same_distance_as_the_reward() -> None:
    rate = WinRate(0.6, 0.5, 0.7, 90)
    report = DistanceReport([row(3, kl=4.0, win_rate=rate), row(2, kl=1.0)])
    assert report.win_rate_chart is not None and report.reward_chart is not None
    assert values(report.win_rate_chart, "win rate") == {2.0: 60.0}
    assert report.win_rate_chart["x"] == report.reward_chart["x"]


def test_kl_variance_and_length_go_by_version_beside_what_they_are_held_against() -> None:
    told: dict[str, Any] = {"spread_before": 1.0, "length_before": 20.0}
    rows = [
        row(3, kl=2.0, spread=1.5, length=30.0, **told),
        row(2, kl=1.0, spread=2.0, length=25.0, **told),
    ]
    kl, variance, length = kl_chart(rows, 10.0), variance_chart(rows), length_chart(rows)
    assert kl is not None and variance is not None and length is not None
    assert kl["labels"] == ["v2", "v3"]
    assert [series["data"] for series in kl["series"]] == [[1.0, 2.0], [10.0, 10.0]]
    assert [series["data"] for series in variance["series"]] == [[4.0, 2.25], [2.0, 2.0]]
    assert [series["data"] for series in length["series"]] == [[25.0, 30.0], [20.0, 20.0]]
    assert variance_chart([row(2)]) is None, "one member"


def test_no_version_draws_nothing() -> None:
    report = DistanceReport([])
    assert (report.reward_chart, report.win_rate_chart, report.highest) == (None, None, None)
    assert (kl_chart([], None), length_chart([])) == (None, None)


def test_the_table_of_numbers_leaves_out_the_points_of_a_drawn_curve() -> None:
    spec = DistanceReport(line(1.0, 2.0, 4.0)).reward_chart
    assert spec is not None
    assert [label for label, _ in spec_rows(spec)] == [0.0, 1.0, 2.0, round(math.e, 3), 4.0]
