"""What follows the last step of a training: merged, scored, saved, and proven to reload alike."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from modeling.core.fitting.finetune import score_everything, train
from modeling.core.fitting.frozen import train_frozen
from modeling.core.loading.adapters import merge_adapter
from modeling.core.loading.aggregation import RewardScale, same_spread, scales_of, write_scales
from modeling.core.loading.heads import save_heads, take_heads
from modeling.core.loading.own_head import save_own_head
from modeling.core.loading.reward_model import check_reload, save_model
from modeling.core.program.checkpoint import Checkpoint, is_same_run, of_another_run
from modeling.core.program.errors import ProgramError
from modeling.core.program.files import folder_in_one
from modeling.core.program.set_aside import set_aside
from modeling.core.reading.padding import side_for
from modeling.core.reward.report import summarise
from modeling.core.reward.setup import unquantise
from modeling.core.reward.state import identity
from modeling.core.reward.training import Training, TrainingData


@dataclass(frozen=True)
class FinishedTraining:
    """What a finished training leaves. `rewards`: of each group (K, M) by its M heads."""

    name: str
    rewards: list[Tensor]
    steps: int
    best_step: int
    epochs_done: int
    parity_max_error: float
    frozen: dict[str, Any] | None = None  # what a head on frozen features reads

    def train_rewards(self, data: TrainingData) -> Tensor:
        """The rewards (R, M) of all responses of the train split."""
        groups = zip(data.groups, self.rewards, strict=True)
        return torch.cat([rewards for group, rewards in groups if group.split == "train"])

    def scales(self, data: TrainingData) -> list[RewardScale]:
        """The scale of each member, measured on the train split."""
        scales = scales_of(self.train_rewards(data))
        return same_spread(scales) if len(scales) > 1 else scales


def read_outcome(training: Training, checkpoint: Checkpoint) -> FinishedTraining | None:
    """Read what a training left that an earlier attempt at this run finished; None where there is
    none, or its model is gone. Raises ProgramError for another run's."""
    stored = checkpoint.load_outcome()
    if stored is None:
        return None
    if not is_same_run(stored.pop("identity"), identity(training, checkpoint.part)):
        raise of_another_run(checkpoint.outcome_file)
    outcome = FinishedTraining(**stored)
    left = outcome.name.startswith("curve/") or (training.setup.run.path / outcome.name).is_dir()
    return outcome if left else None


def finish(training: Training, checkpoint: Checkpoint) -> FinishedTraining:
    """Train, and do all that follows. Returns what result.json is made of."""
    frozen = training.config.method == "frozen"
    outcome = fit_frozen(training) if frozen else fine_tune(training, checkpoint)
    if training.setup.processes.rank > 0:
        return outcome
    if training.part.leaves_model:
        error = save_checked(training, outcome)
        outcome = dataclasses.replace(outcome, parity_max_error=error)
    stored: dict[str, Any] = {**vars(outcome), "identity": identity(training, checkpoint.part)}
    checkpoint.save_outcome(stored)
    return outcome


def figures_of(training: Training, outcome: FinishedTraining) -> dict[str, Any]:
    """The figures of this training's model alone, as result.json would have them."""
    rewards = [of_group.mean(1).tolist() for of_group in outcome.rewards]
    figures, _ = summarise(training.data.groups, rewards)
    return figures | {"steps": outcome.steps, "base_model": training.config.base_model}


def fine_tune(training: Training, checkpoint: Checkpoint) -> FinishedTraining:
    """Run the loop, merge adapters, score everything."""
    loop = train(training, checkpoint)
    if training.config.adapter == "qlora":
        unquantise(training)
    if training.adapter is not None:
        merge_adapter(training.adapter)
        training.adapter = None
    return FinishedTraining(
        training.part.name,
        score_everything(training, loop),
        loop.step,
        loop.best_step or loop.step,
        loop.epoch,
        parity_max_error=0.0,
    )


def fit_frozen(training: Training) -> FinishedTraining:
    """Fit a head to features of the frozen trunk. There are no steps: fits are counted."""
    fitted = train_frozen(training)
    return FinishedTraining(
        training.part.name,
        fitted.rewards,
        fitted.fits,
        fitted.fits,
        epochs_done=1,
        parity_max_error=0.0,
        frozen=fitted.report,
    )


def save_checked(training: Training, outcome: FinishedTraining) -> float:
    """Write the model's folder and prove that it reloads to the same rewards. Returns the largest
    error. Of several heads the folder holds the mean, as a plain checkpoint, and they beside it."""
    training.setup.run.begin("saving and checking", f"Saving {outcome.name} and loading it again.")
    texts = [text for group in training.groups for text in group.texts()]
    flat = torch.cat(outcome.rewards).mean(1).tolist()
    length = training.config.max_length
    readout = training.reader.readout
    several = training.config.heads > 1 and readout is None
    heads = take_heads(training.model, training.head) if several else None
    side = side_for(training.reader) if readout is None else "right"
    batched = side is not None if readout is None else training.reader.way != "alone"
    with folder_in_one(training.setup.run.path / outcome.name) as temporary:
        if readout is None:
            save_model(training.model, training.setup.tokenizer, temporary, length, side or "right")
        else:
            save_own_head(training.model, training.setup.tokenizer, temporary, length, readout)
        read = [text for group in training.data.encoded for text in group]
        try:
            error = check_reload(
                temporary, texts, flat, length, training.setup.device, read, batched=batched
            )
        except ProgramError as problem:
            figures = figures_of(training, outcome)
            folder = training.setup.run.path
            raise set_aside(temporary, folder, outcome.name, problem, figures) from problem
        if heads is not None:
            save_heads(temporary, heads)
        scored = outcome.train_rewards(training.data)
        write_scales(temporary, outcome.scales(training.data), responses=len(scored))
    return error
