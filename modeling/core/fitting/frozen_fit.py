"""A Bradley-Terry head on fixed features: penalised maximum likelihood, its strength by
cross-validation.

The reward is w·z with z the standardised features, so that the penalty l2/2·|w|² is the same for
every feature and the loss convex: L-BFGS finds the one minimum, whatever it starts from. The loss
of a comparison is the one fine-tuning has (targets, margins, ties, weights). Folds are of whole
prompts: two comparisons of one prompt share a response more often than not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import Tensor

from modeling.core.losses.preferences import bradley_terry, weighted_mean
from modeling.core.reward.objective import pair_losses
from modeling.measures.noise import RELATIVE
from modeling.run_data.train_reward import TrainRewardConfig

FOLDS = 5
STRENGTHS = tuple(10.0 ** (-half / 2) for half in range(9))  # 1 to 1e-4
ITERATIONS = 200


@dataclass(frozen=True)
class Pairs:
    """C comparisons of texts in a feature table; all fields (C,)."""

    i: Tensor
    j: Tensor
    target: Tensor
    weight: Tensor
    margin: Tensor
    prompt: Tensor  # numbers of prompts

    def among(self, chosen: Tensor) -> "Pairs":
        """The comparisons where `chosen` (C,) is true."""
        return Pairs(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def reweighted(self, factor: Tensor) -> "Pairs":
        """The comparisons with their weights times `factor` (C,)."""
        return Pairs(self.i, self.j, self.target, self.weight * factor, self.margin, self.prompt)


@dataclass(frozen=True)
class Standardisation:
    """Standardisation: z = (x - mean) / spread, a constant feature becomes 0."""

    mean: Tensor  # (F,)
    spread: Tensor  # (F,)

    def apply(self, features: Tensor) -> Tensor:
        return (features - self.mean) / self.spread

    def unfold(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Turn weights (..., F) on z into weights and bias (...) on x that give the same
        rewards."""
        raw = weight / self.spread
        return raw, -(raw @ self.mean)


def scale_of(features: Tensor) -> Standardisation:
    """Standardise the columns of (N, F). The spread is taken times sqrt(F), so that |z|² is about 1
    and one range of strengths suits any number of features."""
    spread = features.std(0, correction=0)
    rounding = RELATIVE * features.abs().amax(0)  # of each feature alone
    constant = (spread <= 1e-6 * spread.max().clamp(min=1e-30)) | (spread <= rounding)
    # Divided by infinity it is 0 for good: dividing by its rounding would make noise a feature.
    spread = torch.where(constant, torch.full_like(spread, torch.inf), spread)
    return Standardisation(features.mean(0), spread * features.shape[1] ** 0.5)


def fit(
    features: Tensor,
    pairs: Pairs,
    l2: float,
    config: TrainRewardConfig,
    start: Tensor | None = None,
) -> Tensor:
    """Find the weights (F,) that minimise weighted mean loss + l2/2·|w|² over standardised (N,
    F)."""
    difference = features[pairs.i] - features[pairs.j]  # (C, F)
    weights = torch.zeros(features.shape[1], 1) if start is None else start[:, None].clone()
    weights.requires_grad_(True)
    target, weight, margin = pairs.target[:, None], pairs.weight[:, None], pairs.margin[:, None]
    optimizer = torch.optim.LBFGS(
        [weights],
        max_iter=ITERATIONS,
        tolerance_grad=1e-6,
        tolerance_change=1e-9,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        losses = pair_losses(config, difference @ weights, target, margin)  # (C, 1)
        loss = weighted_mean(losses, weight) + 0.5 * l2 * weights.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return weights.detach()[:, 0]


def held_out(features: Tensor, pairs: Pairs, weights: Tensor) -> tuple[Tensor, float, float]:
    """Score weights on comparisons that they were not fitted to: weighted losses (C,), the sum of
    points, and the number of decided comparisons."""
    delta = (features[pairs.i] - features[pairs.j]) @ weights
    losses = bradley_terry(delta, pairs.target, pairs.margin) * pairs.weight
    side = torch.sign(pairs.target - 0.5)
    points = ((delta * side > 0).float() + 0.5 * ((delta == 0) & (side != 0)).float()).sum().item()
    return losses, points, side.abs().sum().item()


def fold_of(prompts: Tensor, seed: int) -> Tensor:
    """Deal the prompts into FOLDS folds, as even as they allow. Returns each comparison's fold
    (C,)."""
    names = sorted(set(prompts.tolist()))
    Random(f"folds:{seed}").shuffle(names)
    number = {name: at % FOLDS for at, name in enumerate(names)}
    return torch.tensor([number[name] for name in prompts.tolist()])


def cross_validate(
    features: Tensor,
    pairs: Pairs,
    config: TrainRewardConfig,
    strengths: Sequence[float] = STRENGTHS,
    each_fit: Callable[[], None] = lambda: None,
) -> list[dict[str, Any]]:
    """Score each strength on prompts that were left out of the fit: {"l2", "loss", "accuracy",
    "losses"} each; `losses` (C,) are those of the comparisons, weighted.

    Strongest first, each fit begun at the one before.
    """
    folds = fold_of(pairs.prompt, config.seed)
    losses = {l2: torch.zeros(len(folds)) for l2 in strengths}
    sums = {l2: [0.0, 0.0] for l2 in strengths}
    for fold in range(FOLDS):
        inside, outside = pairs.among(folds != fold), pairs.among(folds == fold)
        if not len(outside.i) or not inside.weight.sum():
            continue
        weights = None
        # The stronger the penalty, the nearer to zero and the sooner found: each is a good start
        # for the next weaker one.
        for l2 in sorted(strengths, reverse=True):
            weights = fit(features, inside, l2, config, weights)
            losses[l2][folds == fold], points, decided = held_out(features, outside, weights)
            sums[l2] = [sums[l2][0] + points, sums[l2][1] + decided]
            each_fit()
    total = pairs.weight.sum().item()
    return [
        {
            "l2": l2,
            "loss": losses[l2].sum().item() / total,
            "accuracy": points / max(1.0, decided),
            "losses": losses[l2],
        }
        for l2, (points, decided) in sums.items()
    ]
