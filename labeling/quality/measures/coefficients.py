"""Agreement between labelers: per cent, Cohen's kappa, Fleiss' kappa, Krippendorff's alpha.

The unit is a pair of responses; `counts` is (units, values): how many labelers said each value.
Which response of a pair is called the first is an accident, so `both_ways` adds every unit once
more with the responses' names swapped; otherwise a project where the first is mostly better would
look as if labelers agreed by chance.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import krippendorff
import numpy as np
from numpy.typing import NDArray

from labeling.quality.measures.intervals import (
    Estimate,
    Floats,
    PromptTally,
    interval,
    share_by_prompt,
    sum_by,
)

Ints = NDArray[np.int64]

# On the ordinal scale: the second response is much better … a tie … the first is much better.
STRENGTHS = (-3, -2, -1, 0, 1, 2, 3)
# A choice without a strength, where some have one, lies in the middle of its side.
PLAIN = 2


def agreeing_pairs(votes: Sequence[int]) -> tuple[int, int]:
    """Of the ordered pairs of judgments behind these vote counts, how many say the same.

    2 for A and 1 for B: labelers 1 and 2 agree (two ordered pairs) of six pairs.
    """
    total = sum(votes)
    return sum(n * (n - 1) for n in votes), total * (total - 1)


def percent(counts: Ints) -> float:
    """The share of pairs of judgments of a unit that say the same."""
    return float(_percent(_pair_counts(_comparable(counts)).sum(axis=0)))


def cohen(confusion: Ints) -> float:
    """Cohen's kappa (1960) of two labelers; `confusion` is (values, values) of how often the one
    said the row's value and the other the column's."""
    return float(_cohen(np.asarray(confusion, dtype=float).reshape(-1)))


def fleiss(counts: Ints) -> float:
    """Fleiss' kappa (1971). Units may have different numbers of judgments, two at least: each
    unit's agreement counts once, and each value by how often it was said."""
    return float(_fleiss(_fleiss_features(_comparable(counts)).sum(axis=0)))


def alpha(counts: Ints, level: Literal["nominal", "ordinal"] = "ordinal") -> float:
    """Krippendorff's alpha; the values are in the order of the columns."""
    counts = _comparable(counts)
    if np.count_nonzero(counts.sum(axis=0)) < 2:
        return float("nan")  # everybody always said one thing: nothing to disagree about
    return float(
        krippendorff.alpha(
            value_counts=counts,
            value_domain=list(range(counts.shape[1])),
            level_of_measurement=level,
        )
    )


def percent_estimate(counts: Ints, prompts: Ints) -> Estimate | None:
    """Per cent agreement with its interval by prompt. As a share it has an interval on any
    number."""
    sums = sum_by(prompts, _pair_counts(counts))
    share = share_by_prompt(PromptTally(hits, int(pairs)) for hits, pairs in sums.tolist())
    judgments = int(counts[counts.sum(axis=1) >= 2].sum())
    return share and replace(share, count=judgments)


def fleiss_estimate(counts: Ints, prompts: Ints) -> Estimate | None:
    return _estimate(counts, prompts, fleiss, _fleiss_features, _fleiss)


def alpha_estimate(counts: Ints, prompts: Ints) -> Estimate | None:
    """Ordinal alpha with its interval by prompt."""
    return _estimate(counts, prompts, alpha, _coincidences, _ordinal_alpha)


