"""Accuracy, its interval, and the figures of a split."""

import numpy as np
import pytest

from labeling.quality.measures.intervals import wilson
from modeling.core.reward.evaluation import longer_wins, score_split
from modeling.core.texts.groups import LabeledPair, PromptGroup
from modeling.measures.intervals import accuracy_interval


def comparison(i: int, j: int, target: float = 1.0, weight: float = 1.0) -> LabeledPair:
    return LabeledPair(f"{i}-{j}", i, j, target, weight, 0.0)


def group(*comparisons: LabeledPair, name: str = "q") -> PromptGroup:
    return PromptGroup((("user", name),), "test", ["a", "bb", "ccc"], list(comparisons))


def test_a_split_is_scored_by_hand() -> None:
    """Rewards 2, 0, 0: 0 over 1 right by 2, 1 and 2 equal: accuracy 3/4, margin (2 + 0) / 2.

    Losses log(1 + e^-2) = 0.126928 with weight 1 and log 2 = 0.693147 with weight 0.5:
    (0.126928 + 0.346574) / 1.5 = 0.315668.
    """
    score = score_split([group(comparison(0, 1), comparison(1, 2, weight=0.5))], [[2.0, 0.0, 0.0]])
    assert score.accuracy == 0.75
    assert score.margin == 1.0
    assert score.loss == pytest.approx(0.315668, abs=1e-5)
    assert score.mean_reward == pytest.approx(2 / 3)
    assert score.reward_std == pytest.approx(0.942809, abs=1e-5)


def test_a_split_of_ties_has_a_loss_and_no_accuracy() -> None:
    score = score_split([group(comparison(0, 1, target=0.5))], [[1.0, 1.0, 0.0]])
    assert score.accuracy is None
    assert score.loss == pytest.approx(0.693147, abs=1e-6)


def test_the_interval_draws_whole_prompts() -> None:
    """Ten prompts with five comparisons each that stand or fall together are ten facts, not fifty:
    the interval is as wide as for ten single comparisons."""
    single = [[1.0]] * 7 + [[0.0]] * 3
    together = [[1.0] * 5] * 7 + [[0.0] * 5] * 3
    assert accuracy_interval(single) | {"n": 0} == accuracy_interval(together) | {"n": 0}
    assert accuracy_interval(together)["n"] == 50
    assert accuracy_interval(single)["low"] < 0.5


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """300 draws of 60 prompts at a true accuracy of 0.7: 95 % nominal, 93 % is the usual
    shortfall of a percentile bootstrap at this size."""

    random = np.random.default_rng(5)
    covered = 0
    for _ in range(300):
        interval = accuracy_interval([[float(x)] for x in random.random(60) < 0.7])
        covered += interval["low"] <= 0.7 <= interval["high"]
    assert 0.90 <= covered / 300 <= 0.98


def test_a_perfect_score_on_few_prompts_claims_no_certainty() -> None:
    """Wilson at 10 of 10: 1 / (1 + 1.96^2 / 10) = 0.722."""
    interval = accuracy_interval([[1.0]] * 10)
    assert interval["low"] == pytest.approx(0.722, abs=1e-3)
    assert interval["high"] == pytest.approx(1.0)
    assert wilson(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)


def test_longer_wins_is_the_accuracy_of_counting_letters() -> None:
    assert longer_wins([group(comparison(2, 0), comparison(0, 1))]) == 0.5
    assert longer_wins([group(comparison(0, 1, target=0.5))]) is None
