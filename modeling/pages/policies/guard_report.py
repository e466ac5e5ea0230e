"""The policy guard's page part: each policy version's figures side by side, and their plots."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import cached_property

from labeling.models import Project
from labeling.pages.naming import Named
from labeling.quality.measures.intervals import Z
from modeling.loop.run_outcomes import REWARD_ROLES
from modeling.measures.best_of_n import best_of_n_kl
from modeling.models import Policy, Run
from modeling.pages.chart_specs import Spec
from modeling.pages.policies.guard_charts import (
    FARTHEST,
    DistanceReport,
    VersionRow,
    kl_chart,
    length_chart,
    variance_chart,
)
from modeling.pages.runs.run_inputs import inputs_of
from modeling.policies import improving
from modeling.policies.guard import Curve, Form, fit_curve

SHOWN = 20


@dataclass(frozen=True)
class DrawnOptimum:
    """The highest point of the fitted curve. `n`: the best of how many responses goes as far."""

    kl: float
    gain: float
    n: int | None
    is_beyond: bool


@dataclass(frozen=True)
class Pool:
    """A pool of best-of-n: its `points`, one for each n, from responses of the policy
    `drawn_from`."""

    run_id: int
    points: list[dict[str, Any]]
    drawn_from: Policy | None
    run: Run | None

    @cached_property
    def rated_by(self) -> Named | None:
        inputs = inputs_of(self.run) if self.run else []
        return next((named for role, named in inputs if role in REWARD_ROLES), None)


class GuardReport:
    """What the guard sees of a project's policies that a run has improved."""

    def __init__(self, project: Project, versions: Sequence[Policy]) -> None:
        self.project = project
        self.estimate = improving.estimates_of(project).first()
        records = [(policy, improving.record_of(policy)) for policy in versions]
        self.rows = [VersionRow(policy, record) for policy, record in records if record is not None]

    @property
    def mark(self) -> str:
        state = [
            [row.policy.pk, row.policy.status, row.record.win_rate and row.record.win_rate.n]
            for row in self.rows
        ]
        shown = [state, self.project.loop_settings.kl_budget, self.estimate and self.estimate.pk]
        return hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:16]

    @cached_property
    def pool(self) -> Pool | None:
        """The newest pool of best-of-n, whether a policy learned from it or a run only estimated
        it."""
        pools = [
            Pool(
                row.policy.run_id or 0,
                row.policy.figures.best_of_n or [],
                row.policy.parent,
                row.policy.run,
            )
            for row in self.rows
        ]
        if self.estimate is not None:
            points = self.estimate.figures.best_of_n
            pools.append(Pool(self.estimate.pk, points, self.estimate.policy, self.estimate))
        usable = [pool for pool in pools if len(pool.points) > 1]
        return max(usable, key=lambda pool: pool.run_id, default=None)

    @cached_property
    def curve(self) -> Curve | None:
        if self.pool is None:
            return None
        points = self.pool.points
        start = points[0]["reward"]
        return fit_curve(
            [point["kl"] for point in points],
            [point["reward"] - start for point in points],
            Form.BEST_OF_N,
            [max(point["high"] - point["low"], 1e-6) / (2 * Z) for point in points],
        )

    @cached_property
    def optimum(self) -> DrawnOptimum | None:
        if self.curve is None or self.curve.optimum is None or self.pool is None:
            return None
        best, most = self.curve.optimum, max(point["n"] for point in self.pool.points)
        n = n_at(best.kl)
        return DrawnOptimum(best.kl, best.gain, n, n is None or n > most)

    @property
    def best_of_n_chart(self) -> Spec | None:
        """Draws the pool's mean reward for every n with its interval, the fitted curve and its
        optimum."""
        if self.pool is None:
            return None
        points = {point["n"]: point for point in self.pool.points}
        start, numbers = self.pool.points[0]["reward"], self._numbers(sorted(points))
        series: list[dict[str, Any]] = [
            {
                "name": "measured",
                "data": [_at(points, n, "reward") for n in numbers],
                "band": [[_at(points, n, "low"), _at(points, n, "high")] for n in numbers],
            }
        ]
        if self.curve is not None:
            fitted = [round(start + self.curve.at(best_of_n_kl(n)), 3) for n in numbers]
            series.append({"name": "d(α − βd)", "data": fitted})
            if self.optimum is not None and self.optimum.n in numbers:
                top = [
                    round(start + self.optimum.gain, 3) if n == self.optimum.n else None
                    for n in numbers
                ]
                series.append({"name": "optimum", "data": top})
        return {
            "type": "line",
            "labels": numbers,
            "series": series,
            "x": {"log": True, "title": "n, the responses to choose the best from"},
            "y": {},
        }

    def _numbers(self, measured: list[int]) -> list[int]:
        """Chooses few enough n to be read: powers of two up to the pool's size, and on to the
        optimum."""
        most = measured[-1]
        numbers = {1, most} | {2**k for k in range(int(math.log2(most)) + 1)}
        top = self.optimum.n if self.optimum is not None else None
        if top is not None and top <= FARTHEST * most:
            numbers |= {top} | {most * 2**k for k in range(3) if most * 2**k <= top}
        return sorted(numbers)

    @cached_property
    def distance(self) -> DistanceReport:
        return DistanceReport(self.rows)

    @property
    def kl_chart(self) -> Spec | None:
        return kl_chart(self.rows, self.project.loop_settings.kl_budget or None)

    @property
    def variance_chart(self) -> Spec | None:
        return variance_chart(self.rows)

    @property
    def length_chart(self) -> Spec | None:
        return length_chart(self.rows)


def guard_report(project: Project) -> GuardReport:
    versions = Policy.objects.filter(project=project).exclude(results={})
    return GuardReport(project, list(versions.select_related("run", "parent")[:SHOWN]))


def n_at(kl: float) -> int | None:
    """Finds the n whose best-of-n is nearest to this KL. None for a KL that no n reaches."""
    if kl > best_of_n_kl(100_000):
        return None
    n = max(1, round(math.exp(kl)))
    while best_of_n_kl(n) < kl:
        n = max(n + 1, round(n * 1.02))
    return n


def _at(points: dict[int, dict[str, Any]], n: int, name: str) -> float | None:
    return round(points[n][name], 3) if n in points else None
