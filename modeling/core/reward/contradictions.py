"""How strongly the reward model contradicts each judgment: contradictions.jsonl.

A judgment is doubted as far as the members give the other response the higher reward, and they
should not have learned from it: a comparison of the train split is judged by those members alone
whose bootstrap left its prompt out (out-of-bag, Breiman 1996), where there are such. The
probability is the self-confidence of Northcutt et al. (2021), "Confident learning", turned round:
one minus the probability that the members give the judgment on average, at the temperature that
fits held-out judgments. Left out: ties, which no order contradicts.
"""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modeling.core.loading.aggregation import variance
from modeling.core.program.files import write_jsonl
from modeling.core.reward.bootstrap import bootstrap_weight
from modeling.core.reward.parts import sees_everything
from modeling.core.texts.groups import PromptGroup
from modeling.measures.calibration import FEWEST_TO_FIT, fit_temperature

FIT_ON = ("calibration", "dev", "test")


def write_contradictions(
    path: Path,
    groups: Sequence[PromptGroup],
    members: Sequence[Tensor],
    *,
    seed: int,
    are_heads: bool = False,
    trunk_learned: bool = False,
    bootstrap: bool = True,
) -> None:
    """Write one line per decided comparison, the most doubtful first.

    `members`: of each group the rewards (K, M) on one scale. `are_heads`: every one of them has a
    bootstrap; else the first has seen everything, and without `bootstrap` the others, too.
    `trunk_learned`: all share a trunk that has.
    """
    temperature = temperature_of(groups, members)
    count = members[0].shape[1] if members else 0
    whole = {member for member in range(count) if sees_everything(groups, seed, member)}
    judging = [
        judges(group, rewards.shape[1], seed, are_heads, bootstrap, whole)
        for group, rewards in zip(groups, members, strict=True)
    ]
    rows = list(_rows(groups, members, temperature, judging, trunk_learned))
    rows.sort(key=lambda row: (-row["probability_label_wrong"], row["id"]))
    write_jsonl(path, rows)


def temperature_of(groups: Sequence[PromptGroup], members: Sequence[Tensor]) -> float:
    """Fit the temperature of the members' mean on the first held-out split that has enough
    judgments; 1 without one."""
    for split in FIT_ON:
        judged = [
            ((rewards[c.i] - rewards[c.j]).mean().item(), c.target)
            for group, rewards in zip(groups, members, strict=True)
            if group.split == split
            for c in group.comparisons
        ]
        if len(judged) >= FEWEST_TO_FIT:
            delta, target = np.array(judged).T
            return fit_temperature(delta, target)
    return 1.0


def _rows(
    groups: Sequence[PromptGroup],
    members: Sequence[Tensor],
    temperature: float,
    judging: Sequence[tuple[list[int], bool]],
    trunk_learned: bool,
) -> Iterator[dict[str, Any]]:
    for group, rewards, (which, fair) in zip(groups, members, judging, strict=True):
        in_sample = group.split == "train" and (trunk_learned or not fair)
        for c in group.comparisons:
            if c.target == 0.5:
                continue
            side = 1.0 if c.target > 0.5 else -1.0
            margins = side * (rewards[c.i] - rewards[c.j])[which]  # (J,) of the judgment's winner
            # The mean of probabilities, not of margins: one sure member does not outvote the rest.
            belief = torch.sigmoid(margins.double() / temperature).mean().item()
            yield {
                "id": c.id,
                "split": group.split,
                "margin": margins.mean().item(),
                "std": variance(margins[None]).sqrt().item(),
                "members": len(which),
                "against": int((margins < 0).sum()),
                "in_sample": in_sample,
                "probability_label_wrong": 1.0 - belief,
            }


def judges(
    group: PromptGroup,
    members: int,
    seed: int,
    are_heads: bool = False,
    bootstrap: bool = True,
    saw_everything: Collection[int] = (),
) -> tuple[list[int], bool]:
    """Choose the members that judge a group, and say whether none of them has seen it.

    A held-out group is judged by all. A train group is judged by those that never saw it, if any;
    `saw_everything`: members that had no bootstrap, for it drew nothing.
    """
    everyone = list(range(members))
    if group.split != "train":
        return everyone, True
    others = everyone[1:] if bootstrap else []
    bootstrapped = everyone if are_heads and members > 1 else others
    unseen = [
        m
        for m in bootstrapped
        if m not in saw_everything and bootstrap_weight(seed, m, group.prompt) == 0
    ]
    return (unseen, True) if unseen else (everyone, False)
