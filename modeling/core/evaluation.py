"""How good a reward model is on a split: accuracy with an interval, loss, margin."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from modeling.core.groups import Comparison, PromptGroup
from modeling.core.losses import bradley_terry, weighted_mean

RESAMPLES = 1000
Z = 1.959964  # 95 %


@dataclass(frozen=True)
class SplitScore:
    """Figures of one split. `accuracy` is None when every comparison of it is a tie."""

    loss: float
    accuracy: float | None
    margin: float
    mean_reward: float
    reward_std: float
    count: int


def points(comparison: Comparison, delta: float) -> float | None:
    """1 for the judged order, 0 for the reverse, a half for equal rewards.

    None when the people called it a tie: then no order is right.
    """
    if comparison.target == 0.5:
        return None
    if delta == 0:
        return 0.5
    return float((delta > 0) == (comparison.target > 0.5))


def points_by_prompt(
    groups: Sequence[PromptGroup], rewards: Sequence[Sequence[float]]
) -> list[list[float]]:
    """The points of each prompt's decided comparisons; prompts without any are left out."""
    by_prompt: dict[object, list[float]] = {}
    for group, r in zip(groups, rewards, strict=True):
        for c in group.comparisons:
            point = points(c, r[c.i] - r[c.j])
            if point is not None:
                by_prompt.setdefault(group.prompt, []).append(point)
    return list(by_prompt.values())


def score_split(groups: Sequence[PromptGroup], rewards: Sequence[Sequence[float]]) -> SplitScore:
    """Figures over all comparisons; `rewards[g][k]` belongs to response k of group g."""
    both = zip(groups, rewards, strict=True)
    rows = [(c, r[c.i], r[c.j]) for group, r in both for c in group.comparisons]
    delta = torch.tensor([ri - rj for _, ri, rj in rows])
    target = torch.tensor([c.target for c, _, _ in rows])
    margin = torch.tensor([c.margin for c, _, _ in rows])
    weight = torch.tensor([c.weight for c, _, _ in rows])
    loss = weighted_mean(bradley_terry(delta, target, margin), weight).item()
    every = torch.tensor([reward for r in rewards for reward in r])
    decided = [point for prompt in points_by_prompt(groups, rewards) for point in prompt]
    return SplitScore(
        loss=loss,
        accuracy=sum(decided) / len(decided) if decided else None,
        margin=(delta * torch.sign(target - 0.5)).sum().item() / max(1, len(decided)),
        mean_reward=every.mean().item(),
        reward_std=every.std(correction=0).item(),
        count=len(rows),
    )


def accuracy_interval(by_prompt: Sequence[Sequence[float]], seed: int = 0) -> dict[str, float]:
    """Accuracy with a 95 % bootstrap interval that draws whole prompts.

    Comparisons of one prompt stand or fall together, so that drawing them one by one would make
    the interval too narrow. When all prompts agree, every bootstrap sample is the same and would
    claim certainty: then Wilson's interval over the number of prompts is given.
    """
    sums = np.array([sum(prompt) for prompt in by_prompt])  # (P,)
    counts = np.array([len(prompt) for prompt in by_prompt])  # (P,)
    value = float(sums.sum() / counts.sum())
    if len(set((sums / counts).tolist())) == 1:
        low, high = wilson(value, len(by_prompt))
    else:
        drawn = np.random.default_rng(seed).integers(len(sums), size=(RESAMPLES, len(sums)))
        samples = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)  # (RESAMPLES,)
        low, high = (float(q) for q in np.quantile(samples, (0.025, 0.975)))
    return {"value": value, "low": low, "high": high, "n": int(counts.sum())}


def wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share among n."""
    middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def longer_wins(groups: Sequence[PromptGroup]) -> float | None:
    """Accuracy of the rule "the longer response is better": what any reward model has to beat."""
    lengths = [[float(len(response)) for response in group.responses] for group in groups]
    decided = [point for prompt in points_by_prompt(groups, lengths) for point in prompt]
    return sum(decided) / len(decided) if decided else None
