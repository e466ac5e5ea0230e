"""Intervals: a bootstrap over prompts, because judgments of one prompt are not independent.

Every measure here is a function of sums over prompts, so a resample costs one matrix product:
draw how often each prompt is taken, multiply, and look at the function's spread.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Below this many prompts a bootstrap says more than it knows: no interval is given.
MIN_PROMPTS = 5
DRAWS = 1000
# So many numbers at once: a thousand draws over 50,000 different prompts stay below 0.5 GB.
CHUNK = 4_000_000


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; the bounds are None on too few prompts to tell."""

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
        """Whether the interval lies wholly on one side of this value."""
        return self.low is not None and self.high is not None and not self.low <= value <= self.high


@dataclass(frozen=True)
class Refusal:
    """No figure, because so little would not tell this labeler from another."""

    reason: str
    count: int
    needed: int


@dataclass(frozen=True)
class PromptGroup:
    """`prompts` prompts, each with `hits` of `trials`: what the bootstrap draws from."""

    hits: int
    trials: int
    prompts: int = 1


def share_by_prompt(groups: Iterable[PromptGroup], *, seed: int = 0) -> Estimate | None:
    """Hits over trials with a percentile bootstrap over prompts; None without trials."""
    groups = [group for group in groups if group.trials > 0 and group.prompts > 0]
    if not groups:
        return None
    sums = np.array([[group.hits, group.trials] for group in groups], dtype=float)  # (G, 2)
    prompts = np.array([group.prompts for group in groups])  # (G,)
    count, total = int(prompts.sum()), int(sums[:, 1] @ prompts)
    value = float(_share(prompts @ sums))
    if value in (0.0, 1.0) and count >= MIN_PROMPTS:
        # Nothing to resample: every draw would repeat the value.
        return Estimate(value, *wilson(value, count), total, count)
    low, high = interval(sums, _share, repeats=prompts, seed=seed)
    return Estimate(value, low, high, total, count)


def interval(
    sums: Floats,
    measure: Callable[[Floats], Floats],
    *,
    repeats: NDArray[np.int64] | None = None,
    seed: int = 0,
    draws: int = DRAWS,
) -> tuple[float, float] | tuple[None, None]:
    """The 95 % percentile interval of `measure(sums over prompts)`.

    `sums` is (prompts, features); `repeats` says how many prompts each row stands for. Prompts
    with equal figures are interchangeable, so they are drawn together by one multinomial: the
    same distribution as drawing prompts, at a fraction of the work. `measure` takes
    (draws, features) and gives (draws,), NaN where it is not defined.
    """
    if repeats is None:
        sums, repeats = np.unique(sums, axis=0, return_counts=True)
    count = int(repeats.sum())
    if count < MIN_PROMPTS:
        return None, None
    rng = np.random.default_rng(seed)
    values: list[Floats] = []
    step = max(1, CHUNK // len(sums))
    for start in range(0, draws, step):
        size = min(step, draws - start)
        taken = rng.multinomial(count, repeats / count, size=size)  # (size, rows)
        values.append(measure(taken @ sums))
    drawn = np.concatenate(values)
    drawn = drawn[np.isfinite(drawn)]
    # A measure that half of the draws do not define has no interval worth showing.
    if len(drawn) < draws / 2:
        return None, None
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def sum_by(keys: NDArray[np.int64], features: Floats) -> Floats:
    """(keys, features) of rows summed over equal keys: rows of one prompt become one row."""
    _, place = np.unique(keys, return_inverse=True)
    summed = np.zeros((int(place.max()) + 1 if len(place) else 0, features.shape[1]))
    np.add.at(summed, place, features)
    return summed


def wilson(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """The Wilson score interval of a share observed in `count` independent trials."""
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * (share * (1 - share) / count + z * z / (4 * count**2)) ** 0.5
    return max(0.0, centre - half), min(1.0, centre + half)


def median_interval(values: Floats, z: float = 1.96) -> tuple[float, float]:
    """The distribution-free 95 % interval of the median, from the order statistics."""
    ordered = np.sort(values)
    count = len(ordered)
    half = z * count**0.5 / 2
    low = max(0, int(np.floor(count / 2 - half)))
    high = min(count - 1, int(np.ceil(count / 2 + half)))
    return float(ordered[low]), float(ordered[high])


def _share(sums: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1])
