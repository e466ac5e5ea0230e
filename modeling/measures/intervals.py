"""Intervals of accuracies as reports keep them, and one that may be looked at at any time.

The rule by which an interval is found is labeling's: how often people agree and how often a model
does stand beside each other, so one rule serves both (labeling/quality/measures/intervals.py).
"""

import math
from collections.abc import Iterable, Sequence

from labeling.quality.measures.intervals import (
    PromptTally,
    difference_by_prompt,
    share_by_prompt,
)


def accuracy_interval(by_prompt: Sequence[Sequence[float]]) -> dict[str, float] | None:
    """Computes the mean of all values, 0 to 1, with its 95 % interval by prompt; None without
    values."""
    share = share_by_prompt(_tallies(by_prompt))
    if share is None:
        return None
    assert share.low is not None and share.high is not None, "a share always has an interval"
    return {"value": share.value, "low": share.low, "high": share.high, "n": share.count}


def difference_interval(by_prompt: Sequence[Sequence[float]]) -> dict[str, float] | None:
    """Computes the same of paired differences (-1 to 1), with their standard error."""
    difference = difference_by_prompt(_tallies(by_prompt))
    if difference is None:
        return None
    return {
        "value": difference.value,
        "low": difference.low,
        "high": difference.high,
        "error": difference.error,
        "n": difference.count,
    }


def _tallies(by_prompt: Sequence[Sequence[float]]) -> Iterable[PromptTally]:
    return (PromptTally(math.fsum(values), len(values)) for values in by_prompt)


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
    if n < 1:
        return math.inf  # nothing was seen yet
    spread = n * rho * rho + 1
    inner = 2 * spread / (n * n * rho * rho) * math.log(math.sqrt(spread) / alpha)
    return span / 2 * math.sqrt(inner)
