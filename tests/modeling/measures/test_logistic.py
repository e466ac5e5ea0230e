"""Bayesian logistic regression, and what its beliefs say of a pair."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeling.measures.logistic import (
    LN2,
    Beliefs,
    entropy,
    entropy_of,
    fit,
    moderated,
    mutual_information,
)


def test_an_even_pair_is_most_uncertain() -> None:
    assert entropy(np.array([0.0]))[0] == pytest.approx(math.log(2))


def test_entropy_is_that_of_the_predicted_preference() -> None:
    p = 1 / (1 + math.exp(-1.3))
    expected = -p * math.log(p) - (1 - p) * math.log(1 - p)
    assert entropy(np.array([1.3]))[0] == pytest.approx(expected)
    assert entropy_of(np.array([p]))[0] == pytest.approx(expected)


@given(st.floats(allow_nan=False))
def test_entropy_is_symmetric_and_bounded_for_any_difference(difference: float) -> None:
    value, other = entropy(np.array([difference, -difference]))
    assert 0 <= value <= LN2
    assert value == other


def test_one_judgment_in_one_dimension() -> None:
    """w maximises log sigmoid(w) - w^2 / 2: w = 1 - sigmoid(w), so w = 0.4011; the Hessian there
    is 1 + sigmoid(w)(1 - sigmoid(w)) = 1.2402."""
    found = fit(np.array([[1.0]]), np.array([1.0]), 1.0)
    assert found.mean[0] == pytest.approx(0.4011, abs=1e-4)
    assert found.covariance[0, 0] == pytest.approx(1 / 1.2402, abs=1e-4)


def test_the_mode_has_no_slope() -> None:
    rng = np.random.default_rng(0)
    x, target, weight = rng.normal(size=(50, 4)), rng.random(50), rng.random(50)
    found = fit(x, target, np.array([0.5, 1.0, 2.0, 4.0]), weight=weight)
    p = 1 / (1 + np.exp(-x @ found.mean))
    slope = x.T @ (weight * (p - target)) + found.mean / np.array([0.5, 1.0, 2.0, 4.0])
    assert np.abs(slope).max() < 1e-5


def test_the_evidence_prefers_the_prior_that_made_the_weights() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 10))
    target = (rng.random(400) < 1 / (1 + np.exp(-x @ rng.normal(size=10)))).astype(float)
    evidence = {prior: fit(x, target, prior).evidence for prior in (0.001, 1.0, 1000.0)}
    assert max(evidence, key=lambda prior: evidence[prior]) == 1.0


def test_without_judgments_the_belief_is_the_prior() -> None:
    found = fit(np.empty((0, 2)), np.empty(0), 3.0, prior_mean=np.array([1.0, -1.0]))
    assert found.mean.tolist() == [1.0, -1.0]
    assert np.diag(found.covariance) == pytest.approx([3.0, 3.0])


def test_doubt_moves_a_probability_towards_a_half() -> None:
    """sigmoid(2 / sqrt(1 + pi 8/pi / 8)) = sigmoid(sqrt 2)."""
    found = moderated(np.array([2.0]), np.array([8.0 / math.pi]))
    assert found[0] == pytest.approx(1 / (1 + math.exp(-math.sqrt(2))))


def test_a_label_tells_nothing_to_a_model_that_is_sure_of_its_weights() -> None:
    told = mutual_information(Beliefs(np.array([0.0, 3.0]), np.zeros(2)))
    assert told == pytest.approx([0.0, 0.0], abs=1e-12)


def test_the_information_is_that_of_a_simulation() -> None:
    mean, variance = 0.7, 2.0
    f = np.random.default_rng(2).normal(mean, math.sqrt(variance), 400_000)
    p = 1 / (1 + np.exp(-f))
    expected = entropy_of(np.array([p.mean()]))[0] - entropy(f).mean()
    told = mutual_information(Beliefs(np.array([mean]), np.array([variance])))
    assert told[0] == pytest.approx(expected, abs=2e-3)
