"""Is the policy still getting better, or only better at pleasing the reward model?

A reward model is right about what it has seen. The further a policy moves from there, the more of
the reward is the model's error (L. Gao, J. Schulman and J. Hilton 2022, "Scaling laws for reward
model over-optimization", arXiv:2210.10760). Two means against it, both pure functions:

- `fit_curve` and `Curve.optimum`: Gao's curves of the gain over the distance d = sqrt(KL), fitted
  to what has been measured, with the distance at which more optimisation begins to harm;
- `alarms_of`: what the figures of the newest policy version say against going on.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from modeling.measures.limits import (
    LENGTH_RATIO,
    LENGTH_SLACK,
    VARIANCE_RATIO,
    is_beyond,
    length_drifts,
    variance_growth,
)
from modeling.policies.comparing import WinRate

FEWEST_TO_FIT = 3
FEWEST_JUDGED = 30  # blind judgments, before a win rate is held against a reward


class Form(StrEnum):
    """Gao's two functional forms of the gain R over d = sqrt(KL), KL in nats."""

    BEST_OF_N = "best_of_n"  # R(d) = d (alpha - beta d)
    RL = "rl"  # R(d) = d (alpha - beta log d)


@dataclass(frozen=True)
class Optimum:
    """Where a fitted curve is highest. `kl` in nats, `gain` in units of the reward."""

    kl: float
    gain: float


@dataclass(frozen=True)
class Curve:
    """A fitted curve. `error`: root mean square distance of the points, in units of the reward."""

    form: Form
    alpha: float
    beta: float
    error: float

    def at(self, kl: float) -> float:
        """The gain over the reference at this distance in nats; 0 at the reference itself."""
        d = math.sqrt(kl)
        if self.form == Form.BEST_OF_N:
            return d * (self.alpha - self.beta * d)
        return d * (self.alpha - self.beta * math.log(d)) if d else 0.0

    @property
    def optimum(self) -> Optimum | None:
        """None when the curve only rises (beta <= 0) or only falls.

        dR/dd = 0 at d = alpha / (2 beta) for best-of-n, at log d = alpha / beta - 1 for RL."""
        if self.beta <= 0:
            return None
        if self.form == Form.BEST_OF_N:
            d = self.alpha / (2 * self.beta)
        else:
            d = math.exp(min(self.alpha / self.beta - 1, 50.0))
        return Optimum(d * d, self.at(d * d)) if d > 0 else None


def fit_curve(
    kl: Sequence[float],
    gain: Sequence[float],
    form: Form,
    errors: Sequence[float] | None = None,
) -> Curve | None:
    """Fits a curve by least squares; both forms are linear in alpha and beta. Points at KL 0 say
    nothing.

    `errors` are the gains' standard errors and weigh the points (equal weights without them).
    None for fewer than three points at different distances. ValueError for a negative or infinite
    figure, and for lists of different lengths."""
    if len(kl) != len(gain) or (errors is not None and len(errors) != len(kl)):
        raise ValueError("kl, gain and errors must be of one length")
    x, y = np.array(kl, dtype=float), np.array(gain, dtype=float)
    if not (np.isfinite(x).all() and np.isfinite(y).all() and (x >= 0).all()):
        raise ValueError("kl must be finite and not negative, gain finite")
    weight = np.ones_like(x) if errors is None else 1.0 / np.maximum(np.array(errors), 1e-9)
    moved = x > 0
    if len(np.unique(x[moved])) < FEWEST_TO_FIT:
        return None
    d, y, weight = np.sqrt(x[moved]), y[moved], weight[moved]
    second = -d * d if form == Form.BEST_OF_N else -d * np.log(d)
    columns = np.stack([d, second], axis=1)  # (n, 2)
    (alpha, beta), *_ = np.linalg.lstsq(columns * weight[:, None], y * weight, rcond=None)
    error = float(np.sqrt(np.mean((columns @ np.array([alpha, beta]) - y) ** 2)))
    return Curve(form, float(alpha), float(beta), error)


