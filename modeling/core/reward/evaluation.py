"""How good a reward model is on a split: points of its accuracy, loss, margin."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from modeling.core.losses.preferences import bradley_terry, weighted_mean
from modeling.core.texts.groups import PromptGroup
from modeling.measures.points import point_of


@dataclass(frozen=True)
class SplitScore:
    """Figures of one split. `accuracy` is None when every comparison of it is a tie."""

    loss: float
    accuracy: float | None
    margin: float
    mean_reward: float
    reward_std: float
    count: int


def points_by_prompt(
    groups: Sequence[PromptGroup], rewards: Sequence[Sequence[float]]
) -> list[list[float]]:
    """List the points of each prompt's decided comparisons; prompts without any are left out."""
    by_prompt: dict[object, list[float]] = {}
    for group, r in zip(groups, rewards, strict=True):
        for c in group.comparisons:
            point = point_of(r[c.i] - r[c.j], c.target)
            if point is not None:
                by_prompt.setdefault(group.prompt, []).append(point)
    return list(by_prompt.values())


def score_split(groups: Sequence[PromptGroup], rewards: Sequence[Sequence[float]]) -> SplitScore:
    """Take the figures over all comparisons; `rewards[g][k]` belongs to response k of group g."""
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


def longer_wins(groups: Sequence[PromptGroup]) -> float | None:
    """The accuracy of the rule "the longer response is better", which any reward model has to beat;
    None when every comparison is a tie."""
    lengths = [[float(len(response)) for response in group.responses] for group in groups]
    decided = [point for prompt in points_by_prompt(groups, lengths) for point in prompt]
    return sum(decided) / len(decided) if decided else None
