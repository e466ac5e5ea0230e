"""Losses on the differences of rewards. Pure functions of tensors, computed in fp32."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid, softplus


def bradley_terry(delta: Tensor, target: Tensor, margin: Tensor | None = None) -> Tensor:
    """Negative log-likelihood of the judgments under Bradley and Terry (1952), per comparison.

    P(i beats j) = sigmoid(delta), so that the loss is
    -target * log sigmoid(delta) - (1 - target) * log sigmoid(-delta).

    Shape: all (C,), and so is the result. Of several heads at once: delta (C, M), the rest (C, 1).
        delta: reward of i minus reward of j
        target: share of the judgments for i: 1 = i was preferred, 0 = j was, 0.5 = a tie
        margin: by how much the preferred one should win (>= 0); it pushes towards the side the
            target is on, and a tie has no side
    """
    delta, target = delta.float(), target.float()
    if margin is not None:
        delta = delta - margin.float() * torch.sign(target - 0.5)
    # With logits: sigmoid and log in one, so that a delta of 100 has a loss and a gradient.
    return binary_cross_entropy_with_logits(delta, target.expand_as(delta), reduction="none")


def smooth(target: Tensor, epsilon: float) -> Tensor:
    """Label smoothing: each judgment is taken to be the wrong way round with this probability.

    t becomes (1 - epsilon) t + epsilon (1 - t): 1 becomes 1 - epsilon, a tie stays one.
    """
    return target + epsilon * (1 - 2 * target)


def davidson(
    delta: Tensor, target: Tensor, margin: Tensor | None = None, *, tie_weight: float
) -> Tensor:
    """Negative log-likelihood under Davidson (1970), where a tie is an outcome of its own.

    P(i) : P(tie) : P(j) = e^(delta/2) : nu : e^(-delta/2) with nu = `tie_weight`, so that
    P(i wins | no tie) is Bradley and Terry's, and the share of ties among equals nu / (2 + nu).
    Shapes and arguments as in `bradley_terry`; a target of exactly 0.5 is a tie, any other the
    share of the decided judgments for i.
    """
    delta, target = delta.float(), target.float()
    tie = target == 0.5
    if margin is not None:
        delta = delta - margin.float() * torch.sign(target - 0.5)
    # log(1 - P(tie)) = -log(1 + nu / (2 cosh(delta/2))); 2 cosh(x/2) = e^(|x|/2) (1 + e^-|x|)
    size = delta.abs()
    log_cosh = size / 2 + torch.log1p(torch.exp(-size))  # of twice the cosine
    log_nu = torch.log(torch.tensor(tie_weight))
    log_tie = logsigmoid(log_nu - log_cosh)
    log_decided = -softplus(log_nu - log_cosh)
    loss = binary_cross_entropy_with_logits(delta, target.expand_as(delta), reduction="none")
    return torch.where(tie, -log_tie, loss - log_decided)


def tie_weight_of(share: float) -> float:
    """The nu at which equal rewards tie with this probability: s = nu / (2 + nu)."""
    return 2 * share / (1 - share)


def centering(reward_i: Tensor, reward_j: Tensor) -> Tensor:
    """(r_i + r_j)^2 per comparison: Bradley-Terry fixes differences only, this fixes the level.

    Eisenstein et al. (2023) use it times 0.01.
    """
    return (reward_i.float() + reward_j.float()).square()


def plackett_luce(rewards: Tensor) -> Tensor:
    """Negative log-likelihood of a whole ranking under Plackett and Luce, rewards best first.

    The best is drawn among all by a softmax of the rewards, the next among the rest, and so on:
    -sum_k (r_k - logsumexp(r_k, ..., r_K)). For two it is Bradley and Terry's.

    Shape: (K,) to a scalar; of several heads at once (K, M) to (M,).
    """
    rewards = rewards.float()
    rest = torch.logcumsumexp(rewards.flip(0), 0).flip(0)  # (K,) over k, ..., K
    return (rest - rewards).sum(0)


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """sum(w * v) / sum(w): an optimiser step is as large for doubtful labelers as for sure ones."""
    return (values * weights).sum() / weights.sum()
