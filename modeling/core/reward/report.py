"""What is reported of a trained reward model: predictions.jsonl, the figures of result.json."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from modeling.core.program.files import read_jsonl, write_jsonl
from modeling.core.reward.evaluation import (
    SplitScore,
    longer_wins,
    points_by_prompt,
    score_split,
)
from modeling.core.texts.groups import SPLITS, LabeledPair, PromptGroup
from modeling.measures.intervals import accuracy_interval
from modeling.measures.points import HEADLINE
from modeling.measures.predictions import prompt_key

REPORTED = (*HEADLINE, "train")  # the most honest first; calibration is for later use


def count_in(groups: Sequence[PromptGroup], split: str) -> int:
    """Count the comparisons, not the groups, of a split."""
    return sum(len(group.comparisons) for group in groups if group.split == split)


def metrics_of(split: str, score: SplitScore) -> dict[str, float]:
    """Name a split's figures as they are logged."""
    named = {
        f"{split}/loss": score.loss,
        f"{split}/margin": score.margin,
        f"{split}/mean_reward": score.mean_reward,
    }
    return named if score.accuracy is None else named | {f"{split}/accuracy": score.accuracy}


def write_predictions(
    path: Path,
    groups: Sequence[PromptGroup],
    rewards: Sequence[Sequence[float]],
    members: Sequence[Tensor],
) -> None:
    """Write one line per comparison, so that any figure can be computed again later.

    `rewards` are [group][response], `members` of each group the (K, M) they are the mean of; they
    are told where there are several.

    What the training itself has no use for (arm, round, strength) is taken from the
    preferences.jsonl beside it.
    """
    provenance = _provenance(path.with_name("preferences.jsonl"))

    def lines() -> Iterator[dict[str, Any]]:
        for group, r, each in zip(groups, rewards, members, strict=True):
            key = prompt_key(group.prompt)
            several = each.shape[1] > 1
            for c in group.comparisons:
                yield {
                    "id": c.id,
                    "split": group.split,
                    "reward_chosen": r[c.i],
                    "reward_rejected": r[c.j],
                    **(of_members(each, c) if several else {}),
                    "prompt": key,
                    "target": c.target,
                    "weight": c.weight,
                    "chosen_length": len(group.responses[c.i]),
                    "rejected_length": len(group.responses[c.j]),
                    **provenance.get(c.id, {}),
                }

    write_jsonl(path, lines())


def of_members(rewards: Tensor, comparison: LabeledPair) -> dict[str, list[float]]:
    """The members' rewards of both sides of a comparison, out of those (K, M) of the group."""
    return {
        "members_chosen": rewards[comparison.i].tolist(),
        "members_rejected": rewards[comparison.j].tolist(),
    }


def accuracy_on(
    groups: Sequence[PromptGroup], rewards: Sequence[Tensor], split: str
) -> dict[str, float] | None:
    """The accuracy of one training on one split, by the mean of its heads (K, M); None when all are
    ties."""
    which = [at for at, group in enumerate(groups) if group.split == split]
    by_prompt = points_by_prompt(
        [groups[at] for at in which], [rewards[at].mean(1).tolist() for at in which]
    )
    return accuracy_interval(by_prompt)


def _provenance(path: Path) -> dict[str, dict[str, Any]]:
    if not path.is_file():
        return {}
    keys = ("arm", "round", "strength")
    return {row["id"]: {key: row.get(key) for key in keys} for _, row in read_jsonl(path)}


def summarise(
    groups: Sequence[PromptGroup], rewards: Sequence[Sequence[float]]
) -> tuple[dict[str, Any], SplitScore | None]:
    """Take the figures of result.json that come from rewards and data; and those of the test split.

    Margin, reward and length figures are of the headline split: test, or what there is of it.
    """
    scores: dict[str, SplitScore] = {}
    accuracy: dict[str, dict[str, float]] = {}
    for name in REPORTED:
        which = [at for at, group in enumerate(groups) if group.split == name]
        if not which:
            continue
        part, r = [groups[at] for at in which], [rewards[at] for at in which]
        scores[name] = score_split(part, r)
        interval = accuracy_interval(points_by_prompt(part, r))
        if interval is not None:
            accuracy[name] = interval
    headline = next(name for name in REPORTED if name in scores)
    figures = {
        "accuracy": accuracy,
        "loss": {name: score.loss for name, score in scores.items()},
        "counts": {name: count_in(groups, name) for name in SPLITS},
        "prompts": len({group.prompt for group in groups}),
        "headline_split": headline,
        "margin": scores[headline].margin,
        "reward_mean": scores[headline].mean_reward,
        "reward_std": scores[headline].reward_std,
        "longer_wins_accuracy": longer_wins([g for g in groups if g.split == headline]),
    }
    return figures, scores.get("test")
