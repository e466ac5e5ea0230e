"""The policy guard's curves: the proxy reward over the distance from the reference, and what else
moved.

The distance is d = sqrt(KL), as in Gao et al. 2022; modeling/policies/guard.py has the formulas."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modeling.models import Policy
from modeling.pages.chart_specs import Spec, percent
from modeling.policies.guard import Curve, Form, Limits, VersionRecord, fit_curve

FARTHEST = 4  # so many times the farthest KL is a fitted curve drawn, to show its optimum
STEPS = 24  # points of a drawn curve


@dataclass(frozen=True)
class VersionRow:
    policy: Policy
    record: VersionRecord

    @property
    def variance_ratio(self) -> float | None:
        before, after = self.record.spread_before, self.record.spread
        return (after / before) ** 2 if before and after else None

    @property
    def gain(self) -> float | None:
        """The reward over that of the reference, in standard deviations of what the reference
        writes. On this scale versions can be compared although different reward models rated
        them."""
        figures = self.policy.figures
        mean, std = figures.reward_mean_reference, figures.reward_std_reference
        if mean is None and self.policy.parent_id == self.policy.reference_id:
            mean, std = self.record.reward_before, figures.reward_std_before
        if self.record.reward is None or mean is None or not std:
            return None
        return (self.record.reward - mean) / std

    @property
    def kl(self) -> float | None:
        """The estimated KL, cut at 0: an estimate from few responses may be negative, a distance
        cannot."""
        return None if self.record.kl is None else max(self.record.kl, 0.0)


@dataclass(frozen=True)
class Highest:
    """Where the curve fitted to the versions is highest. `is_beyond` all versions, or `is_far`
    beyond, where the figure itself says nothing."""

    kl: float
    gain: float
    is_beyond: bool
    is_far: bool


@dataclass(frozen=True)
class Measured:
    kl: float
    gain: float


class DistanceReport:
    """The versions by their distance from the reference, `rows` with the newest first. A policy
    that was registered by hand begins a new line: versions that were measured to another reference
    than the newest are left out."""

    def __init__(self, rows: Sequence[VersionRow]) -> None:
        self.rows = rows = [
            row for row in rows if row.policy.reference_id == rows[0].policy.reference_id
        ]
        measured = [Measured(r.kl, r.gain) for r in rows if r.kl is not None and r.gain is not None]
        self.points = sorted(measured, key=lambda point: point.kl)
        self.curve: Curve | None = fit_curve(
            [point.kl for point in self.points], [point.gain for point in self.points], Form.RL
        )

    @property
    def _farthest(self) -> float:
        return max((row.kl for row in self.rows if row.kl is not None), default=0.0)

    @property
    def highest(self) -> Highest | None:
        best = self.curve.optimum if self.curve else None
        if best is None:
            return None
        far = self._farthest
        return Highest(best.kl, best.gain, best.kl > far, best.kl > FARTHEST * far)

    @property
    def _end(self) -> float:
        """The largest KL on the plots. The optimum is included unless it is far off."""
        best = self.highest
        return max(self._farthest, best.kl) if best and not best.is_far else self._farthest

    @property
    def reward_chart(self) -> Spec | None:
        """Draws the reference at 0, each version, the fitted curve and its optimum."""
        if not self.points:
            return None
        drawn = [(0.0, "reward", 0.0)]
        drawn += [(math.sqrt(point.kl), "reward", point.gain) for point in self.points]
        if self.curve is not None:
            grid = [self._end * (step / STEPS) ** 2 for step in range(STEPS + 1)]
            drawn += [(math.sqrt(kl), "fit", self.curve.at(kl)) for kl in grid]
            best = self.highest
            if best is not None and not best.is_far:
                drawn += [(math.sqrt(best.kl), "optimum", best.gain)]
        drawn.sort(key=lambda point: point[0])
        series: list[dict[str, Any]] = [{"name": "reward", "data": _of(drawn, "reward")}]
        if self.curve is not None:
            series.append({"name": "d(α − β ln d)", "data": _of(drawn, "fit"), "smooth": True})
            if any(name == "optimum" for _, name, _ in drawn):
                series.append({"name": "optimum", "data": _of(drawn, "optimum")})
        labels = [round(distance, 3) for distance, _, _ in drawn]
        return {"type": "line", "labels": labels, "series": series, "x": self._x, "y": {}}

    @property
    def win_rate_chart(self) -> Spec | None:
        """Draws how often people preferred each version to the one before, at the same
        distances."""
        judged = [(row.kl, row.record.win_rate) for row in self.rows]
        rated = sorted(
            ((math.sqrt(kl), rate) for kl, rate in judged if kl is not None and rate is not None),
            key=lambda point: point[0],
        )
        if not rated:
            return None
        return {
            "type": "line",
            "labels": [round(distance, 3) for distance, _ in rated],
            "series": [
                {
                    "name": "win rate",
                    "data": [percent(rate.value) for _, rate in rated],
                    "band": [[percent(rate.low), percent(rate.high)] for _, rate in rated],
                },
                {"name": "as often as not", "data": [50] * len(rated), "smooth": True},
            ],
            "x": self._x,
            "y": {"min": 0, "max": 100, "unit": " %"},
        }

    @property
    def _x(self) -> dict[str, Any]:
        """The axis that both plots share, so that they can be read across."""
        title = "√KL to the reference"
        end = max(1, math.ceil(math.sqrt(self._end)))
        return {"linear": True, "title": title, "min": 0, "max": end}


def kl_chart(rows: Sequence[VersionRow], budget: float | None) -> Spec | None:
    return _over_versions(rows, "KL", [row.record.kl for row in rows], "budget", budget)


def variance_chart(rows: Sequence[VersionRow]) -> Spec | None:
    ratios = [row.variance_ratio for row in rows]
    return _over_versions(rows, "times before", ratios, "alarm", Limits().variance_ratio)


def length_chart(rows: Sequence[VersionRow]) -> Spec | None:
    start = rows[-1].record.length_before if rows else None
    lengths = [row.record.length for row in rows]
    return _over_versions(rows, "length", lengths, "at the start", start)


def _over_versions(
    rows: Sequence[VersionRow],
    name: str,
    values: Sequence[float | None],
    level_name: str,
    level: float | None,
) -> Spec | None:
    """One figure by version, the oldest first, beside a level that it is held against. `rows` and
    `values` come with the newest first."""
    known = [(row, value) for row, value in zip(rows, values, strict=True) if value is not None]
    if not known:
        return None
    known.reverse()
    series = [{"name": name, "data": [round(value, 3) for _, value in known]}]
    if level is not None:
        series.append({"name": level_name, "data": [round(level, 3)] * len(known)})
    labels = [f"v{row.policy.version}" for row, _ in known]
    return {"type": "line", "labels": labels, "series": series, "y": {}}


def _of(drawn: Sequence[tuple[float, str, float]], wanted: str) -> list[float | None]:
    return [round(value, 3) if name == wanted else None for _, name, value in drawn]
