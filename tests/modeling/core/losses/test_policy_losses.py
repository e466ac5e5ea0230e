"""Losses, advantages and KL estimates against values worked out by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modeling.core.losses.advantages import gae, leave_one_out, whiten
from modeling.core.losses.kl import adapt, sequence_kl, token_kl
from modeling.core.losses.policy import clipped_policy_loss, clipped_value_loss, dpo_loss

LN2 = math.log(2)


def test_k1_and_k3_of_a_ratio_of_two() -> None:
    """The policy finds the token twice as likely: k1 = log 2, k3 = 1/2 - 1 + log 2."""
    logps, reference = torch.tensor([math.log(0.4)]), torch.tensor([math.log(0.2)])
    assert token_kl(logps, reference, "k1").item() == pytest.approx(LN2)
    assert token_kl(logps, reference, "k3").item() == pytest.approx(LN2 - 0.5)


@pytest.mark.parametrize("estimator", ["k1", "k3"])
def test_both_estimators_have_the_mean_that_the_kl_is(estimator: str) -> None:
    """Summed over all tokens with the policy's probabilities they give sum p log(p / q)."""
    policy, reference = torch.tensor([0.7, 0.2, 0.1]), torch.tensor([0.5, 0.3, 0.2])
    mean = (policy * token_kl(policy.log(), reference.log(), estimator)).sum()
    exact = (policy * (policy / reference).log()).sum()
    assert mean.item() == pytest.approx(exact.item(), abs=1e-6)


def test_a_responses_kl_is_the_sum_over_its_tokens() -> None:
    assert sequence_kl([-1.0, -2.0], [-1.5, -1.0], "k1") == pytest.approx(0.5 - 1.0)
    assert sequence_kl([], [], "k1") == 0.0


def test_the_coefficient_follows_the_kl() -> None:
    """100 responses of a horizon of 1,000: at most 0.2 * 0.1 = 2 % per step."""
    assert adapt(0.1, 6.0, 6.0, 100, 1000) == pytest.approx(0.1)
    assert adapt(0.1, 6.6, 6.0, 100, 1000) == pytest.approx(0.1 * 1.01)
    assert adapt(0.1, 60.0, 6.0, 100, 1000) == pytest.approx(0.1 * 1.02)
    assert adapt(0.1, 0.0, 6.0, 100, 1000) == pytest.approx(0.1 * 0.98)
    assert adapt(0.1, 0.0, 6.0, 10_000, 1000) > 0


def test_leave_one_out_takes_off_the_mean_of_the_others() -> None:
    """1 - (2 + 6) / 2 = -3, 2 - (1 + 6) / 2 = -1.5, 6 - (1 + 2) / 2 = 4.5."""
    advantages = leave_one_out(torch.tensor([[1.0, 2.0, 6.0], [5.0, 5.0, 5.0]]))
    assert advantages.tolist() == [[-3.0, -1.5, 4.5], [0.0, 0.0, 0.0]]


def test_gae_of_three_steps() -> None:
    """gamma = 0.5, lambda = 0.5, so each following advantage counts a quarter.

    delta_2 = 4 - 2 = 2; delta_1 = 0 + 0.5 * 2 - 1 = 0, A_1 = 0 + 2 / 4 = 0.5;
    delta_0 = 1 + 0.5 * 1 - 0.5 = 1, A_0 = 1 + 0.5 / 4 = 1.125. Returns are A + V.
    """
    rewards = torch.tensor([[1.0, 0.0, 4.0, 9.0]])
    values = torch.tensor([[0.5, 1.0, 2.0, 7.0]])
    mask = torch.tensor([[True, True, True, False]])
    advantages, returns = gae(rewards, values, mask, gamma=0.5, lam=0.5)
    assert advantages.tolist() == [[1.125, 0.5, 2.0, 0.0]]
    assert returns.tolist() == [[1.625, 1.5, 4.0, 0.0]]