def cohen_estimate(confusions: Ints, prompts: Ints) -> Estimate | None:
    """Cohen's kappa, averaged over pairs of labelers by how much each pair has in common.

    `confusions` is (prompts, pairs of labelers, values, values).
    """
    sums = np.asarray(confusions, dtype=float)
    size = sums.shape[1:]

    def mean(rows: Floats) -> Floats:
        by_pair = rows.reshape(*rows.shape[:-1], size[0], -1)
        weights = by_pair.sum(axis=-1)
        kappas = _cohen(by_pair)
        weights = np.where(np.isfinite(kappas), weights, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            total = (np.nan_to_num(kappas) * weights).sum(axis=-1)
            return np.asarray(total / weights.sum(axis=-1))

    flat = sum_by(prompts, sums.reshape(len(sums), -1))
    value = float(mean(flat.sum(axis=0))) if len(flat) else float("nan")
    if not np.isfinite(value):
        return None
    return _with_interval(value, flat, mean, int(sums.sum()))


def both_ways(counts: Ints, prompts: Ints, mirrored: Sequence[int]) -> tuple[Ints, Ints]:
    """Counts every unit twice, once with the responses' names swapped: value i becomes
    `mirrored[i]`."""
    return np.concatenate([counts, counts[:, list(mirrored)]]), np.concatenate([prompts, prompts])


def _with_interval(
    value: float, sums: Floats, measure: Callable[[Floats], Floats], count: int
) -> Estimate:
    low, high = interval(sums, measure)
    return Estimate(value, low, high, count, len(sums))


def _estimate(
    counts: Ints,
    prompts: Ints,
    exact: Callable[[Ints], float],
    features: Callable[[Ints], Floats],
    measure: Callable[[Floats], Floats],
) -> Estimate | None:
    """The figure with its interval; None where no unit has two judgments, or all say one thing."""
    comparable = counts.sum(axis=1) >= 2
    counts, prompts = counts[comparable], prompts[comparable]
    value = exact(counts) if len(counts) else float("nan")
    if not np.isfinite(value):
        return None
    sums = sum_by(prompts, features(counts))
    return _with_interval(value, sums, measure, int(counts.sum()))


def _comparable(counts: Ints) -> Ints:
    """The units with two judgments or more: one judgment agrees with nobody."""
    counts = np.asarray(counts)
    counts = counts[counts.sum(axis=1) >= 2]
    if not len(counts):
        raise ValueError("counts: no unit has two judgments")
    return counts


def _pair_counts(counts: Ints) -> Floats:
    """(units, 2): agreeing ordered pairs of judgments, and all of them."""
    total = counts.sum(axis=1)
    agreeing = (counts * (counts - 1)).sum(axis=1)
    return np.stack([agreeing, total * (total - 1)], axis=1).astype(float)


def _percent(sums: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1])


def _cohen(flat: Floats) -> Floats:
    """Kappas of flattened (values × values) tables."""
    size = round(flat.shape[-1] ** 0.5)
    table = flat.reshape(*flat.shape[:-1], size, size)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = table / table.sum(axis=(-1, -2), keepdims=True)
        observed = np.trace(shares, axis1=-2, axis2=-1)
        expected = (shares.sum(axis=-1) * shares.sum(axis=-2)).sum(axis=-1)
        kappa: Floats = np.where(expected < 1, (observed - expected) / (1 - expected), np.nan)
        return kappa


def _fleiss_features(counts: Ints) -> Floats:
    """(units, 2 + values): each unit's agreement, one, and its counts."""
    agreement = _percent(_pair_counts(counts))
    return np.column_stack([agreement, np.ones(len(counts)), counts.astype(float)])


def _fleiss(sums: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = sums[..., 0] / sums[..., 1]
        said = sums[..., 2:] / sums[..., 2:].sum(axis=-1, keepdims=True)
        expected = (said**2).sum(axis=-1)
        kappa: Floats = np.where(expected < 1, (observed - expected) / (1 - expected), np.nan)
        return kappa


def _coincidences(counts: Ints) -> Floats:
    """(units, values × values): how often two judgments of a unit pair these values, each
    judgment counting once (Krippendorff's coincidence matrix, by unit)."""
    total = counts.sum(axis=1)
    table = counts[:, :, None] * counts[:, None, :]
    values = np.arange(counts.shape[1])
    table[:, values, values] -= counts
    features: Floats = table / (total - 1)[:, None, None]
    return features.reshape(len(counts), -1)


def _ordinal_alpha(flat: Floats) -> Floats:
    """Alpha of flattened coincidence matrices with the ordinal distance."""
    size = round(flat.shape[-1] ** 0.5)
    table = flat.reshape(-1, size, size)
    said = table.sum(axis=-1)  # (draws, values)
    middle = np.cumsum(said, axis=-1) - said / 2  # the rank of each value
    distance = (middle[:, :, None] - middle[:, None, :]) ** 2
    total = said.sum(axis=-1)
    observed = (table * distance).sum(axis=(-1, -2))
    expected = (said[:, :, None] * said[:, None, :] * distance).sum(axis=(-1, -2))
    with np.errstate(invalid="ignore", divide="ignore"):
        alphas = 1 - (total - 1) * observed / expected
    return np.asarray(np.where(expected > 0, alphas, np.nan)).reshape(flat.shape[:-1])
