"""Which pairs are worth a label: worth, order and spread, by hand."""

import math

import numpy as np
import pytest

from modeling.measures.logistic import Beliefs
from modeling.selection.strategies import (
    RANDOM,
    WORTH,
    disagreement,
    double_thompson,
    first_of_each,
    max_min,
    order_of,
    spread_out,
    thompson,
    uncertainty,
    worth_of,
)
from modeling.settings.choices import Selection


def beliefs(*pairs: tuple[float, float]) -> Beliefs:
    mean, variance = zip(*pairs, strict=True)
    return Beliefs(np.array(mean), np.array(variance))


def test_a_project_can_set_every_strategy() -> None:
    assert {choice.value for choice in Selection} == {RANDOM, *WORTH}


def test_uncertainty_is_the_entropy_of_the_prediction() -> None:
    """p = 0.75 has 0.8113 bits; one that is all but sure has none left."""
    found = uncertainty(beliefs((0.0, 0.0), (math.log(3), 0.0), (40.0, 0.0)))
    assert found == pytest.approx([1.0, 0.8113, 0.0], abs=1e-4)


def test_doubt_of_the_model_makes_a_pair_more_uncertain() -> None:
    sure, doubting = uncertainty(beliefs((2.0, 0.0), (2.0, 4.0)))
    assert doubting > sure


def test_disagreement_needs_models_that_disagree() -> None:
    """Without variance an even pair is a coin that no label explains. With a huge one, sigmoid is 0
    or 1: the entropy of the mean is 1 bit, what is left of each model none."""
    even, unknown, known = disagreement(beliefs((0.0, 0.0), (0.0, 25.0), (6.0, 0.1)))
    assert even == pytest.approx(0.0, abs=1e-9)
    assert unknown > 0.6
    assert known < 0.01


def test_thompson_is_how_often_two_draws_differ() -> None:
    """One deviation from even: q = 0.8413, 4 q (1 - q) = 0.5340."""
    found = thompson(beliefs((0.0, 1.0), (2.0, 4.0), (3.0, 0.0)))
    assert found == pytest.approx([1.0, 0.5340, 0.0], abs=1e-4)


def test_max_min_is_the_gap() -> None:
    """2 sigmoid(ln 3) - 1 = 0.5, whichever side is ahead."""
    found = max_min(beliefs((0.0, 9.0), (math.log(3), 0.0), (-math.log(3), 1.0)))
    assert found == pytest.approx([0.0, 0.5, 0.5])


@pytest.mark.parametrize("strategy", list(Selection))
def test_worth_is_between_0_and_1(strategy: Selection) -> None:
    rng = np.random.default_rng(0)
    wild = Beliefs(rng.normal(scale=20, size=500), rng.exponential(scale=9, size=500))
    found = worth_of(strategy, wild, rng)
    assert found.min() >= 0.0 and found.max() <= 1.0 and np.isfinite(found).all()


@pytest.mark.parametrize("strategy", [s for s in Selection if s != Selection.RANDOM])
def test_a_pair_is_worth_the_same_from_either_side(strategy: Selection) -> None:
    rng = np.random.default_rng(0)
    one, other = worth_of(strategy, beliefs((1.3, 0.5), (-1.3, 0.5)), rng)
    assert one == pytest.approx(other)


def test_a_prompt_comes_once_in_a_batch() -> None:
    worth = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    prompts = np.array([1, 1, 1, 2, 2, 3])
    assert order_of(worth, prompts, batch=2).tolist() == [0, 3, 1, 4, 2, 5]


def test_behind_the_head_of_the_line_worth_alone_decides() -> None:
    worth = np.array([0.9, 0.8, 0.7, 0.6])
    prompts = np.array([1, 1, 1, 2])
    assert order_of(worth, prompts, batch=2, places=2).tolist() == [0, 3, 1, 2]


def test_every_comparison_keeps_one_place() -> None:
    rng = np.random.default_rng(3)
    worth, prompts = rng.random(700), rng.integers(0, 90, 700)
    order = order_of(worth, prompts, rng.normal(size=(700, 8)))
    assert sorted(order.tolist()) == list(range(700))


KINDS = np.array([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0], [1.0, 0.02]] + [[1.0, 0.03]] * 4)
FALLING = np.linspace(0.9, 0.2, 8)


def test_a_batch_is_spread_over_the_features() -> None:
    """Of the four best the second says what the best says; the third is of another kind."""
    order = order_of(FALLING, np.arange(8), KINDS, batch=2, places=2)
    assert order.tolist() == [0, 2, 1, 3, 4, 5, 6, 7]


def test_a_short_queue_is_not_ordered_by_difference_alone() -> None:
    order = order_of(FALLING[:4], np.arange(4), KINDS[:4], batch=2, places=2)
    assert order.tolist() == [0, 1, 2, 3]


def test_spreading_ignores_length_and_side() -> None:
    vectors = np.array([[1.0, 0.0], [-5.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    assert spread_out(vectors, 3).tolist() == [0, 3, 2]


def test_vectors_of_nothing_are_no_trouble() -> None:
    assert sorted(spread_out(np.zeros((4, 2)), 3).tolist()) == [0, 1, 2]


def test_the_first_of_each_prompt_is_found_beyond_the_window() -> None:
    values = np.array([7] * 100 + [8, 9])
    assert first_of_each(values, 2).tolist() == [0, 100]


def test_double_thompson_compares_two_models_winners() -> None:
    """Two models: one prefers the first response, the other the third. Never the second."""
    draws = np.array([[3.0, 0.0, 1.0], [1.0, 0.0, 3.0]])
    rng = np.random.default_rng(0)
    assert {frozenset(double_thompson(draws, rng) or ()) for _ in range(40)} == {frozenset((0, 2))}


def test_where_all_models_agree_the_rival_is_any_other() -> None:
    draws = np.array([[3.0, 0.0, 1.0]])
    rng = np.random.default_rng(0)
    pairs = {double_thompson(draws, rng) for _ in range(60)}
    assert pairs == {(0, 1), (0, 2)}


def test_one_response_makes_no_pair() -> None:
    assert double_thompson(np.ones((4, 1)), np.random.default_rng(0)) is None
