"""The instant head: one judgment at a time, in closed form."""

import math

import numpy as np
import pytest

from modeling.measures.logistic import fit
from modeling.selection.instant_head import InstantHead, Line, mix, solve_move


def judgments(count: int, features: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pairs [margin, features] and who won, by a rule that the margin knows half of."""
    rng = np.random.default_rng(seed)
    gap = rng.normal(size=(count, features)) / math.sqrt(features)
    truth = 3.0 * gap[:, 0] + 3.0 * gap[:, 1]
    x = np.column_stack([3.0 * gap[:, 0], gap])
    return x, (rng.random(count) < 1 / (1 + np.exp(-truth))).astype(float)


def test_it_begins_as_the_model_that_it_corrects() -> None:
    head = InstantHead(3, scales=(0.0,))
    assert head.mean[0].tolist() == [1.0, 0.0, 0.0, 0.0]
    beliefs = head.beliefs(np.array([[1.2, 5.0, 5.0, 5.0]]))
    assert beliefs.mean[0] == pytest.approx(1.2)
    # Only the calibration is in doubt: 0.5^2 1.2^2.
    assert beliefs.variance[0] == pytest.approx(0.36)


def test_one_judgment_by_hand() -> None:
    """A single feature, prior variance 1, no margin: the mode solves w = 1 - sigmoid(w), as in
    test_logistic.py; the variance is 1 / (1 + sigmoid(w)(1 - sigmoid(w)))."""
    head = InstantHead(1, scales=(1.0,))
    guess = head.learn(np.array([0.0, 1.0]), 1.0)
    assert guess.probability == pytest.approx(0.5)
    assert head.mean[0, 1] == pytest.approx(0.4011, abs=1e-4)
    assert head.covariance[0, 1, 1] == pytest.approx(1 / 1.2402, abs=1e-4)
    assert head.mean[0, 0] == 1.0


def test_a_tie_of_an_even_pair_moves_nothing_but_narrows() -> None:
    head = InstantHead(1, scales=(1.0,))
    head.learn(np.array([0.0, 1.0]), 0.5)
    assert head.mean[0, 1] == pytest.approx(0.0)
    assert head.covariance[0, 1, 1] == pytest.approx(1 / 1.25)


def test_a_judgment_of_no_weight_teaches_nothing() -> None:
    head = InstantHead(2)
    before = head.covariance.copy()
    head.learn(np.array([0.3, 1.0, -1.0]), 1.0, weight=1e-12)
    assert head.covariance == pytest.approx(before, abs=1e-9)


def test_seen_from_the_other_side_it_is_the_same_judgment() -> None:
    x = np.array([0.4, 1.0, -2.0])
    one, other = InstantHead(2), InstantHead(2)
    one.learn(x, 1.0)
    other.learn(-x, 0.0)
    assert one.mean == pytest.approx(other.mean)


@pytest.mark.parametrize("weight", [0.2, 1.0])
@pytest.mark.parametrize("target", [0.0, 0.5, 0.7, 1.0])
def test_the_step_solves_its_equation_far_out_too(target: float, weight: float) -> None:
    mean, variance = np.array([-30.0, 0.0, 4.0, 30.0]), np.array([100.0, 1e-9, 2.0, 50.0])
    found = solve_move(mean, variance, target, weight)
    p = 1 / (1 + np.exp(-(mean + found * variance)))
    assert found == pytest.approx(weight * (target - p), abs=1e-9)


def test_judgment_by_judgment_comes_close_to_all_at_once() -> None:
    x, target = judgments(150, 5)
    head = InstantHead(5, scales=(1.0,))
    for row, won in zip(x, target, strict=True):
        head.learn(row, won)
    prior = np.array([0.25, 1, 1, 1, 1, 1])
    whole = fit(x, target, prior, prior_mean=np.array([1.0, 0, 0, 0, 0, 0]))
    assert head.mean[0] == pytest.approx(whole.mean, abs=0.2)
    assert np.diag(head.covariance[0]) == pytest.approx(np.diag(whole.covariance), rel=0.3)


def test_scales_that_foretell_better_count_for_more() -> None:
    x, target = judgments(300, 5)
    head = InstantHead(5)
    for row, won in zip(x, target, strict=True):
        head.learn(row, won)
    assert head.weights[0] < 0.01, "the model alone misses half of the rule"
    nothing = InstantHead(5)
    for row, won in zip(x, np.random.default_rng(1).permutation(target), strict=True):
        nothing.learn(np.array([0.0, *row[1:]]), won)
    assert nothing.weights[3] < 0.05, "where features teach nothing the widest prior loses"


def test_it_learns_what_the_model_does_not_know() -> None:
    x, target = judgments(400, 5)
    head, right = InstantHead(5), []
    for row, won in zip(x, target, strict=True):
        right.append((head.learn(row, won).probability > 0.5) == won)
    model_alone = (x[:, 0] > 0) == target
    assert np.mean(right[100:]) > np.mean(model_alone[100:]) + 0.03


def test_the_line_keeps_up_with_the_head() -> None:
    x, target = judgments(60, 8)
    queue, _ = judgments(200, 8, seed=1)
    head = InstantHead(8)
    line = Line(head, queue)
    for row, won in zip(x, target, strict=True):
        line.follow(head.learn(row, won).step)
    mean, variance = head.each(queue)
    assert line.mean == pytest.approx(mean, abs=1e-4)
    assert line.variance == pytest.approx(variance, abs=1e-4)


def test_a_mixture_has_the_mean_and_variance_of_all_its_parts() -> None:
    """Half N(0, 1), half N(2, 3): mean 1, variance (1 + 3) / 2 + 1."""
    beliefs = mix(np.array([0.5, 0.5]), np.array([[0.0, 2.0]]), np.array([[1.0, 3.0]]))
    assert (beliefs.mean[0], beliefs.variance[0]) == (1.0, 3.0)


def test_drawn_models_have_the_beliefs_mean_and_variance() -> None:
    head = InstantHead(2, scales=(2.0,))
    head.learn(np.array([0.0, 1.0, 1.0]), 1.0)
    draws = head.draw(40_000, np.random.default_rng(0))
    assert draws.mean(axis=0) == pytest.approx(head.mean[0], abs=0.05)
    assert np.cov(draws.T) == pytest.approx(head.covariance[0], abs=0.1)


def test_without_features_it_learns_the_calibration_alone() -> None:
    head = InstantHead(0)
    for _ in range(200):
        head.learn(np.array([2.0]), 0.5)  # the model is far too sure
    assert head.mean[0, 0] < 0.3


@pytest.mark.parametrize("target", [0.0, 0.5, 1.0])
def test_a_reward_model_that_claims_the_impossible_is_no_trouble(target: float) -> None:
    head = InstantHead(1)
    for _ in range(5):
        guess = head.learn(np.array([500.0, 1.0]), target)
        assert 0.0 <= guess.probability <= 1.0
    assert np.isfinite(head.mean).all() and np.isfinite(head.covariance).all()
    assert head.weights.sum() == pytest.approx(1.0)
