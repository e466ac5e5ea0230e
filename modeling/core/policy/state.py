"""The checkpoint of a policy improvement: what goes in, and the refusal of another run's."""

from dataclasses import asdict, dataclass
from typing import Any

from modeling.core.policy.health import WeightsToExport
from modeling.core.policy.task import Task
from modeling.core.policy.update import Learner
from modeling.core.policy_models.actors import put_weights, trained_weights
from modeling.core.program.checkpoint import Checkpoint, is_same_run, of_another_run, one_before
from modeling.core.program.errors import ProgramError


@dataclass
class PolicyProgress:
    """Where the training is. All of it goes into the checkpoint."""

    step: int = 0  # updates that are done
    coefficient: float = 0.0  # of the KL
    episodes: int = 0  # responses that were drawn for updates
    tokens: int = 0
    best_step: int | None = None  # for checkpoints; the kept weights are in the state itself


def save(task: Task, learner: Learner, loop: PolicyProgress, to_export: WeightsToExport) -> None:
    """Write the checkpoint, in the first process alone: all hold the same weights."""
    if task.group.rank != 0:
        return
    Checkpoint(task.run.path).save_state(
        {
            "identity": task.identity(),
            "loop": asdict(loop),
            "kept": to_export.state(),
            "policy": trained_weights(learner.policy),
            "value": None if learner.value is None else trained_weights(learner.value),
            "optimizer": learner.optimizer.state_dict(),
            "threads": task.config.threads,
        }
    )


def resume(task: Task, learner: Learner, loop: PolicyProgress, to_export: WeightsToExport) -> None:
    """Take up the checkpoint of this very run, if there is one, into all arguments. Raises
    ProgramError for another run's."""
    checkpoint = Checkpoint(task.run.path)
    if not checkpoint.exists:
        return
    loaded = checkpoint.load_last(task.device)
    if loaded is None:
        task.remark("The checkpoint cannot be read: the run starts again from step 0.")
        return
    state, is_previous = loaded
    if not is_same_run(state["identity"], task.identity()):
        raise of_another_run(checkpoint.state_file)
    put_weights(learner.policy, state["policy"])
    if learner.value is not None:
        put_weights(learner.value, state["value"])
    learner.optimizer.load_state_dict(state["optimizer"])
    # Another number of threads adds up in another order: the same bytes need the same number.
    task.use_threads(state["threads"])
    for key, value in state["loop"].items():
        setattr(loop, key, value)
    to_export.restore(state["kept"])
    if is_previous:
        task.remark(one_before(loop.step))
    task.run.say(f"Going on from the checkpoint at step {loop.step}.")


def outcome(loop: PolicyProgress, stopped: str | None) -> dict[str, Any]:
    """The figures of the loop for result.json; `stopped`: why it ended early."""
    return {
        "steps": loop.step,
        "stopped": stopped and {"reason": stopped, "step": loop.step},
        "kl_coefficient": loop.coefficient,
    }


def unfit_from_the_start(reason: str) -> ProgramError:
    """The error of a policy that was beyond a limit before its first update."""
    return ProgramError(
        f"{reason} This is so before any training.",
        where="config.json: policy",
        hint="Use another policy; for a KL beyond the budget, raise kl_budget or name the current "
        "policy as reference; for a drift in length, leave length_start out.",
    )