def test_gae_without_discount_is_what_is_still_to_come_less_the_value() -> None:
    rewards, values = torch.randn(3, 5), torch.randn(3, 5)
    mask = torch.arange(5) < torch.tensor([[5], [2], [1]])
    advantages, _ = gae(rewards, values, mask, gamma=1.0, lam=1.0)
    to_come = (rewards * mask).flip(1).cumsum(1).flip(1)
    assert torch.allclose(advantages, (to_come - values) * mask, atol=1e-5)


def test_whitening_looks_at_real_entries_only() -> None:
    values = torch.tensor([[1.0, 3.0, 99.0]])
    whitened = whiten(values, torch.tensor([[True, True, False]]))
    assert whitened[0].tolist() == pytest.approx([-1.0, 1.0, 0.0])


def test_what_has_no_spread_is_whitened_to_zero() -> None:
    assert whiten(torch.tensor([4.0]), torch.tensor([True])).tolist() == [0.0]
    assert whiten(torch.tensor([4.0, 4.0]), torch.tensor([True, True])).tolist() == [0.0, 0.0]


def test_the_surrogate_stops_rewarding_beyond_the_clip() -> None:
    """Ratios 1.5, 0.5, 1.5, 0.5 with advantages 1, 1, -1, -1 and a clip of 0.2:
    min(1.5, 1.2) = 1.2; min(0.5, 0.8) = 0.5; min(-1.5, -1.2) = -1.5; min(-0.5, -0.8) = -0.8."""
    logps = torch.tensor([1.5, 0.5, 1.5, 0.5]).log()
    advantages = torch.tensor([1.0, 1.0, -1.0, -1.0])
    loss, clipped = clipped_policy_loss(logps, torch.zeros(4), advantages, 0.2)
    assert loss.tolist() == pytest.approx([-1.2, -0.5, 1.5, 0.8])
    assert clipped.tolist() == [1.0, 0.0, 0.0, 1.0]


def test_the_first_gradient_is_the_policy_gradient() -> None:
    logps = torch.tensor([-1.0, -2.0], requires_grad=True)
    loss, _ = clipped_policy_loss(logps, logps.detach(), torch.tensor([0.7, -0.3]), 0.2)
    loss.sum().backward()
    assert logps.grad is not None and logps.grad.tolist() == pytest.approx([-0.7, 0.3])


def test_the_value_may_move_by_the_clip_only() -> None:
    """Old 0, return 1. At 0.1: 0.5 * 0.9^2. At 0.5 with a clip of 0.2 the held value 0.2 counts:
    0.5 * 0.8^2, more than 0.5 * 0.5^2."""
    loss, clipped = clipped_value_loss(torch.tensor([0.1, 0.5]), torch.zeros(2), torch.ones(2), 0.2)
    assert loss.tolist() == pytest.approx([0.405, 0.32])
    assert clipped.tolist() == [0.0, 1.0]


def test_dpo_by_hand() -> None:
    """beta * m = 0.1 * 10 = 1: -log sigmoid(1) = 0.3133, and 1.3133 for the other side."""
    margin = torch.tensor([10.0, 10.0, 10.0, 0.0])
    target = torch.tensor([1.0, 0.0, 0.5, 1.0])
    losses = dpo_loss(margin, target, 0.1)
    assert losses.tolist() == pytest.approx([0.31326, 1.31326, 0.81326, LN2], abs=1e-5)
    smoothed = dpo_loss(margin[:1], target[:1], 0.1, smoothing=0.1)
    assert smoothed.item() == pytest.approx(0.9 * 0.31326 + 0.1 * 1.31326, abs=1e-5)


@given(st.floats(-30, 30), st.floats(0, 1))
def test_dpo_is_lowest_where_the_margin_says_what_the_target_says(margin: float, t: float) -> None:
    """sigmoid(m) = t is the minimum: the entropy of the target."""
    losses = dpo_loss(torch.tensor([margin]), torch.tensor([t]), 1.0).item()
    entropy = -sum(p * math.log(p) for p in (t, 1 - t) if p > 0)
    assert losses >= entropy - 1e-4
