"""From rewards to advantages: how much better than expected a token or a response was."""

import torch
from torch import Tensor

from modeling.measures.noise import ABSOLUTE, RELATIVE, noise_of


def leave_one_out(rewards: Tensor) -> Tensor:
    """Each response's reward less the mean of the others of its prompt (RLOO).

    Unbiased, because the baseline of a response does not depend on it (Kool et al. 2019; Ahmadian
    et al. 2024, "Back to Basics").

    Responses whose rewards are all equal, but for rounding, are no better than one another: their
    advantages are 0, for Adam would make steps of ordinary size of rounding.

    Shape: rewards (P, K) with K >= 2 responses per prompt; the result has the same.
    """
    count = rewards.shape[1]
    others = (rewards.sum(dim=1, keepdim=True) - rewards) / (count - 1)
    reach = rewards.amax(dim=1) - rewards.amin(dim=1)  # (P,)
    noise = (RELATIVE * rewards.abs().amax(dim=1)).clamp(min=ABSOLUTE)
    return torch.where((reach <= noise)[:, None], 0.0, rewards - others)  # NaN stays NaN


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
    # Backwards, for each advantage contains the next one. It is masked at every token, so that a
    # response's last token takes nothing from the padding behind it.
    following = torch.zeros_like(rewards[:, 0])  # A_t+1
    for t in range(rewards.shape[1] - 1, -1, -1):
        after = values[:, t + 1] if t + 1 < rewards.shape[1] else torch.zeros_like(following)
        following = rewards[:, t] + gamma * after - values[:, t] + gamma * lam * following
        following = following * mask[:, t]
        advantages[:, t] = following
    return advantages, advantages + values


def whiten(values: Tensor, mask: Tensor) -> Tensor:
    """Mean 0 and variance 1 over the N entries where the mask is True, 0 elsewhere, whatever stands
    there. Shape: all alike.

    The variance is that of these entries themselves (divided by N, as OpenAI's lm-human-preferences
    has it), not an estimate for others, and nothing is added to it: small advantages would not come
    to 1. One value, or values that are all equal but for rounding, have no scale: they become 0.
    """
    # In fp64: of large values that hardly differ, fp32 sums would leave nothing but rounding.
    real = values[mask].double()  # (N,)
    if real.numel() < 2:
        return torch.zeros_like(values)
    mean, spread = real.mean(), real.std(correction=0)
    if not spread > noise_of(real.abs().max().item()):
        # NaN is no spread either, but must be seen by whoever asks for finite gradients.
        return torch.zeros_like(values) if spread.isfinite() else torch.full_like(values, torch.nan)
    return torch.where(mask, (values - mean) / spread, 0.0).to(values.dtype)
