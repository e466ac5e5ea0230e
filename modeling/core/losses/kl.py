"""How far a policy is from its reference: estimators per token, a coefficient that adapts."""

import torch
from torch import Tensor


def token_kl(logps: Tensor, reference: Tensor, estimator: str) -> Tensor:
    """Estimates of KL(policy || reference) from tokens that the policy drew, one per token.

    With d = log policy - log reference of the drawn token (J. Schulman 2020, "Approximating KL
    divergence"):

        k1 = d                      unbiased, may be negative; as a reward its gradient is the KL's
        k3 = exp(-d) - 1 + d        unbiased, never negative, less noise while the two are close;
                                    as a reward its gradient is not the KL's, so that the optimum
                                    is no longer reference * exp(reward / coefficient)

    Shape: logps and reference any shape, in nats; the result has the same.
    """
    difference = logps - reference
    if estimator == "k1":
        return difference
    # expm1, not exp - 1: near 0, where a policy begins, the difference would be mere rounding.
    return torch.expm1(-difference) + difference


def adapt(coefficient: float, kl: float, target: float, samples: int, horizon: int) -> float:
    """The next KL coefficient of a proportional controller (Ziegler et al. 2019, section 2.2).

    e = clip(kl / target - 1, -0.2, 0.2) and coefficient * (1 + e * samples / horizon), so that a
    KL 20 % off the target changes the coefficient by 20 % per `horizon` responses. A large step
    cannot make it negative.
    """
    error = min(max(kl / target - 1, -0.2), 0.2)
    return coefficient * max(0.1, 1 + error * samples / horizon)


def sequence_kl(logps: list[float], reference: list[float], estimator: str) -> float:
    """Estimate one response's KL in nats: the sum over its tokens."""
    return token_kl(torch.tensor(logps), torch.tensor(reference), estimator).sum().item()
