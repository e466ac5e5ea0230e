"""Losses against naive sums and finite differences, over random inputs."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck

from modeling.core.losses.advantages import gae, leave_one_out, whiten
from modeling.core.losses.kl import adapt, token_kl
from modeling.core.losses.policy import clipped_policy_loss, clipped_value_loss, dpo_loss
from modeling.core.losses.preferences import (
    bradley_terry,
    centering,
    davidson,
    plackett_luce,
    smooth,
    tie_weight_of,
    weighted_mean,
)

REWARD = st.floats(-20, 20, width=32)
SHARE = st.floats(0, 1, width=32)
SEED = st.integers(0, 2**31)


def rand(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@given(delta=REWARD, target=SHARE)
def test_swapping_the_sides_of_a_comparison_changes_no_loss(delta: float, target: float) -> None:
    here = torch.tensor([delta]), torch.tensor([target])
    there = torch.tensor([-delta]), torch.tensor([1 - target])
    for loss in (bradley_terry, lambda d, t: davidson(d, t, tie_weight=0.7)):
        assert loss(*here).item() == pytest.approx(loss(*there).item(), rel=1e-4, abs=1e-4)


@given(delta=REWARD, nu=st.floats(0.01, 10))
def test_the_three_outcomes_of_davidson_are_all_there_are(delta: float, nu: float) -> None:
    targets = torch.tensor([1.0, 0.5, 0.0])
    losses = davidson(torch.full((3,), delta), targets, tie_weight=nu)
    assert losses.double().neg().exp().sum().item() == pytest.approx(1.0, abs=1e-4)


@given(delta=REWARD, target=SHARE.filter(lambda share: share != 0.5))
def test_davidson_without_ties_is_bradley_and_terry(delta: float, target: float) -> None:
    """With nu -> 0 nothing is left for the tie."""
    here = torch.tensor([delta]), torch.tensor([target])
    assert davidson(*here, tie_weight=1e-12).item() == pytest.approx(
        bradley_terry(*here).item(), abs=1e-4
    )


@given(share=st.floats(0, 0.99))
def test_the_tie_weight_turns_back_into_its_share(share: float) -> None:
    nu = tie_weight_of(share)
    assert nu / (2 + nu) == pytest.approx(share, abs=1e-12)


@given(seed=SEED, count=st.integers(2, 7))
def test_a_ranking_is_the_product_of_its_choices(seed: int, count: int) -> None:
    rewards = rand(seed, count)
    chance = 1.0
    for place in range(count):
        left = rewards[place:].double().exp()
        chance *= (left[0] / left.sum()).item()
    assert plackett_luce(rewards).item() == pytest.approx(-math.log(chance), rel=1e-4)


@given(seed=SEED, heads=st.integers(1, 4))
def test_several_heads_have_the_losses_of_each_alone(seed: int, heads: int) -> None:
    rewards = rand(seed, 5, heads)
    both = plackett_luce(rewards)
    assert torch.allclose(both, torch.stack([plackett_luce(r) for r in rewards.T]), atol=1e-5)
    delta, target = rand(seed, 6, heads), torch.rand(6, 1)
    whole = bradley_terry(delta, target)
    for head in range(heads):
        assert torch.allclose(whole[:, head], bradley_terry(delta[:, head], target[:, 0]))


@given(seed=SEED, level=st.floats(-50, 50))
def test_a_level_added_to_all_rewards_changes_only_what_is_centred(seed: int, level: float) -> None:
    rewards = rand(seed, 4)
    assert plackett_luce(rewards + level).item() == pytest.approx(
        plackett_luce(rewards).item(), abs=1e-3
    )
    moved = centering(rewards[0] + level, rewards[1] + level)
    expected = (rewards[0] + rewards[1] + 2 * level).square()
    assert moved.item() == pytest.approx(expected.item(), rel=1e-3, abs=1e-3)


@given(target=SHARE, epsilon=st.floats(0, 0.5))
def test_smoothing_never_turns_a_judgment_round(target: float, epsilon: float) -> None:
    smoothed = smooth(torch.tensor(target), epsilon).item()
    assert 0 <= smoothed <= 1
    assert (smoothed - 0.5) * (target - 0.5) >= -1e-9
    assert abs(smoothed - 0.5) <= abs(target - 0.5) + 1e-6


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_gradients_are_those_of_finite_differences() -> None:
    """Losses cast to fp32 on purpose are left out: differences of them are rounding."""
    target = torch.tensor([1.0, 0.3, 0.5], dtype=torch.float64)
    margin = double(0.4, -2.0, 1.5)
    assert gradcheck(lambda m: dpo_loss(m, target, 0.3, 0.1), (margin,))
    old = torch.tensor([0.3, -2.2, 1.2], dtype=torch.float64)
    advantage = torch.tensor([1.0, -0.5, 2.0], dtype=torch.float64)
    assert gradcheck(lambda x: clipped_policy_loss(x, old, advantage, 0.2)[0], (margin,))
    assert gradcheck(lambda x: clipped_value_loss(x, old, advantage, 0.2)[0], (margin,))
    assert gradcheck(lambda x: token_kl(x, old, "k3"), (margin,))
    assert gradcheck(lambda x: weighted_mean(x, target), (margin,))


def test_the_gradient_of_a_comparison_is_how_wrong_the_model_is() -> None:
    """d loss / d delta = sigmoid(delta) - target, the residual of logistic regression."""
    delta = torch.tensor([-3.0, 0.0, 2.5], requires_grad=True)
    target = torch.tensor([1.0, 0.3, 0.5])
    bradley_terry(delta, target).sum().backward()
    assert delta.grad is not None
    expected = (torch.sigmoid(delta) - target).detach()
    assert torch.allclose(delta.grad, expected, atol=1e-6)


def test_a_hopeless_comparison_still_has_a_gradient() -> None:
    """A sigmoid followed by a log would be log(0) here."""
    delta = torch.tensor([-200.0], requires_grad=True)
    for loss in (bradley_terry, lambda d, t: davidson(d, t, tie_weight=1.0)):
        delta.grad = None
        loss(delta, torch.ones(1)).sum().backward()
        assert delta.grad is not None
        assert delta.grad.item() == pytest.approx(-1.0)


@given(seed=SEED, gamma=st.floats(0, 1), lam=st.floats(0, 1))
def test_gae_is_the_discounted_sum_of_what_surprises(seed: int, gamma: float, lam: float) -> None:
    length = 6
    rewards, values = rand(seed, 1, length), rand(seed + 1, 1, length)
    mask = torch.ones(1, length, dtype=torch.bool)
    advantages, returns = gae(rewards, values, mask, gamma=gamma, lam=lam)
    after = [*values[0, 1:].tolist(), 0.0]
    deltas = [
        r + gamma * v_next - v
        for r, v, v_next in zip(rewards[0].tolist(), values[0].tolist(), after, strict=True)
    ]
    for t in range(length):
        naive = sum((gamma * lam) ** (k - t) * deltas[k] for k in range(t, length))
        assert advantages[0, t].item() == pytest.approx(naive, abs=1e-4)
    assert torch.allclose(returns, advantages + values)


@given(seed=SEED, lengths=st.lists(st.integers(0, 5), min_size=1, max_size=4))
def test_what_stands_behind_a_response_changes_nothing(seed: int, lengths: list[int]) -> None:
    width = max(1, *lengths)
    mask = torch.arange(width) < torch.tensor(lengths)[:, None]
    rewards, values = rand(seed, len(lengths), width), rand(seed + 1, len(lengths), width)
    clean = gae(rewards * mask, values * mask, mask, gamma=0.9, lam=0.8)
    dirty = gae(
        torch.where(mask, rewards, 7.0), torch.where(mask, values, -9.0), mask, gamma=0.9, lam=0.8
    )
    for one, other in zip(clean, dirty, strict=True):
        assert torch.equal(one, other)
        assert not one[~mask].any()
    hidden = torch.where(mask, values, torch.nan)
    assert torch.equal(whiten(hidden, mask), whiten(values * mask, mask))


@given(seed=SEED, size=st.integers(2, 40), level=st.floats(-100, 100), scale=st.floats(1, 1e3))
def test_whitened_entries_have_mean_0_and_variance_1(
    seed: int, size: int, level: float, scale: float
) -> None:
    values = rand(seed, size) * scale + level
    whitened = whiten(values, torch.ones(size, dtype=torch.bool)).double()
    if whitened.any():
        assert whitened.mean().item() == pytest.approx(0.0, abs=2e-3)
        assert whitened.var(correction=0).item() == pytest.approx(1.0, abs=2e-3)
    order = values.argsort()
    assert all(a <= b for a, b in pairwise(whitened[order].tolist())), "the order stays"


def test_a_value_that_is_no_number_is_not_hidden_by_whitening() -> None:
    for bad in (math.nan, math.inf):
        whitened = whiten(torch.tensor([1.0, bad]), torch.tensor([True, True]))
        assert whitened.isnan().all()
    assert leave_one_out(torch.tensor([[1.0, math.nan]])).isnan().all()


@given(seed=SEED, prompts=st.integers(1, 4), count=st.integers(2, 6))
def test_leave_one_out_is_fair_within_each_prompt(seed: int, prompts: int, count: int) -> None:
    rewards = rand(seed, prompts, count)
    by_prompt = leave_one_out(rewards)
    assert torch.allclose(by_prompt.sum(1), torch.zeros(prompts), atol=1e-4)
    for row, advantages in zip(rewards.tolist(), by_prompt.tolist(), strict=True):
        for at, advantage in enumerate(advantages):
            others = row[:at] + row[at + 1 :]
            assert advantage == pytest.approx(row[at] - sum(others) / len(others), abs=1e-4)


@given(
    coefficient=st.floats(1e-6, 10),
    kl=st.floats(0, 1e6),
    target=st.floats(0.01, 100),
    samples=st.integers(1, 10**6),
)
def test_the_coefficient_stays_positive_and_follows_the_side_of_the_target(
    coefficient: float, kl: float, target: float, samples: int
) -> None:
    following = adapt(coefficient, kl, target, samples, 1000)
    assert following > 0
    assert (following - coefficient) * (kl - target) >= 0


@given(seed=SEED)
def test_k3_is_never_negative_and_zero_where_both_agree(seed: int) -> None:
    logps, reference = -rand(seed, 20).abs(), -rand(seed + 1, 20).abs()
    assert (token_kl(logps, reference, "k3") >= 0).all()
    assert not token_kl(logps, logps, "k3").any()
    tiny = token_kl(torch.tensor([-1.0]), torch.tensor([-1.0 + 1e-4]), "k3").item()
    assert tiny == pytest.approx(5e-9, rel=0.2), "exp - 1 + d would be rounding"


@given(seed=SEED, clip=st.floats(0.01, 0.9))
def test_the_clipped_loss_is_the_larger_of_both_branches(seed: int, clip: float) -> None:
    logps, old, advantages = (rand(seed + at, 12) for at in range(3))
    loss, clipped = clipped_policy_loss(logps, old, advantages, clip)
    for x, y, a, value, flag in zip(logps, old, advantages, loss, clipped, strict=True):
        ratio = math.exp(x - y)
        plain, held = -a * ratio, -a * min(max(ratio, 1 - clip), 1 + clip)
        assert value.item() == pytest.approx(max(plain, held).item(), rel=1e-4, abs=1e-5)
        assert bool(flag) == bool(held > plain + 1e-6) or abs(held - plain) < 1e-4
