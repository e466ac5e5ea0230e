"""Losses against values worked out by hand."""

import pytest
import torch

from modeling.core.losses import bradley_terry, weighted_mean


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
