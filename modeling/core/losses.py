"""Losses on the difference of two rewards. Pure functions of tensors, computed in fp32."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


def bradley_terry(delta: Tensor, target: Tensor, margin: Tensor | None = None) -> Tensor:
    """Negative log-likelihood of the judgments under Bradley and Terry (1952), per comparison.

    P(i beats j) = sigmoid(delta), so that the loss is
    -target * log sigmoid(delta) - (1 - target) * log sigmoid(-delta).

    Shape: all (C,), and so is the result.
        delta: reward of i minus reward of j
        target: share of the judgments for i: 1 = i was preferred, 0 = j was, 0.5 = a tie
        margin: by how much the preferred one should win (>= 0); it pushes towards the side the
            target is on, and a tie has no side
    """
    delta, target = delta.float(), target.float()
    if margin is not None:
        delta = delta - margin.float() * torch.sign(target - 0.5)
    return binary_cross_entropy_with_logits(delta, target, reduction="none")


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """sum(w * v) / sum(w): an optimiser step is as large for doubtful labelers as for sure ones."""
    return (values * weights).sum() / weights.sum()
