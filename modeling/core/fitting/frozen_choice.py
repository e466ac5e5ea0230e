"""Which layers a head on frozen features reads, and how strongly it is held back.

Each candidate layer alone and the best of them together are tried by cross-validation inside the
train split; what is chosen is fitted to the whole split. Together they are chosen unless one layer
alone is better by more than chance explains: among layers that are alike, the luckiest one on a few
hundred comparisons is no better than the others on the next.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from modeling.core.fitting.frozen_fit import FOLDS, STRENGTHS, Pairs, cross_validate, fit, scale_of
from modeling.run_data.train_reward import TrainRewardConfig

MOST_FEATURES = 16_384  # of layers read together: a comparison's row is 64 kB


@dataclass(frozen=True)
class LayerChoice:
    """`columns` of the candidates are read, under the penalty `l2`. `trials`: the best strength of
    each set of layers, {"layers", "l2", "loss", "accuracy"}, for the run's result."""

    columns: tuple[int, ...]
    l2: float
    trials: list[dict[str, Any]]


def count_fits(candidates: int) -> int:
    """Count how often `choose` fits a head, for a progress bar."""
    return (candidates + (candidates > 1)) * FOLDS * len(STRENGTHS)


def choose(
    table: Tensor,
    layers: Sequence[int],
    pairs: Pairs,
    config: TrainRewardConfig,
    each_fit: Callable[[], None] = lambda: None,
) -> LayerChoice:
    """Choose by the loss on prompts left out, which is steady with fewer comparisons than accuracy.

    Shape: table (N, L, E), N texts at L candidate layers, named by `layers` in the trials.
    """

    def best(columns: tuple[int, ...]) -> dict[str, Any]:
        features = standardised(table, columns)
        by_strength = cross_validate(features, pairs, config, STRENGTHS, each_fit)
        return min(by_strength, key=lambda trial: trial["loss"]) | {"columns": columns}

    trials = [best((column,)) for column in range(table.shape[1])]
    if len(trials) > 1:
        by_loss = sorted(range(len(trials)), key=lambda column: trials[column]["loss"])
        together = sorted(by_loss[: max(2, MOST_FEATURES // table.shape[2])])
        trials.append(best(tuple(together)))
    chosen = min(trials, key=lambda trial: trial["loss"])
    if not is_clearly_lower(chosen["losses"], trials[-1]["losses"]):
        chosen = trials[-1]
    reported = [
        {"layers": [layers[column] for column in trial["columns"]]}
        | {key: trial[key] for key in ("l2", "loss", "accuracy")}
        for trial in trials
    ]
    return LayerChoice(chosen["columns"], chosen["l2"], reported)


def is_clearly_lower(losses: Tensor, others: Tensor) -> bool:
    """Whether the mean of (C,) losses is below that of others of the same comparisons by more than
    the standard error of the difference ("one standard error rule": Breiman et al. 1984,
    Classification and Regression Trees, section 3.4.3)."""
    gain = others - losses
    return bool(gain.mean() > gain.std(correction=0) / len(gain) ** 0.5)


def standardised(table: Tensor, columns: Sequence[int]) -> Tensor:
    """Take the chosen layers' features, standardised. Shape: (N, L, E) to (N, F)."""
    features = table[:, list(columns)].flatten(1)
    return scale_of(features).apply(features)


def fit_head(
    table: Tensor, choice: LayerChoice, pairs: Pairs, config: TrainRewardConfig
) -> tuple[Tensor, Tensor]:
    """Fit the chosen head: weights (F,) and bias () on the features as they are read."""
    features = table[:, list(choice.columns)].flatten(1)
    scale = scale_of(features)
    weights = fit(scale.apply(features), pairs, choice.l2, config)
    return scale.unfold(weights)


def fit_heads(
    table: Tensor,
    choice: LayerChoice,
    pairs: Pairs,
    config: TrainRewardConfig,
    factors: Sequence[Tensor],
    each_fit: Callable[[], None] = lambda: None,
) -> tuple[Tensor, Tensor]:
    """Fit one head per bootstrap weighting (C,) of the comparisons: weights (M, F), biases (M,)."""
    heads = []
    for factor in factors:
        heads.append(fit_head(table, choice, pairs.reweighted(factor), config))
        each_fit()
    return torch.stack([weight for weight, _ in heads]), torch.stack([bias for _, bias in heads])
