"""The gain of best-of-n from one pool: against enumeration, and its KL against the exact one."""

from itertools import combinations
from math import comb, log

import numpy as np
import pytest

from modeling.core.policy.pool import best_texts
from modeling.core.policy.rollouts import Rollout
from modeling.core.policy_models.rewards import Shaping
from modeling.measures.best_of_n import best_of_n_curve, best_of_n_kl, best_weights, expected_best


@pytest.mark.parametrize("n", [1, 2, 3, 5, 6])
def test_the_estimate_is_the_mean_over_all_subsets(n: int) -> None:
    rewards = np.array([3.0, -1.0, 4.0, 1.5, 9.0, 2.5])
    every = [max(subset) for subset in combinations(rewards, n)]
    assert expected_best(rewards[None], rewards[None], n)[0] == pytest.approx(np.mean(every))


def test_the_weights_are_those_of_the_formula() -> None:
    weights = best_weights(7, 3)
    assert weights.tolist() == pytest.approx([comb(i, 2) / comb(7, 3) for i in range(7)])
    assert weights.sum() == pytest.approx(1.0)


def test_the_estimate_is_unbiased() -> None:
    """Best of 3 of uniform numbers has the mean 3/4. 4,000 pools of 8: standard error 0.002."""
    rewards = np.random.default_rng(0).random((4000, 8))
    assert expected_best(rewards, rewards, 3).mean() == pytest.approx(0.75, abs=0.01)


def test_another_value_follows_the_choice_by_reward() -> None:
    """The choice by reward picks the last one; its value is what counts."""
    rewards, values = np.array([[1.0, 2.0, 3.0]]), np.array([[10.0, 20.0, -5.0]])
    assert expected_best(rewards, values, 3)[0] == -5.0
    # of two: {1,2} -> 20, {1,3} and {2,3} -> -5
    assert expected_best(rewards, values, 2)[0] == pytest.approx((20 - 5 - 5) / 3)


def test_equal_rewards_are_chosen_with_equal_chances() -> None:
    rewards, values = np.array([[1.0, 1.0, 1.0]]), np.array([[0.0, 3.0, 6.0]])
    for n in (1, 2, 3):
        assert expected_best(rewards, values, n)[0] == pytest.approx(3.0)


def test_the_kl_bound_is_exact_where_all_responses_differ() -> None:
    """m equally likely responses: P(the i-th worst is the best of n) = (i^n - (i-1)^n) / m^n."""
    m, n = 4000, 8
    rank = np.arange(1, m + 1) / m
    chances = rank**n - (rank - 1 / m) ** n
    exact = (chances * np.log(chances * m)).sum()
    assert best_of_n_kl(n) == pytest.approx(exact, abs=1e-3)
    assert best_of_n_kl(1) == 0.0
    assert best_of_n_kl(2) == pytest.approx(log(2) - 0.5)


def test_the_curve_rises_within_its_intervals() -> None:
    rewards = np.random.default_rng(1).normal(size=(50, 16))
    curve = best_of_n_curve(rewards)
    assert [point["n"] for point in curve] == list(range(1, 17))
    means = [point["reward"] for point in curve]
    assert means == sorted(means)
    assert means[0] == pytest.approx(rewards.mean())
    assert means[-1] == pytest.approx(rewards.max(axis=1).mean())
    assert all(point["low"] < point["reward"] < point["high"] for point in curve)


def response(name: int, reward: float, log_ratio: float, ended: bool = True) -> Rollout:
    return Rollout(
        "p", (1,), [name], [log_ratio - 3.0], ended, "", reward=reward, reference_logps=[-3.0]
    )


@pytest.mark.parametrize(
    ("coefficient", "chosen"),
    [
        (0.0, 7),  # the reward alone: 2
        (0.2, 7),  # 2 - 0.2 * 4 = 1.2 against 1
        (0.3, 8),  # 2 - 0.3 * 4 = 0.8 against 1
    ],
)
def test_what_is_far_from_the_reference_must_be_worth_it(coefficient: float, chosen: int) -> None:
    pool = [[response(7, 2.0, 4.0), response(8, 1.0, 0.0), response(9, 5.0, 0.0, ended=False)]]
    (best,) = best_texts(pool, Shaping(penalty=10.0), coefficient)
    assert best.response == (chosen,)
