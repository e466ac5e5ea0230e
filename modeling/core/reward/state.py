"""Where a training is, and how it is taken up again: what goes into the checkpoint and out."""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

import torch

from modeling.core.program.checkpoint import Checkpoint, is_same_run, of_another_run, one_before
from modeling.core.program.errors import ProgramError
from modeling.core.program.files import is_disk_full
from modeling.core.reading.recompute import Memory, recompute_layers
from modeling.core.reward.training import Training


@dataclass
class RewardProgress:
    """Where the training is. All of it goes into the checkpoint."""

    step: int = 0
    epoch: int = 0
    position: int = 0  # batches of this epoch that are done
    best_step: int | None = None
    best_loss: float = math.inf
    bad_evals: int = 0
    window: dict[str, float] = field(default_factory=dict)  # sums since the last train line

    def out_of_patience(self, patience: int) -> bool:
        return self.bad_evals >= patience


def resume(
    training: Training, checkpoint: Checkpoint, optimizer: torch.optim.Optimizer
) -> RewardProgress:
    """Take up the checkpoint of this very run, if there is one. Raises ProgramError for another
    run's."""
    if not checkpoint.exists:
        return RewardProgress()
    loaded = checkpoint.load_last(training.setup.device)
    if loaded is None:
        remark(training, "The checkpoint cannot be read: training starts again from step 0.")
        if training.setup.processes.rank == 0:
            checkpoint.forget_other_bests(None)
        return RewardProgress()
    state, is_previous = loaded
    if not is_same_run(state["identity"], identity(training, checkpoint.part)):
        raise of_another_run(checkpoint.state_file)
    put_weights(training, state["model"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["rng"].cpu())
    # Another number of threads adds up in another order: the same bytes need the same number.
    training.use_threads(state["threads"])
    take_up_memory(training, Memory(**state["memory"]))
    said = state.get("warnings", [])  # what an earlier attempt met with, memory that ran out
    training.setup.warnings += [
        sentence for sentence in said if sentence not in training.setup.warnings
    ]
    loop = RewardProgress(**state["loop"])
    if is_previous:
        remark(training, one_before(loop.step))
    training.setup.run.say(f"Going on from the checkpoint at step {loop.step}.")
    return loop


def save(
    training: Training,
    checkpoint: Checkpoint,
    optimizer: torch.optim.Optimizer,
    loop: RewardProgress,
    *,
    best: bool = False,
) -> None:
    """Write the state; `best`: these weights are the best so far and are kept besides."""
    if training.setup.processes.rank > 0:
        return
    try:
        if best:
            checkpoint.save_best(loop.step, weights_of(training))
        checkpoint.save_state(
            {
                "identity": identity(training, checkpoint.part),
                "loop": dataclasses.asdict(loop),
                "model": weights_of(training),
                "optimizer": optimizer.state_dict(),
                "rng": torch.get_rng_state(),
                "threads": training.config.threads,
                "memory": vars(training.setup.memory),
                "warnings": training.setup.warnings,
            }
        )
        if best:
            checkpoint.forget_other_bests(loop.step)
    except Exception as error:
        if not is_disk_full(error, training.setup.run.path):
            raise
        raise ProgramError(
            f"The disk is full: the checkpoint of step {loop.step} could not be written.",
            where=str(checkpoint.state_file),
            hint="Free some space, then retry: the run goes on from the checkpoint before.",
        ) from error


def remark(training: Training, sentence: str) -> None:
    """Say a sentence in the log, and once in the result's warnings."""
    training.setup.run.say(sentence)
    if sentence not in training.setup.warnings:
        training.setup.warnings.append(sentence)


def take_up_memory(training: Training, memory: Memory) -> None:
    """Read in the same passes as before, or in smaller ones where this attempt was asked for them:
    sums in another order end in other last digits."""
    training.setup.memory.batch_tokens = min(
        memory.batch_tokens, training.setup.memory.batch_tokens
    )
    if memory.recompute and not training.setup.memory.recompute:
        training.setup.memory.recompute = recompute_layers(training.model)


def weights_of(training: Training) -> dict[str, Any]:
    """What training changes: everything, or the adapters and the head."""
    if training.adapter is None:
        return training.model.state_dict()
    return {
        name: weight.detach()
        for name, weight in training.model.named_parameters()
        if weight.requires_grad
    }


def put_weights(training: Training, weights: dict[str, Any]) -> None:
    """Write what `weights_of` gave back into the model."""
    training.model.load_state_dict(weights, strict=training.adapter is None)


def identity(training: Training, part: str) -> dict[str, Any]:
    """What must be equal for a resumed run to be the same run. Thread counts, the checkpoint
    interval and the size of passes change no comparison, and may have been decided anew."""
    loose = ("threads", "checkpoint_seconds", "token_cache", "smaller_passes")
    fixed = {
        key: value for key, value in training.setup.config.as_json().items() if key not in loose
    }
    return fixed | {"data_sha256": training.data.sha256, "part": part}
