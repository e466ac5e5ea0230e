"""What follows the last step of a training: merged, scored, saved, and proven to reload alike."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from modeling.core.adapters import merge_adapter
from modeling.core.aggregation import Scale, same_spread, scales_of, write_scales
from modeling.core.checkpoint import Checkpoint, of_another_run
from modeling.core.files import folder_in_one
from modeling.core.frozen import train_frozen
from modeling.core.heads import save_heads, take_heads
from modeling.core.own_head import save_own_head
from modeling.core.reward_loop import score_everything, train
from modeling.core.reward_model import check_reload, save_model
from modeling.core.reward_setup import Training, unquantise
from modeling.core.reward_state import identity


@dataclass(frozen=True)
class Outcome:
    """What a finished training leaves. `rewards`: of each group (K, M) by its M heads."""

    name: str
    rewards: list[Tensor]
    steps: int
    best_step: int
    epochs_done: int
    parity_max_error: float
    frozen: dict[str, Any] | None = None  # what a head on frozen features reads

    def train_rewards(self, training: Training) -> Tensor:
        """(R, M) over all responses of the train split."""
        groups = zip(training.all_groups, self.rewards, strict=True)
        return torch.cat([rewards for group, rewards in groups if group.split == "train"])

    def scales(self, training: Training) -> list[Scale]:
        found = scales_of(self.train_rewards(training))
        return same_spread(found) if len(found) > 1 else found


def read_outcome(training: Training, checkpoint: Checkpoint) -> Outcome | None:
    """Of a training that an earlier attempt at this run has finished."""
    kept = checkpoint.load_outcome()
    if kept is None:
        return None
    if kept.pop("identity") != identity(training, checkpoint.part):
        raise of_another_run(checkpoint.outcome_file)
    outcome = Outcome(**kept)
    left = outcome.name.startswith("curve/") or (training.run.path / outcome.name).is_dir()
    return outcome if left else None


def finish(training: Training, checkpoint: Checkpoint) -> Outcome:
    """Train, and all that follows."""
    frozen = training.config["method"] == "frozen"
    outcome = fit_frozen(training) if frozen else fine_tune(training, checkpoint)
    if training.processes.rank > 0:
        return outcome
    if training.part.leaves_model:
        error = save_checked(training, outcome)
        outcome = dataclasses.replace(outcome, parity_max_error=error)
    kept: dict[str, Any] = {**vars(outcome), "identity": identity(training, checkpoint.part)}
    checkpoint.save_outcome(kept)
    return outcome


def fine_tune(training: Training, checkpoint: Checkpoint) -> Outcome:
    loop = train(training, checkpoint)
    if training.config["adapter"] == "qlora":
        unquantise(training)
    if training.adapter is not None:
        merge_adapter(training.adapter)
        training.adapter = None
    return Outcome(
        training.part.name,
        score_everything(training, loop),
        loop.step,
        loop.best_step or loop.step,
        loop.epoch,
        parity_max_error=0.0,
    )


def fit_frozen(training: Training) -> Outcome:
    fitted = train_frozen(training)
    return Outcome(
        training.part.name,
        fitted.rewards,
        fitted.fits,
        fitted.fits,
        epochs_done=1,
        parity_max_error=0.0,
        frozen=fitted.report,
    )


def save_checked(training: Training, outcome: Outcome) -> float:
    """Write the model's folder and prove that it reloads to the same rewards. Returns the largest
    error. Of several heads the folder holds the mean, as a plain checkpoint, and they beside it."""
    texts = [text for group in training.groups for text in group.texts()]
    flat = torch.cat(outcome.rewards).mean(1).tolist()
    length = training.config["max_length"]
    readout = training.reader.readout
    several = training.config["heads"] > 1 and readout is None
    heads = take_heads(training.model, training.head) if several else None
    with folder_in_one(training.run.path / outcome.name) as temporary:
        if readout is None:
            save_model(training.model, training.tokenizer, temporary, length)
        else:
            save_own_head(training.model, training.tokenizer, temporary, length, readout)
        error = check_reload(temporary, texts, flat, length, training.device)
        if heads is not None:
            save_heads(temporary, heads)
        scored = outcome.train_rewards(training)
        write_scales(temporary, outcome.scales(training), responses=len(scored))
    return error
