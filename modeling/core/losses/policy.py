"""Losses of policy improvement. Pure functions of tensors, one value per entry, fp32."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def clipped_policy_loss(
    logps: Tensor, old: Tensor, advantages: Tensor, clip: float
) -> tuple[Tensor, Tensor]:
    """PPO's clipped surrogate (Schulman et al. 2017, equation 7), negated, and what was clipped.

    With ratio = exp(logps - old): -min(ratio * A, clip(ratio, 1 - clip, 1 + clip) * A). While the
    ratio is 1 its gradient is the plain policy gradient, -A * grad logps.

    Shape: all alike, per token or (RLOO) per response; so are the loss and the flags "the clipped
    branch is the smaller one", as 0 and 1.
    """
    ratio = torch.exp(logps - old)
    plain = -advantages * ratio
    clipped = -advantages * ratio.clamp(1 - clip, 1 + clip)
    return torch.maximum(plain, clipped), (clipped > plain).float()


def clipped_value_loss(
    values: Tensor, old: Tensor, returns: Tensor, clip: float
) -> tuple[Tensor, Tensor]:
    """Half the squared error of the values, which may move by `clip` only, and what was clipped.

    0.5 * max((V - G)^2, (clip(V, V_old - clip, V_old + clip) - G)^2), as in the published code of
    PPO (Engstrom et al. 2020, "Implementation matters"). Shape: all alike.
    """
    held = old + (values - old).clamp(-clip, clip)
    plain, clipped = (values - returns).square(), (held - returns).square()
    return 0.5 * torch.maximum(plain, clipped), (clipped > plain).float()


def dpo_loss(margin: Tensor, target: Tensor, beta: float, smoothing: float = 0.0) -> Tensor:
    """Direct preference optimisation (Rafailov et al. 2023, equation 7) with soft targets.

    With m = (log policy - log reference)(chosen) - (log policy - log reference)(rejected):
    -t * log sigmoid(beta m) - (1 - t) * log sigmoid(-beta m), where smoothing takes that share of
    the judgments to be the wrong way round (Mitchell 2023, "conservative DPO").

    Shape: margin and target (C,); so is the result. target: 1 = chosen was preferred, 0.5 = a tie.
    """
    target = target + smoothing * (1 - 2 * target)
    logit = beta * margin
    return -target * logsigmoid(logit) - (1 - target) * logsigmoid(-logit)
