"""Several reward models' opinions of a text as one reward. Pure functions of tensors.

Members differ by a level and a scale that mean nothing (the Bradley-Terry loss fixes differences
only), so they are put on one scale before they are combined: each is centred and scaled by its own
rewards of the train split, then all take the level and the scale of the average member.
Combinations after Coste et al. (2023), "Reward model ensembles help mitigate overoptimization".
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modeling.core.program.errors import ProgramError
from modeling.core.program.files import write_json
from modeling.measures.noise import noise_of
from modeling.run_data.shared import UWO_WEIGHT

SCALE_FILE = "reward_scale.json"


@dataclass(frozen=True)
class RewardScale:
    """Level and spread of one member's rewards over the responses it was trained on."""

    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self) -> None:
        if not (self.std > 0 and abs(self.mean) < float("inf") and self.std < float("inf")):
            raise ValueError(f"no scale of rewards: mean {self.mean}, std {self.std}")


def scales_of(rewards: Tensor) -> list[RewardScale]:
    """Measure each member's scale. Shape: (R, M), the rewards of R responses by M members."""
    means = rewards.double().mean(0).tolist()
    stds = rewards.double().std(0, correction=0).tolist()
    sizes = rewards.double().abs().amax(0).tolist()
    # A member to whom all responses are alike, but for rounding, has no spread to be measured by.
    return [
        RewardScale(mean, std if std > noise_of(size) else 1.0)
        for mean, std, size in zip(means, stds, sizes, strict=True)
    ]


def same_spread(scales: Sequence[RewardScale]) -> list[RewardScale]:
    """Replace the members' spreads by their mean; levels stay.

    For heads of one trunk: they are trained together, their spreads are comparable as they are,
    and so the mean of the members stays the reward of the plain checkpoint.
    """
    spread = sum(scale.std for scale in scales) / len(scales)
    return [RewardScale(scale.mean, spread) for scale in scales]


def on_one_scale(rewards: Tensor, scales: Sequence[RewardScale] | None) -> Tensor:
    """Rescale rewards (R, M) as if all members had the level and spread of the average one.

    (r_m - mean_m) / std_m * std + mean, with std and mean averaged over the members. None: the
    members are taken as they are.
    """
    if scales is None or len(scales) == 1:
        return rewards
    if len(scales) != rewards.shape[1]:
        raise ValueError(f"{len(scales)} scales for {rewards.shape[1]} members")
    means = torch.tensor([scale.mean for scale in scales], dtype=torch.float64)
    stds = torch.tensor([scale.std for scale in scales], dtype=torch.float64)
    # In fp64, so that two scalings leave no rounding where members agree.
    level = (rewards.double().cpu() - means) / stds * stds.mean() + means.mean()
    return level.to(rewards)


def aggregate(rewards: Tensor, way: str = "mean", uwo_weight: float = UWO_WEIGHT) -> Tensor:
    """Combine the members' rewards. Shape: (R, M), on one scale, to (R,). Raises ValueError for an
    unknown `way`.

    mean: the mean of the members.
    wco:  worst-case optimisation, the lowest member.
    uwo:  uncertainty-weighted optimisation, mean - uwo_weight * variance, the variance over the
          members, divided by M (as Coste et al.'s equation 3 has it).
    """
    if way == "mean":
        return rewards.mean(1)
    if way == "wco":
        return rewards.min(1).values
    if way == "uwo":
        return rewards.mean(1) - uwo_weight * variance(rewards)
    raise ValueError(f"no way to aggregate: {way!r}")


def variance(rewards: Tensor) -> Tensor:
    """The variance over the members, divided by their number M. Shape: (R, M) to (R,), also for no
    text at all."""
    return (rewards - rewards.mean(1, keepdim=True)).square().mean(1)


def write_scales(folder: Path, scales: Sequence[RewardScale], responses: int) -> None:
    """Write the scale of each member beside a reward model, and on how many responses it was
    measured."""
    rows = [asdict(scale) for scale in scales]
    write_json(folder / SCALE_FILE, {"members": rows, "responses": responses, "split": "train"})


def read_scales(folder: Path, members: int) -> list[RewardScale] | None:
    """Read a folder's scales; None for a model of another origin, which has none. Raises
    ProgramError for a file that cannot be read or is of another number of members."""
    path = folder / SCALE_FILE
    if not path.is_file():
        return None
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_bytes())["members"]
        scales = [RewardScale(float(row["mean"]), float(row["std"])) for row in rows]
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path) from error
    if len(scales) != members:
        raise _damaged(path)
    return scales


def _damaged(path: Path) -> ProgramError:
    return ProgramError(
        f"{path} does not fit the model beside it.",
        where=str(path),
        hint="Copy the model's folder anew, or delete the file: its members are then taken as "
        "they are.",
    )
