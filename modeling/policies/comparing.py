"""Is the new policy better? Blind judgments one after the other, and a test that may be looked at
after each of them.

One judged comparison of the two policies is a point in [0, 1]: 1 when the new policy's response
won, 0 when it lost, a half for a tie or when both are bad; the weighted share where several
people judged. Pure functions: they know neither rows nor clocks.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

from modeling.run_data.rounds import WinRate

EVEN = 0.5
ALPHA = 0.05
AT_LEAST = 10  # fewer judgments than this decide nothing, however they fall
NODES = 128  # exact for 255 decisive judgments, and near enough beyond
BISECTIONS = 40

Array = NDArray[np.float64]


class Verdict(StrEnum):
    """What the judgments say. `OPEN`: go on asking."""

    BETTER = "better"
    WORSE = "worse"
    UNDECIDED = "undecided"
    OPEN = "open"


@dataclass(frozen=True)
class Outcome:
    """What a comparison has come to. `p_value` is always valid: the chance of evidence at least
    this strong at *any* moment so far, if the new policy were no better. `decided_at`: how many
    judgments the verdict rests on, 0 while there is none."""

    verdict: Verdict
    win_rate: WinRate | None
    p_value: float
    decided_at: int


def judge(
    points: Sequence[float], cap: int, *, at_least: int = AT_LEAST, alpha: float = ALPHA
) -> Outcome:
    """The verdict on the points in the order in which they were settled, `cap` at most.

    From the `at_least`th judgment on, either side wins whose evidence at this moment is enough.
    Whoever looks after every judgment and stops at the first verdict errs as seldom as whoever
    looks once (Ville's inequality); judgments that came in between two looks all count, so that
    the verdict never stands against them."""
    seen = [float(point) for point in points]
    if any(not 0.0 <= point <= 1.0 for point in seen):
        raise ValueError("every point must lie between 0 and 1")
    counted = seen[:cap]
    better = running_evidence(counted)
    worse = running_evidence([1.0 - point for point in counted])
    enough = math.log(1.0 / alpha)
    verdict = Verdict.OPEN
    if len(counted) >= min(at_least, cap) and better[-1] >= enough:
        verdict = Verdict.BETTER
    elif len(counted) >= min(at_least, cap) and worse[-1] >= enough:
        verdict = Verdict.WORSE
    elif len(counted) >= cap:
        verdict = Verdict.UNDECIDED
    decided_at = 0 if verdict == Verdict.OPEN else len(counted)
    return Outcome(verdict, win_rate(seen), math.exp(-max([0.0, *better])), decided_at)


def running_evidence(points: Sequence[float], mean: float = EVEN) -> list[float]:
    """Log e-value against "the mean is at most `mean`" after each point; (n,) in nats.

    A bettor who believes in a win rate p > mean multiplies their stake at each point x by
    x p / mean + (1 - x)(1 - p) / (1 - mean), on average at most 1 if the mean is no higher. The
    stakes are spread evenly over all p in (mean, 1); by Ville's inequality their sum passes 1 / a
    at any time with probability at most a. (H. Robbins 1970; as a universal portfolio for bounded
    values: F. Orabona and K.-S. Jun 2021, arXiv:2110.14099.)"""
    if not points:
        return []
    nodes, log_weights = _nodes(mean, 1.0)
    growth = np.log(_factors(np.array(points, dtype=float), nodes, mean))  # (n, nodes)
    stakes = log_weights + np.cumsum(growth, axis=0)
    top = stakes.max(axis=1, keepdims=True)
    evidence = top[:, 0] + np.log(np.exp(stakes - top).sum(axis=1))
    return [float(value) for value in evidence]


def win_rate(points: Sequence[float], alpha: float = ALPHA) -> WinRate | None:
    """The mean with a confidence sequence: with probability 1 - alpha the true win rate is within
    it after *every* judgment at once. None without points.

    It holds every m that no bettor as in `running_evidence`, with stakes spread over all p in
    (0, 1), has made 1 / alpha out of. The log of their wealth is convex in m and at most 0 at the
    points' own mean, so the bounds are found by bisection from there."""
    if not points:
        return None
    counts = Counter(points)
    values, times = np.array(sorted(counts)), np.array([counts[x] for x in sorted(counts)])
    middle = float(values @ times / times.sum())
    enough = math.log(1.0 / alpha)

    def is_refuted(mean: float) -> bool:
        nodes, log_weights = _nodes(0.0, 1.0)
        wealth = log_weights + times @ np.log(_factors(values, nodes, mean))
        return bool(_log_sum(wealth) >= enough)

    low = _edge(middle, 0.0, is_refuted)
    high = _edge(middle, 1.0, is_refuted)
    return WinRate(middle, low, high, int(times.sum()))


def _edge(inside: float, outside: float, is_refuted: Callable[[float], bool]) -> float:
    """Where refutation begins between a point that is not refuted and the end of the range."""
    if inside == outside:
        return outside
    for _ in range(BISECTIONS):
        middle = (inside + outside) / 2
        if is_refuted(middle):
            outside = middle
        else:
            inside = middle
    return outside


def _factors(points: Array, nodes: Array, mean: float) -> Array:
    """What each belief's stake is multiplied by at each point: (points, nodes)."""
    wins, losses = nodes / mean, (1.0 - nodes) / (1.0 - mean)
    factors: Array = points[:, None] * wins + (1.0 - points[:, None]) * losses
    return factors


@cache
def _nodes(low: float, high: float) -> tuple[Array, Array]:
    """Gauss-Legendre nodes of (low, high) and the logs of their weights, which sum to 1. Callers
    share them, so nobody can write to them."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    arrays = (low + (high - low) * (nodes + 1.0) / 2.0), np.log(weights / 2.0)
    for array in arrays:
        array.setflags(write=False)
    return arrays


def _log_sum(values: Array) -> float:
    top = float(values.max())
    return top + math.log(float(np.exp(values - top).sum()))
