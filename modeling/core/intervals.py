"""Intervals: bootstrap over prompts, Wilson, and one that may be looked at at any time.

No torch: the workers use them too.
"""

import math
from collections.abc import Sequence

import numpy as np

RESAMPLES = 1000
Z = 1.959964  # 95 %
MOST_DRAWN = 4_000_000  # prompts drawn at a time: 32 MB


def accuracy_interval(by_prompt: Sequence[Sequence[float]], seed: int = 0) -> dict[str, float]:
    """The mean of all values with a 95 % bootstrap interval that draws whole prompts.

    Comparisons of one prompt stand or fall together, so that drawing them one by one would make
    the interval too narrow. When all prompts agree, every bootstrap sample is the same and would
    claim certainty: then Wilson's interval over the number of prompts is given.
    """
    sums = np.array([sum(prompt) for prompt in by_prompt])  # (P,)
    counts = np.array([len(prompt) for prompt in by_prompt])  # (P,)
    value = float(sums.sum() / counts.sum())
    if len(set((sums / counts).tolist())) == 1:
        low, high = wilson(value, len(by_prompt))
    else:
        samples = _resample(sums, counts, seed)
        low, high = (float(q) for q in np.quantile(samples, (0.025, 0.975)))
    return {"value": value, "low": low, "high": high, "n": int(counts.sum())}


def difference_interval(by_prompt: Sequence[Sequence[float]], seed: int = 0) -> dict[str, float]:
    """As `accuracy_interval`, of paired differences (-1 to 1), with the bootstrap's standard error.

    Fewer than two prompts, or prompts that all differ by the same, say nothing about chance: then
    the interval is Wilson's of "no difference", mirrored about the mean.
    """
    sums = np.array([sum(prompt) for prompt in by_prompt])
    counts = np.array([len(prompt) for prompt in by_prompt])
    value = float(sums.sum() / counts.sum())
    if len(set((sums / counts).tolist())) == 1:
        reach = wilson(0.0, len(by_prompt))[1]
        low, high, error = value - reach, value + reach, reach / Z
    else:
        samples = _resample(sums, counts, seed)
        low, high = (float(q) for q in np.quantile(samples, (0.025, 0.975)))
        error = float(samples.std())
    low, high = max(-1.0, low), min(1.0, high)
    return {"value": value, "low": low, "high": high, "error": error, "n": int(counts.sum())}


def _resample(sums: np.ndarray, counts: np.ndarray, seed: int) -> np.ndarray:
    """Means of RESAMPLES draws of as many prompts: (RESAMPLES,)."""
    random, size = np.random.default_rng(seed), len(sums)
    at_once = max(1, MOST_DRAWN // size)
    means = []
    for start in range(0, RESAMPLES, at_once):
        drawn = random.integers(size, size=(min(at_once, RESAMPLES - start), size))
        means.append(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    return np.concatenate(means)


def wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share among n."""
    middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def anytime_radius(n: int, span: float = 1.0, alpha: float = 0.05, rho: float = 0.25) -> float:
    """Half the width of an interval for the running mean of n values within a range of `span`.

    Robbins' normal mixture (H. Robbins, 1970, "Statistical methods related to the law of the
    iterated logarithm"; stated like this by Waudby-Smith et al. 2021, arXiv:2103.06476, with
    sigma = span / 2 by Hoeffding's lemma):

        sigma * sqrt( 2 (n rho^2 + 1) / (n^2 rho^2) * log( sqrt(n rho^2 + 1) / alpha ) )

    With probability 1 - alpha the mean of the values' conditional expectations lies within it at
    *every* n at once, so that looking after each judgment and stopping at the worst moment is
    allowed, and the expectations may change on the way. An ordinary 95 % interval looked at like
    that is wrong sooner or later with certainty. rho = 0.25 makes it tightest near n = 125.
    """
    spread = n * rho * rho + 1
    inner = 2 * spread / (n * n * rho * rho) * math.log(math.sqrt(spread) / alpha)
    return span / 2 * math.sqrt(inner)
