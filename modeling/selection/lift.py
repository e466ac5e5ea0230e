"""Do chosen judgments teach more than random ones? Measured on random ones. Pure numpy.

Of the judgments since a training, those of the random arm are split by prompt into folds. For each
fold two instant heads learn the same number of judgments, one chosen ones, one random ones of the
other folds, and both foretell the fold's. So both arms are judged by the same uniformly drawn
judgments, which neither has seen, at the same cost. Chosen judgments are drawn several times, and
their prompts never are the fold's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modeling.measures.calibration import log_loss
from modeling.measures.intervals import difference_interval
from modeling.measures.logistic import Array, Beliefs, Posterior, fit, moderated
from modeling.selection.instant_head import MARGIN_DEVIATION, SCALES

FOLDS, DRAWS = 5, 4
FEWEST_RANDOM, FEWEST_ACTIVE = 10, 10
# Claims beyond 99 % count as 99 %, so that one judgment cannot decide alone.
MOST_SURE = float(np.log(99.0))

Difference = tuple[int, float, float]  # prompt, gain in accuracy, drop of the log-loss


@dataclass(frozen=True)
class JudgedPairs:
    """N judgments since a training: x (N, D) as in instant_head.py, target, weight, how the
    comparison was handed out ("random" or "active"; others teach nothing here), prompt."""

    x: Array
    target: Array
    weight: Array
    arm: NDArray[np.str_]
    prompt: NDArray[np.int64]


@dataclass(frozen=True)
class Lift:
    """`trained_on` judgments of either arm, `differences` on each random one that has a side."""

    trained_on: int
    differences: list[Difference]


def measure(judged: JudgedPairs, seed: int = 0) -> Lift | None:
    """None with too few judgments of either arm."""
    random, active = (np.flatnonzero(judged.arm == arm) for arm in ("random", "active"))
    if len(random) < FEWEST_RANDOM or len(active) < FEWEST_ACTIVE:
        return None
    rng = np.random.default_rng(seed)
    x = turned(judged.x)
    prompts = rng.permutation(np.unique(judged.prompt[random]))
    sizes, differences = [], list[Difference]()
    for fold in np.array_split(prompts, min(FOLDS, len(prompts))):
        inside = np.isin(judged.prompt, fold)
        known_random, known_active = random[~inside[random]], active[~inside[active]]
        size = min(len(known_random), len(known_active))
        if size == 0:
            continue
        sizes.append(size)
        tests = random[inside[random]]
        tests = tests[judged.target[tests] != 0.5]
        scores = np.zeros((2, 2, len(tests)))
        for _ in range(DRAWS):
            for arm, known in enumerate((known_random, known_active)):
                drawn = rng.choice(known, size, replace=False)
                head = learn(x[drawn], judged.target[drawn], judged.weight[drawn])
                scores[arm] += score(head, x[tests], judged.target[tests]) / DRAWS
        gain = scores[1] - scores[0]  # of points, of losses
        differences += zip(
            judged.prompt[tests].tolist(), gain[0].tolist(), (-gain[1]).tolist(), strict=True
        )
    return Lift(round(float(np.mean(sizes))), differences) if differences else None


def turned(x: Array) -> Array:
    """The same judgments in as few features as there are judgments: a rotation of the features,
    which changes no distance and so nothing for a prior that is the same in all directions."""
    if x.shape[1] - 1 <= len(x):
        return x
    left, sizes, _ = np.linalg.svd(x[:, 1:], full_matrices=False)
    return np.column_stack([x[:, 0], left * sizes])


def learn(x: Array, target: Array, weight: Array) -> list[tuple[float, Posterior]]:
    """The instant head's scales with their weights, fitted to all judgments at once."""
    mean = np.zeros(x.shape[1])
    mean[0] = 1.0
    heads = []
    for scale in SCALES:
        variance = np.full(x.shape[1], max(scale, 1e-4) ** 2)
        variance[0] = MARGIN_DEVIATION**2
        heads.append(fit(x, target, variance, prior_mean=mean, weight=weight))
    evidence = np.array([head.evidence for head in heads])
    weights = np.exp(evidence - evidence.max())
    return list(zip((weights / weights.sum()).tolist(), heads, strict=True))


def score(heads: Sequence[tuple[float, Posterior]], x: Array, target: Array) -> Array:
    """(2, N): the point (1 when the order is right, a half when even) and the log-loss of each."""
    parts: list[tuple[float, Beliefs]] = [(weight, head.beliefs(x)) for weight, head in heads]
    p = sum((w * moderated(b.mean, b.variance) for w, b in parts), np.zeros(len(x)))
    p = np.clip(p, 1e-6, 1.0 - 1e-6)
    logit = np.clip(np.log(p) - np.log1p(-p), -MOST_SURE, MOST_SURE)
    point = np.where(p == 0.5, 0.5, (p > 0.5) == (target > 0.5)).astype(float)
    return np.stack([point, log_loss(logit, target)])


def pooled(differences: Sequence[Difference]) -> dict[str, Any]:
    """Gain in accuracy with its 95 % interval by prompts, and the mean drop of the log-loss."""
    by_prompt: dict[int, list[float]] = {}
    for prompt, gain, _ in differences:
        by_prompt.setdefault(prompt, []).append(gain)
    accuracy = difference_interval(list(by_prompt.values()))
    loss = float(np.mean([drop for _, _, drop in differences]))
    return {"accuracy": accuracy, "loss": loss, "n": len(differences)}
