"""How far a policy may move: asked at every step of a run, and of what it has made by the policy
guard (modeling/policies/guard.py).

Pure functions of means and their standard errors; what may be chance is no reason to stop.
"""

from dataclasses import dataclass

NOISE = 2.0  # standard errors
VARIANCE_RATIO = 2.0  # times as much variance among an ensemble's members
LENGTH_RATIO = 1.5  # times as long, or as short
LENGTH_SLACK = 8.0  # tokens; short responses may change by so much, whatever the ratio


@dataclass(frozen=True)
class Bounds:
    """What stops a run; None: no such bound. `kl_budget` in nats to the reference, `length` in
    tokens and `variance` (of the members' rewards, mean over responses) as they were at the
    start."""

    kl_budget: float | None = None
    length_ratio: float | None = None
    length: float = 0.0
    variance_ratio: float | None = None
    variance: float = 0.0

    def length_is_off(self, now: float, error: float) -> bool:
        return self.length_ratio is not None and length_drifts(
            self.length, now, self.length_ratio, error=error
        )

    def members_part(self, now: float, error: float) -> bool:
        ratio = variance_growth(self.variance, now, error)
        return (
            self.variance_ratio is not None and ratio is not None and ratio >= self.variance_ratio
        )


def is_beyond(kl: float, error: float, budget: float | None) -> bool:
    """Whether a KL exceeds the budget by more than its measurement's chance."""
    return budget is not None and kl - NOISE * error > budget


def length_drifts(
    start: float, now: float, ratio: float, slack: float = LENGTH_SLACK, error: float = 0.0
) -> bool:
    """Whether mean lengths in tokens differ by the ratio and by the slack. `error`: of `now`."""
    if abs(now - start) - NOISE * error <= slack:
        return False
    nearest = now - NOISE * error if now > start else now + NOISE * error
    return not 1 / ratio < nearest / max(start, 1e-9) < ratio


def variance_growth(before: float, now: float, error: float = 0.0) -> float | None:
    """How many times the variance `before` the variance `now` is at least; None without one: a
    single reward model does not disagree with itself. `error`: of `now`."""
    if not before or not now:
        return None
    return max(0.0, now - NOISE * error) / before
