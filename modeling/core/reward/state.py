"""Where a training is, and how it is taken up again: what goes into the checkpoint and out."""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

import torch

from modeling.core.checkpoint import Checkpoint, of_another_run
from modeling.core.errors import ProgramError
from modeling.core.files import is_disk_full
from modeling.core.recompute import Memory, recompute_layers
from modeling.core.reward_setup import Training


@dataclass
class Loop:
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


def resume(training: Training, checkpoint: Checkpoint, optimizer: torch.optim.Optimizer) -> Loop:
    """Take up the checkpoint of this very run, if there is one."""
    if not checkpoint.state_file.exists():
        return Loop()
    state = checkpoint.load_state(training.device)
    if state is None:
        training.run.say("The checkpoint cannot be read: training starts again from step 0.")
        checkpoint.forget_other_bests(None)
        return Loop()
    if state["identity"] != identity(training, checkpoint.part):
        raise of_another_run(checkpoint.state_file)
    put_weights(training, state["model"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["rng"].cpu())
    # Another number of threads adds up in another order: the same bytes need the same number.
    training.config["threads"] = state["threads"]
    torch.set_num_threads(state["threads"])
    take_up_memory(training, Memory(**state["memory"]))
    said = state.get("warnings", [])  # what an earlier attempt met with, memory that ran out
    training.warnings += [sentence for sentence in said if sentence not in training.warnings]
    loop = Loop(**state["loop"])
    training.run.say(f"Going on from the checkpoint at step {loop.step}.")
    return loop


def save(
    training: Training,
    checkpoint: Checkpoint,
    optimizer: torch.optim.Optimizer,
    loop: Loop,
    *,
    best: bool = False,
) -> None:
    """Write the state; `best`: these weights are the best so far and are kept besides."""
    if training.processes.rank > 0:
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
                "threads": training.config["threads"],
                "memory": vars(training.memory),
                "warnings": training.warnings,
            }
        )
        if best:
            checkpoint.forget_other_bests(loop.step)
    except Exception as error:
        if not is_disk_full(error, training.run.path):
            raise
        raise ProgramError(
            f"The disk is full: the checkpoint of step {loop.step} could not be written.",
            where=str(checkpoint.state_file),
            hint="Free some space, then retry: the run goes on from the checkpoint before.",
        ) from error


def take_up_memory(training: Training, memory: Memory) -> None:
    """The same passes as before: sums in another order end in other last digits."""
    training.memory.batch_tokens = memory.batch_tokens
    if memory.recompute and not training.memory.recompute:
        training.memory.recompute = recompute_layers(training.model)


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
    training.model.load_state_dict(weights, strict=training.adapter is None)


def identity(training: Training, part: str) -> dict[str, Any]:
    """What must be equal for a resumed run to be the same run. Thread counts and the checkpoint
    interval change no comparison, and may have been decided anew."""
    loose = ("threads", "checkpoint_seconds", "token_cache")
    fixed = {key: value for key, value in training.whole.items() if key not in loose}
    return fixed | {"data_sha256": training.data_sha256, "part": part}
