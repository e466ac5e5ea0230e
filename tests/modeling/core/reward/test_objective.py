"""The loss of prompt groups against sums written out, with rewards that a test gives."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from modeling.core.losses.preferences import davidson, plackett_luce
from modeling.core.reward.objective import comparison_loss, rankings, sums_for_log
from modeling.core.texts.groups import LabeledPair, Unit
from modeling.core.texts.text import Encoded


class Given:
    """A reader that gives each text the reward(s) at its first token."""

    def __init__(self, rewards: Tensor) -> None:
        self.rewards = rewards.requires_grad_()
        self.model = SimpleNamespace(device=torch.device("cpu"))
        self.read: list[list[int]] = []

    def member_rewards(self, groups: list[list[Encoded]]) -> Tensor:
        ids = [text.ids[0] for group in groups for text in group]
        self.read.append(ids)
        return self.rewards[ids]

    def tokens(self, group: list[Encoded]) -> int:
        return sum(len(text.ids) for text in group)


def config(**changes: Any) -> Any:
    common = {"label_smoothing": 0.0, "ties": "half", "tie_weight": 0.0, "rankings": "pairs"}
    return SimpleNamespace(**common | {"centering": 0.0} | changes)


def pair(i: int, j: int, target: float = 1.0, weight: float = 1.0, margin: float = 0.0) -> Any:
    return LabeledPair(f"{i}{j}", i, j, target, weight, margin)


# Group 0 has the texts 0, 1, 2; group 1 the texts 3, 4.
ENCODED = [[Encoded([at, 9], 1, False) for at in group] for group in ((0, 1, 2), (3, 4))]
UNITS = [
    Unit(0, (pair(0, 1), pair(1, 2, 0.3, 0.5, 0.4))),
    Unit(1, (pair(1, 0, 0.0, 2.0),)),
]
REWARDS = torch.tensor([[0.5], [-1.0], [2.0], [0.3], [0.1]])


def loss_of(
    rewards: Tensor, units: list[Unit], bootstrap: Any = None, **how: Any
) -> tuple[Tensor, dict[str, float], Given]:
    reader = Given(rewards.clone())
    stand_in: Any = reader
    loss, sums = comparison_loss(config(**how), stand_in, ENCODED, units, bootstrap)
    return loss, sums, reader


def naive(delta: float, target: float) -> float:
    d = torch.tensor(delta, dtype=torch.float64)
    return (-target * logsigmoid(d) - (1 - target) * logsigmoid(-d)).item()


def test_the_sum_is_by_weight_and_every_text_is_read_once() -> None:
    loss, sums, reader = loss_of(REWARDS, UNITS)
    expected = naive(1.5, 1.0) + 0.5 * naive(-3.0 + 0.4, 0.3) + 2.0 * naive(-0.2, 0.0)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert sums["loss"] == pytest.approx(expected, rel=1e-5)
    assert reader.read == [[0, 1, 2, 3, 4]]
    assert sums["tokens"] == 10


def test_the_gradient_is_that_of_finite_differences() -> None:
    loss, _, reader = loss_of(REWARDS, UNITS, label_smoothing=0.1, centering=0.05)
    loss.backward()
    for at in range(5):
        step = torch.zeros(5, 1)
        step[at] = 1e-2
        up, down = (
            loss_of(REWARDS + sign * step, UNITS, label_smoothing=0.1, centering=0.05)[0].item()
            for sign in (1, -1)
        )
        assert reader.rewards.grad[at].item() == pytest.approx((up - down) / 2e-2, abs=1e-3)  # type: ignore[index]


def test_the_loss_of_several_heads_is_the_mean_of_theirs() -> None:
    other = torch.tensor([[1.0], [1.5], [-2.0], [0.0], [4.0]])
    both, _, _ = loss_of(torch.cat([REWARDS, other], 1), UNITS)
    alone = [loss_of(rewards, UNITS)[0].item() for rewards in (REWARDS, other)]
    assert both.item() == pytest.approx(sum(alone) / 2, rel=1e-5)


def test_a_bootstrap_weighs_each_heads_prompts() -> None:
    """The first head sees group 0 twice and group 1 never, the second head the other way round."""
    rewards = torch.cat([REWARDS, REWARDS], 1)
    loss, _, reader = loss_of(rewards, UNITS, [[2.0, 0.0], [0.0, 1.0]])
    first = naive(1.5, 1.0) + 0.5 * naive(-2.6, 0.3)
    assert loss.item() == pytest.approx((2 * first + 2.0 * naive(-0.2, 0.0)) / 2, rel=1e-5)
    loss.backward()
    gradient: Any = reader.rewards.grad
    assert not gradient[3:, 0].any() and not gradient[:3, 1].any()


def test_one_text_against_itself_counts_and_teaches_nothing() -> None:
    encoded = [[Encoded([0, 9], 1, False), Encoded([0, 9], 1, True)]]
    reader: Any = Given(REWARDS.clone())
    loss, sums = comparison_loss(config(), reader, encoded, [Unit(0, (pair(0, 1),))])
    assert loss.item() == pytest.approx(0.693147, abs=1e-5)
    assert sums["points"] == 0.5
    loss.backward()
    assert not reader.rewards.grad.any(), "not even the rounding of a sum"


def test_centering_adds_the_squares_of_the_sums() -> None:
    plain, _, _ = loss_of(REWARDS, UNITS)
    centred, _, _ = loss_of(REWARDS, UNITS, centering=0.1)
    squares = (0.5 - 1.0) ** 2 + 0.5 * (-1.0 + 2.0) ** 2 + 2.0 * (0.1 + 0.3) ** 2
    assert (centred - plain).item() == pytest.approx(0.1 * squares, rel=1e-4)


def test_a_tie_is_told_before_smoothing_and_needs_a_weight_of_its_own() -> None:
    tie = [Unit(0, (pair(0, 1, 0.5),))]
    loss, _, _ = loss_of(REWARDS, tie, ties="davidson", tie_weight=0.8, label_smoothing=0.2)
    expected = davidson(torch.tensor([1.5]), torch.tensor([0.5]), tie_weight=0.8)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    without, _, _ = loss_of(REWARDS, tie, ties="davidson", tie_weight=0.0)
    assert without.item() == pytest.approx(naive(1.5, 0.5), rel=1e-5)


RANKED = Unit(0, (pair(0, 1, 1.0, 0.5), pair(1, 2, 0.0, 1.0), pair(0, 2, 0.0, 1.5)))


def test_a_ranking_is_read_as_one_and_weighs_what_its_pairs_would() -> None:
    """2 before 0 before 1; the weights 0.5 + 1 + 1.5 over two choices make 1.5."""
    units = [RANKED, UNITS[1]]
    loss, _, _ = loss_of(REWARDS, units, rankings="plackett_luce")
    order = plackett_luce(torch.tensor([2.0, 0.5, -1.0])).item()
    assert loss.item() == pytest.approx(1.5 * order + 2.0 * naive(-0.2, 0.0), rel=1e-5)
    as_pairs, _, _ = loss_of(REWARDS, units)
    assert as_pairs.item() != pytest.approx(loss.item(), rel=1e-3)


def test_a_bootstrap_weighs_rankings_too() -> None:
    rewards = torch.cat([REWARDS, REWARDS], 1)
    how = {"rankings": "plackett_luce"}
    loss, _, _ = loss_of(rewards, [RANKED], [[3.0, 1.0]], **how)
    once, _, _ = loss_of(REWARDS, [RANKED], **how)
    assert loss.item() == pytest.approx(2 * once.item(), rel=1e-5)


def test_rankings_are_of_three_and_more() -> None:
    how = config(rankings="plackett_luce")
    assert rankings(how, [UNITS[1], RANKED, UNITS[0]]) == {1: [2, 0, 1]}
    assert rankings(config(), [RANKED]) == {}


def test_the_logs_sums_leave_ties_out_of_the_decided() -> None:
    rewards = torch.tensor([1.0, 0.0, 1.0, -3.0])
    i, j = torch.tensor([0, 1, 0, 3]), torch.tensor([1, 0, 2, 0])
    target = torch.tensor([1.0, 0.7, 1.0, 0.5])  # right, wrong, equal, a tie
    sums = sums_for_log(rewards, i, j, target)
    assert (sums["points"], sums["decided"]) == (1.5, 3.0)
    assert sums["margin"] == pytest.approx(1.0 - 1.0 + 0.0)
    assert sums["reward"] == pytest.approx(0.5 + 0.5 + 1.0 - 1.0)
