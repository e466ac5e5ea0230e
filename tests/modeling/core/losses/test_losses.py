"""Losses against values worked out by hand."""

import pytest
import torch

from modeling.core.losses.preferences import (
    bradley_terry,
    centering,
    davidson,
    plackett_luce,
    smooth,
    tie_weight_of,
    weighted_mean,
)


def loss(delta: float, target: float, margin: float | None = None) -> float:
    as_tensor = None if margin is None else torch.tensor([margin])
    return bradley_terry(torch.tensor([delta]), torch.tensor([target]), as_tensor).item()


def test_equal_rewards_cost_log_two_whatever_the_target() -> None:
    """sigmoid(0) = 1/2 on both sides: -t log(1/2) - (1 - t) log(1/2) = log 2 = 0.693147."""
    for target in (0.0, 0.3, 0.5, 1.0):
        assert loss(0.0, target) == pytest.approx(0.693147, abs=1e-6)


def test_a_clear_preference_costs_minus_log_sigmoid_of_the_difference() -> None:
    """-log sigmoid(2) = log(1 + e^-2) = log 1.135335 = 0.126928; the wrong way round 2 more."""
    assert loss(2.0, 1.0) == pytest.approx(0.126928, abs=1e-6)
    assert loss(-2.0, 1.0) == pytest.approx(2.126928, abs=1e-6)
    assert loss(2.0, 0.0) == pytest.approx(2.126928, abs=1e-6)


def test_a_soft_target_mixes_both_sides() -> None:
    """0.8 * log(1 + e^-1) + 0.2 * log(1 + e^1) = 0.8 * 0.313262 + 0.2 * 1.313262 = 0.513262."""
    assert loss(1.0, 0.8) == pytest.approx(0.513262, abs=1e-6)


def test_a_tie_is_cheapest_at_equal_rewards() -> None:
    """The derivative sigmoid(d) - 1/2 is zero only at d = 0."""
    delta = torch.zeros(1, requires_grad=True)
    bradley_terry(delta, torch.tensor([0.5])).sum().backward()
    assert delta.grad is not None
    assert delta.grad.item() == 0.0


def test_a_margin_asks_the_preferred_side_to_win_by_more() -> None:
    """-log sigmoid(2 - 1) = log(1 + e^-1) = 0.313262, from either side; a tie has no side."""
    assert loss(2.0, 1.0, 1.0) == pytest.approx(0.313262, abs=1e-6)
    assert loss(-2.0, 0.0, 1.0) == pytest.approx(0.313262, abs=1e-6)
    assert loss(2.0, 0.5, 1.0) == loss(2.0, 0.5)


def test_low_precision_differences_are_computed_in_fp32() -> None:
    """In bf16 the loss of 0.1 would round to 8 bits: log(1 + e^-0.1) = 0.644397."""
    delta = torch.tensor([0.1], dtype=torch.bfloat16)
    value = bradley_terry(delta, torch.ones(1))
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(0.644397, abs=5e-5)


def test_weights_share_one_mean() -> None:
    """(1 * 4 + 0.5 * 1) / 1.5 = 3."""
    assert weighted_mean(torch.tensor([4.0, 1.0]), torch.tensor([1.0, 0.5])).item() == 3.0


def test_label_smoothing_moves_a_target_towards_the_other_side() -> None:
    """(1 - e) t + e (1 - t) at e = 0.1: 1 -> 0.9, 0 -> 0.1, 0.7 -> 0.66, a tie stays 0.5."""
    smoothed = smooth(torch.tensor([1.0, 0.0, 0.7, 0.5]), 0.1)
    assert smoothed.tolist() == pytest.approx([0.9, 0.1, 0.66, 0.5])


def outcome(delta: float, target: float, tie_weight: float) -> float:
    as_tensors = torch.tensor([delta]), torch.tensor([target])
    return davidson(*as_tensors, tie_weight=tie_weight).item()


def test_davidson_at_equal_rewards() -> None:
    """nu = 1: i, tie and j share 1 : 1 : 1, each costs log 3 = 1.098612.
    nu = 2: 1 : 2 : 1, a tie costs log 2 = 0.693147 and a win log 4 = 1.386294."""
    for target in (0.0, 0.5, 1.0):
        assert outcome(0.0, target, 1.0) == pytest.approx(1.098612, abs=1e-6)
    assert outcome(0.0, 0.5, 2.0) == pytest.approx(0.693147, abs=1e-6)
    assert outcome(0.0, 1.0, 2.0) == pytest.approx(1.386294, abs=1e-6)


def test_davidson_at_a_difference_of_two() -> None:
    """nu = 1: e : 1 : 1/e = 2.718282 : 1 : 0.367879, sum 4.086161.
    -log(e / 4.086161) = 0.407606; tie log 4.086161 = 1.407606; loss of j 2.407606."""
    assert outcome(2.0, 1.0, 1.0) == pytest.approx(0.407606, abs=1e-6)
    assert outcome(2.0, 0.5, 1.0) == pytest.approx(1.407606, abs=1e-6)
    assert outcome(2.0, 0.0, 1.0) == pytest.approx(2.407606, abs=1e-6)


def test_davidson_of_huge_differences_is_finite() -> None:
    """-log(e^-100 / (e^100 + 1 + e^-100)) = 200; a tie at 200 costs 100."""
    assert outcome(200.0, 0.0, 1.0) == pytest.approx(200.0)
    assert outcome(-200.0, 0.5, 1.0) == pytest.approx(100.0)


def test_the_tie_weight_gives_equals_the_observed_share_of_ties() -> None:
    """nu / (2 + nu) = 1/3 at nu = 1; 1/2 at nu = 2; no ties, no weight."""
    assert tie_weight_of(1 / 3) == pytest.approx(1.0)
    assert tie_weight_of(0.5) == 2.0
    assert tie_weight_of(0.0) == 0.0


def test_centering_is_the_square_of_the_sum() -> None:
    """(1.5 - 0.5)^2 = 1; opposite rewards cost nothing."""
    level = centering(torch.tensor([1.5, 2.0]), torch.tensor([-0.5, -2.0]))
    assert level.tolist() == [1.0, 0.0]


def test_a_ranking_is_a_series_of_choices() -> None:
    """Rewards 2, 1, 0: first -log(e^2 / (e^2 + e + 1)) = 0.407606, then log(1 + e^-1) = 0.313262.
    All equal: log 3 + log 2 = log 6 = 1.791759."""
    assert plackett_luce(torch.tensor([2.0, 1.0, 0.0])).item() == pytest.approx(0.720868, abs=1e-6)
    assert plackett_luce(torch.zeros(3)).item() == pytest.approx(1.791759, abs=1e-6)


def test_a_ranking_of_two_is_a_comparison() -> None:
    """log(1 + e^-3) = 0.048587."""
    assert plackett_luce(torch.tensor([3.0, 0.0])).item() == pytest.approx(0.048587, abs=1e-6)
    assert loss(3.0, 1.0) == pytest.approx(0.048587, abs=1e-6)
