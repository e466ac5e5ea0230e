"""From rewards to advantages: how much better than expected a token or a response was."""

import torch
from torch import Tensor


def leave_one_out(rewards: Tensor) -> Tensor:
    """Each response's reward less the mean of the others of its prompt (RLOO).

    Unbiased, because the baseline of a response does not depend on it (Kool et al. 2019; Ahmadian
    et al. 2024, "Back to Basics").

    Shape: rewards (P, K) with K >= 2 responses per prompt; the result has the same.
    """
    count = rewards.shape[1]
    others = (rewards.sum(dim=1, keepdim=True) - rewards) / (count - 1)
    return rewards - others


def gae(
    rewards: Tensor, values: Tensor, mask: Tensor, *, gamma: float, lam: float
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimation (Schulman et al. 2015, equation 16), and the returns.

    delta_t = r_t + gamma * V(s_t+1) - V(s_t), A_t = delta_t + gamma * lam * A_t+1; after the last
    real token the value is 0. Returns are advantages + values.

    Shape: all (B, R); mask is True for real tokens, which come first in a row. Outside of it the
    results are 0.
    """
    rewards, values = rewards * mask, values * mask
    advantages = torch.zeros_like(rewards)
    following = torch.zeros_like(rewards[:, 0])  # A_t+1
    for t in range(rewards.shape[1] - 1, -1, -1):
        after = values[:, t + 1] if t + 1 < rewards.shape[1] else torch.zeros_like(following)
        following = rewards[:, t] + gamma * after - values[:, t] + gamma * lam * following
        following = following * mask[:, t]
        advantages[:, t] = following
    return advantages, advantages + values


def whiten(values: Tensor, mask: Tensor) -> Tensor:
    """Mean 0 and variance 1 over the masked entries, 0 elsewhere. Shape: all alike.

    One value, or values that are all equal, have no scale: they become 0.
    """
    found = values[mask]
    if found.numel() < 2:
        return torch.zeros_like(values)
    spread = found.var(unbiased=False)
    return (values - found.mean()) * torch.rsqrt(spread + 1e-8) * mask
