"""What can be said about one labeler, and the refusal to say it on too little data.

Each function takes one labeler's plain numbers and gives an `Estimate` with its 95 % interval,
or a `Refusal` that says how much is missing. Nobody is ranked by a `Refusal`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.quality.measures.intervals import (
    Estimate,
    PromptTally,
    Refusal,
    median_interval,
    share_by_prompt,
    wilson,
)

Measure = Estimate | Refusal

# A share of 30 trials is known to about ±18 points, one of 10 to about ±26.
NEEDED_CHOICES = 30
NEEDED_SHARED = 20
NEEDED_CHECKS = 10
NEEDED_TIMES = 20


@dataclass(frozen=True)
class LabelerMeasures:
    """Everything the pages show of one labeler."""

    judgments: int
    pace: Measure
    agreement: Measure
    gold: Measure
    repeats: Measure
    left: Measure
    longer: Measure


def pace(seconds: Sequence[float]) -> Measure:
    """The median time of an answer, in seconds: long pauses would carry a mean away."""
    values = np.array([value for value in seconds if value is not None], dtype=float)
    if len(values) < NEEDED_TIMES:
        return _too_few(len(values), NEEDED_TIMES, "timed answers")
    return Estimate(float(np.median(values)), *median_interval(values), len(values), len(values))


def agreement_with_others(
    agreeing: Sequence[int], others: Sequence[int], prompts: Sequence[int]
) -> Measure:
    """Of the other people's judgments of the same pairs, the share that says what this one says.

    One entry for each of the labeler's judgments: `agreeing` of `others`, on a prompt.
    """
    rows: dict[int, list[int]] = {}
    for hits, trials, prompt in zip(agreeing, others, prompts, strict=True):
        row = rows.setdefault(prompt, [0, 0])
        row[0] += hits
        row[1] += trials
    figures = Counter((hits, trials) for hits, trials in rows.values() if trials)
    if figures.total() < NEEDED_SHARED:
        return _too_few(figures.total(), NEEDED_SHARED, "prompts that others judged too")
    share = share_by_prompt(PromptTally(*row, count) for row, count in figures.items())
    assert share is not None
    return share


def gold_accuracy(right: Sequence[bool]) -> Measure:
    """The share of comparisons with a known answer that were answered so."""
    return _share(right, NEEDED_CHECKS, "comparisons with a known answer")


def retest(same: Sequence[bool]) -> Measure:
    """The share of repeated comparisons, sides swapped, that were answered as the first time."""
    return _share(same, NEEDED_CHECKS, "repeated comparisons")


def position_bias(chose_left: Sequence[bool]) -> Measure:
    """The share of choices that fell on the left side. Sides are shuffled: 0.5 is no habit."""
    return _share(chose_left, NEEDED_CHOICES, "choices of a side")


def length_bias(chose_longer: Sequence[bool]) -> Measure:
    """The share of choices that fell on the longer response. Longer can be better: compare it
    with everybody's share in the project, not with 0.5."""
    return _share(chose_longer, NEEDED_CHOICES, "choices between responses of different length")


def _share(hits: Sequence[bool] | NDArray[np.bool_], needed: int, what: str) -> Measure:
    count = len(hits)
    if count < needed:
        return _too_few(count, needed, what)
    value = float(np.mean(hits))
    return Estimate(value, *wilson(value, count), count, count)


def _too_few(count: int, needed: int, what: str) -> Refusal:
    return Refusal(f"Needs {needed} {what}; there are {count}.", count, needed)
