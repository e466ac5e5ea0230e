"""The quick mode of a reward model: a Bradley-Terry head on features of a frozen trunk.

Every text is read once, at all candidate layers (modeling/core/reading/features.py); which layers
count and how strong the penalty is follows from cross-validation inside the train split
(frozen_choice.py), and the head is the one minimum of a convex loss (frozen_fit.py). Reading takes
as long as one evaluation, the fits take seconds. On few comparisons and small encoders it is as
good as fine-tuning (docs/benchmarks.md). With `heads` M > 1 the head is the mean of M that are
fitted to bootstrap samples of the prompts.

Left out: rankings by Plackett and Luce (their pairs are used) and centering, which a head fixed by
differences alone has no use for.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from modeling.core.fitting.feature_table import read_table
from modeling.core.fitting.frozen_choice import LayerChoice, choose, count_fits, fit_heads
from modeling.core.fitting.frozen_fit import Pairs, held_out
from modeling.core.loading.own_head import OWN_HEAD, attach_head
from modeling.core.program.errors import ProgramError
from modeling.core.reading.features import READS, Readout, choose_layers
from modeling.core.reward.training import Training
from modeling.core.texts.equal_rows import first_of


@dataclass(frozen=True)
class FrozenFit:
    """What the fit ended with; the training's model and reader have the head."""

    rewards: list[Tensor]  # (K, M) of each group
    report: dict[str, Any]  # for the run's result
    fits: int


def train_frozen(training: Training) -> FrozenFit:
    """Read, choose, fit. A run that is started again goes on reading where it was."""
    training.setup.run.begin("reading", "Reading every text once with the frozen model.")
    layers = choose_layers(training.model, training.config.layer)
    table = read_table(training, Readout(layers, READS))  # (N, L, E)
    check_finite(training, table)
    pairs = pairs_of(training)
    training.setup.run.begin("fitting", "Fitting heads to what was read.")
    choice, weights, biases = fit_table(training, table, layers, pairs)
    features = table[:, list(choice.columns)].flatten(1)  # (N, F)
    chosen = tuple(layers[column] for column in choice.columns)
    attach_head(training.model, OWN_HEAD, weights, biases)
    training.reader = replace(training.reader, readout=Readout(chosen, READS, OWN_HEAD))
    rewards = nn.functional.linear(features, weights, biases)  # (N, M)
    rewards = rewards[first_of(training.data.encoded)]  # a product's last digits depend on the row
    losses, points, decided = held_out(features, pairs, weights.mean(0))
    figures = {
        "train/loss": losses.sum().item() / pairs.weight.sum().item(),
        "train/accuracy": points / max(1.0, decided),
    }
    fits = count_fits(len(layers)) + len(weights)
    training.setup.run.log(fits, figures)
    return FrozenFit(
        list(rewards.split([len(texts) for texts in training.data.encoded])),
        {"layers": list(chosen), "l2": choice.l2, "cross_validation": choice.trials},
        fits,
    )


def check_finite(training: Training, table: Tensor) -> None:
    """Refuse features (N, L, E) that are no numbers: no head could be fitted to them, and it would
    show only when the saved model is read again."""
    bad = (~table.isfinite().flatten(1).all(1)).nonzero().flatten().tolist()
    if not bad:
        return
    texts = [text for group in training.groups for text in group.texts()]
    prompt, response = texts[bad[0]]
    raise ProgramError(
        f"The base model gives features that are not finite numbers for {len(bad)} of "
        f"{len(texts)} responses.",
        where=f"the response that begins {response[:60]!r}, to the prompt {prompt[-1][1][:60]!r}",
        hint="Its weights may be damaged, or overflow in half precision: use another base model. "
        "If it is only a few responses, exclude their comparisons.",
    )


def fit_table(
    training: Training, table: Tensor, layers: tuple[int, ...], pairs: Pairs
) -> tuple[LayerChoice, Tensor, Tensor]:
    """Choose what is read, and fit the heads that read it: weights (M, F) and biases (M,)."""
    run, config = training.setup.run, training.config
    factors = bootstrap_factors(training)
    done, total = 0, count_fits(len(layers)) + len(factors)

    def each_fit() -> None:
        nonlocal done
        done += 1
        run.check_cancelled()
        if done % 10 == 0 or done == total:
            run.progress(done, total, "fits", "fitting")

    choice = choose(table, layers, pairs, config, each_fit)
    return choice, *fit_heads(table, choice, pairs, config, factors, each_fit)


def pairs_of(training: Training) -> Pairs:
    """List the train split's comparisons, by the places of their texts in the feature table."""
    starts, at = [], 0
    for texts in training.data.encoded:
        starts.append(at)
        at += len(texts)
    rows = [
        (starts[group] + c.i, starts[group] + c.j, c.target, c.weight, c.margin, group)
        for group in training.split("train")
        for c in training.groups[group].comparisons
    ]
    i, j, target, weight, margin, prompt = zip(*rows, strict=True)
    return Pairs(
        torch.tensor(i),
        torch.tensor(j),
        torch.tensor(target, dtype=torch.float32),
        torch.tensor(weight, dtype=torch.float32),
        torch.tensor(margin, dtype=torch.float32),
        torch.tensor(prompt),
    )


def bootstrap_factors(training: Training) -> list[Tensor]:
    """The bootstrap weights (C,) of the comparisons for each head; a single head sees each once."""
    of_group = training.data.head_weights or [[1.0]] * len(training.groups)
    seen = [
        of_group[group]
        for group in training.split("train")
        for _ in training.groups[group].comparisons
    ]
    return list(torch.tensor(seen).T.contiguous())
