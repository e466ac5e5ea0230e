"""95 % intervals by prompt: how far a share, a difference of shares or a coefficient can be off.

Judgments of one prompt stand or fall together, so prompts are counted and drawn, never single
judgments. One rule says how, for labelers and for reward models alike, because their figures stand
beside each other on the pages:

- From 30 prompts on that differ enough, a percentile bootstrap over prompts.
- Below, its interval would be too narrow, down to nothing. A share has Wilson's interval over the
  number of prompts instead, and a difference of shares the one that is put together from two of
  them. Both exist for a single prompt, and say there that next to nothing is known.
- A coefficient (kappa, alpha) is no share. It has no such interval, so it has none.

docs/measures.md has the simulation behind these numbers. Only numpy is needed: the learning
programs use this module too (docs/decisions/020-one-rule-for-intervals.md).
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Interval = tuple[float, float]

FEWEST_PROMPTS = 30  # that a bootstrap draws from
# Prompts that differ. The sign test of five that all say the same gives 2 * 0.5 ** 5 = 6 %.
FEWEST_TO_BE_SURE = 6
DRAWS = 1000
# Numbers at once: a thousand draws over 50,000 different prompts stay below 0.5 GB.
CHUNK = 4_000_000
Z = 1.959964  # 95 %


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; the bounds are None where no interval can be given."""

    value: float
    low: float | None
    high: float | None
    count: int
    prompts: int

    @property
    def percent(self) -> int:
        return round(100 * self.value)

    @property
    def percent_low(self) -> int | None:
        return None if self.low is None else round(100 * self.low)

    @property
    def percent_high(self) -> int | None:
        return None if self.high is None else round(100 * self.high)

    def excludes(self, value: float) -> bool:
        """Whether the interval lies wholly on one side of this value. With fewer than six prompts
        the answer is no: by chance alone five say the same too often."""
        if self.low is None or self.high is None or self.prompts < FEWEST_TO_BE_SURE:
            return False
        return not self.low <= value <= self.high


@dataclass(frozen=True)
class PairedDifference:
    """A difference of two shares on the same trials, -1 to 1, with its standard error."""

    value: float
    low: float
    high: float
    error: float
    count: int


@dataclass(frozen=True)
class Refusal:
    """No figure, because `count` is less than the `needed` trials that would tell one labeler from
    another."""

    reason: str
    count: int
    needed: int


@dataclass(frozen=True)
class PromptTally:
    """`prompts` prompts, each with `hits` of `trials`. A hit can be half: equal rewards."""

    hits: float
    trials: int
    prompts: int = 1


def share_by_prompt(tallies: Iterable[PromptTally]) -> Estimate | None:
    """Hits over trials with their interval; None without trials. The order of the tallies does not
    matter."""
    sums, repeats = _sums_of(tallies)
    prompts = int(repeats.sum())
    if not prompts:
        return None
    total = repeats @ sums
    value = float(_share(total))
    shares = _share(sums)
    fewest = min(int(repeats[shares < 1].sum()), int(repeats[shares > 0].sum()))
    if prompts < FEWEST_PROMPTS or fewest < FEWEST_TO_BE_SURE or np.ptp(shares) == 0:
        low, high = wilson(value, prompts)
    else:
        low, high = _middle(_draw(sums, repeats, _share))
    return Estimate(value, low, high, int(total[1]), prompts)


def difference_by_prompt(tallies: Iterable[PromptTally]) -> PairedDifference | None:
    """Gains less losses over trials: `hits` are from -trials to trials. None without trials."""
    sums, repeats = _sums_of(tallies)
    prompts = int(repeats.sum())
    if not prompts:
        return None
    total = repeats @ sums
    value = float(_share(total))
    differing = int(repeats[sums[:, 0] != 0].sum())
    if prompts < FEWEST_PROMPTS or differing < FEWEST_TO_BE_SURE or np.ptp(_share(sums)) == 0:
        low, high = _few_differences(sums, repeats)
        error = (high - low) / (2 * Z)
    else:
        drawn = _draw(sums, repeats, _share)
        low, high = _middle(drawn)
        error = float(drawn.std())
    return PairedDifference(value, max(-1.0, low), min(1.0, high), error, int(total[1]))