@dataclass(frozen=True, kw_only=True)
class VersionRecord:
    """What was measured of one policy version and, on the same prompts and by the same reward
    models, of the version it was made from (`…_before`).

    `reward`: mean proxy reward, None where DPO had no model. `kl`: nats to the reference, with its
    standard error. `spread`: mean standard deviation among the ensemble's members over the
    responses, None for a single model. `length`: mean tokens. `win_rate`: blind, against the
    version before; `is_preferred`: that comparison's verdict was "better", whatever the interval
    says later. `stopped`: why its training stopped itself, or empty."""

    version: int
    reward: float | None
    reward_before: float | None
    kl: float | None = None
    kl_error: float = 0.0
    spread: float | None = None
    spread_before: float | None = None
    length: float | None = None
    length_before: float | None = None
    win_rate: WinRate | None = None
    is_preferred: bool = False
    stopped: str = ""

    @property
    def reward_gain(self) -> float | None:
        if self.reward is None or self.reward_before is None:
            return None
        return self.reward - self.reward_before


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What is still no alarm. `kl_budget` in nats to the reference, None: unlimited. A length
    may change by the ratio or by `length_slack` tokens, whichever is more."""

    variance_ratio: float = VARIANCE_RATIO
    length_ratio: float = LENGTH_RATIO
    length_slack: float = LENGTH_SLACK
    kl_budget: float | None = None


@dataclass(frozen=True)
class GuardAlarm:
    """`kind` is one of stopped, kl, variance, length, win_rate; `text` a sentence for people."""

    kind: str
    text: str


def alarms_of(history: Sequence[VersionRecord], limits: Limits | None = None) -> list[GuardAlarm]:
    """What speaks against going on from the newest version, `history[-1]`; the oldest comes first.

    The earlier records say where the length began and whether people saw earlier gains."""
    if not history:
        return []
    limits = limits or Limits()
    newest = history[-1]
    alarms = [
        _stopped(newest),
        _over_budget(newest, limits),
        _ensemble_disagrees(newest, limits),
        _length_drifts(history, limits),
        _people_do_not_see_it(history),
    ]
    return [alarm for alarm in alarms if alarm is not None]


def _stopped(record: VersionRecord) -> GuardAlarm | None:
    return GuardAlarm("stopped", record.stopped) if record.stopped else None


def _over_budget(record: VersionRecord, limits: Limits) -> GuardAlarm | None:
    """The training keeps what it measures within the budget; measured again, on other prompts, it
    may lie a little above."""
    budget = limits.kl_budget
    if record.kl is None or budget is None or not is_beyond(record.kl, record.kl_error, budget):
        return None
    return GuardAlarm(
        "kl",
        f"Version {record.version} is {record.kl:.1f} nats from the reference, beyond the budget "
        f"of {budget:g}.",
    )


def _ensemble_disagrees(record: VersionRecord, limits: Limits) -> GuardAlarm | None:
    """Members that were trained on one set of people's judgments part where it ends."""
    ratio = variance_growth((record.spread_before or 0.0) ** 2, (record.spread or 0.0) ** 2)
    if ratio is None or ratio < limits.variance_ratio:
        return None
    return GuardAlarm(
        "variance",
        f"The reward models disagree {ratio:.1f} times as much (in variance) about the responses "
        f"of version {record.version} as about those before it: they have not seen such "
        "responses judged.",
    )


def _length_drifts(history: Sequence[VersionRecord], limits: Limits) -> GuardAlarm | None:
    first, newest = history[0], history[-1]
    start, now = first.length_before, newest.length
    if start is None or now is None:
        return None
    if not length_drifts(start, now, limits.length_ratio, limits.length_slack):
        return None
    direction = "longer" if now > start else "shorter"
    return GuardAlarm(
        "length",
        f"Responses have become {direction}: {now:.0f} tokens on average in version "
        f"{newest.version}, {start:.0f} at the start. The reward may be for length as such.",
    )


def _people_do_not_see_it(history: Sequence[VersionRecord]) -> GuardAlarm | None:
    """The reward rose; people, who judged blind, prefer the version before at least as often, or
    twice in succession saw no difference."""
    newest = history[-1]
    if not _is_unseen(newest):
        return None
    assert newest.win_rate is not None and newest.reward_gain is not None
    sentence = (
        f"The reward rose by {newest.reward_gain:.2f}, but people who judged blind preferred "
        f"version {newest.version} in {newest.win_rate.value:.0%} of {newest.win_rate.n} "
        "comparisons with the version before"
    )
    if newest.win_rate.value <= 0.5:
        return GuardAlarm("win_rate", f"{sentence}: not more often than not.")
    judged = [record for record in history if record.win_rate is not None]
    if len(judged) > 1 and _is_unseen(judged[-2]):
        return GuardAlarm(
            "win_rate", f"{sentence}, too few to be sure, and so it was the time before."
        )
    return None


def _is_unseen(record: VersionRecord) -> bool:
    """The proxy says better, and people's answers do not."""
    win_rate = record.win_rate
    return (
        record.reward_gain is not None
        and record.reward_gain > 0
        and not record.is_preferred
        and win_rate is not None
        and win_rate.n >= FEWEST_JUDGED
        and win_rate.low <= 0.5
    )