def interval(
    sums: Floats, measure: Callable[[Floats], Floats], *, draws: int = DRAWS
) -> Interval | tuple[None, None]:
    """The bootstrap interval of `measure(sums over prompts)`, for what is no share.

    `sums` is (prompts, features). `measure` takes (draws, features) and gives (draws,), NaN where
    it is not defined. No interval below `FEWEST_PROMPTS`, where half of the draws are not defined,
    or where none differs from another: that is no certainty.
    """
    sums, repeats = np.unique(sums, axis=0, return_counts=True)
    if repeats.sum() < FEWEST_PROMPTS:
        return None, None
    drawn = _draw(sums, repeats, measure, draws)
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) < draws / 2 or np.ptp(drawn) == 0:
        return None, None
    return _middle(drawn)


def sum_by(keys: Ints, features: Floats) -> Floats:
    """(keys, features) of rows summed over equal keys: rows of one prompt become one row."""
    _, place = np.unique(keys, return_inverse=True)
    summed = np.zeros((int(place.max()) + 1 if len(place) else 0, features.shape[1]))
    np.add.at(summed, place, features)
    return summed


def wilson(share: float, count: int) -> Interval:
    """The Wilson score interval of a share observed in `count` independent trials; of none,
    everything is possible."""
    if count < 1:
        return 0.0, 1.0
    centre = (share + Z * Z / (2 * count)) / (1 + Z * Z / count)
    half = (
        Z
        / (1 + Z * Z / count)
        * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    )
    return max(0.0, centre - half), min(1.0, centre + half)


def median_interval(values: Floats) -> Interval:
    """The distribution-free 95 % interval of the median, from the order statistics."""
    ordered = np.sort(values)
    count = len(ordered)
    half = Z * count**0.5 / 2
    low = max(0, int(np.floor(count / 2 - half)))
    high = min(count - 1, int(np.ceil(count / 2 + half)))
    return float(ordered[low]), float(ordered[high])


def _sums_of(tallies: Iterable[PromptTally]) -> tuple[Floats, Ints]:
    """The different (hits, trials), sorted, and how many prompts have each: (G, 2) and (G,)."""
    rows = [(t.hits, t.trials, t.prompts) for t in tallies if t.trials > 0 and t.prompts > 0]
    if not rows:
        return np.empty((0, 2)), np.empty(0, dtype=np.int64)
    array = np.array(rows, dtype=float)
    sums, place = np.unique(array[:, :2], axis=0, return_inverse=True)
    repeats = np.bincount(place.reshape(-1), weights=array[:, 2]).astype(np.int64)
    return sums, repeats


def _draw(
    sums: Floats, repeats: Ints, measure: Callable[[Floats], Floats], draws: int = DRAWS
) -> Floats:
    """The measure of `draws` samples of as many prompts, drawn with replacement: (draws,).

    Prompts with equal sums are interchangeable, so they are drawn together by one multinomial:
    the same distribution as drawing prompts, at a fraction of the work.
    """
    rng = np.random.default_rng(0)
    count = int(repeats.sum())
    step = max(1, CHUNK // len(sums))
    values: list[Floats] = []
    for start in range(0, draws, step):
        size = min(step, draws - start)
        taken = rng.multinomial(count, repeats / count, size=size)  # (size, rows)
        values.append(measure(taken @ sums))
    return np.concatenate(values)


def _few_differences(sums: Floats, repeats: Ints) -> Interval:
    """The 95 % interval of the share of gains less the share of losses among few prompts.

    Each share has Wilson's interval, and the two are put together by their distances from it
    (MOVER: G. Zou and A. Donner 2008, "Construction of confidence limits about effect measures"),
    with the correlation that two shares of one whole have. Below six prompts that differ, no
    answer is sure whatever they say, so 0 is always within.
    """
    prompts, trials = int(repeats.sum()), float(repeats @ sums[:, 1])
    gain, loss = (
        min(1.0, float(repeats @ np.maximum(part, 0.0)) / trials)
        for part in (sums[:, 0], -sums[:, 0])
    )
    value = gain - loss
    (gain_low, gain_high), (loss_low, loss_high) = wilson(gain, prompts), wilson(loss, prompts)
    both = gain * loss
    against = math.sqrt(both / ((1 - gain) * (1 - loss))) if both else 0.0

    def reach(one: float, other: float) -> float:
        return math.sqrt(one * one + other * other + 2 * against * one * other)

    low = value - reach(gain - gain_low, loss_high - loss)
    high = value + reach(gain_high - gain, loss - loss_low)
    if int(repeats[sums[:, 0] != 0].sum()) < FEWEST_TO_BE_SURE:
        low, high = min(low, 0.0), max(high, 0.0)
    return low, high


def _middle(drawn: Floats) -> Interval:
    """What 95 % of the draws lie between."""
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def _share(sums: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1])
