"""The loop of PPO and RLOO: draw, measure, keep, update.

One step: responses are drawn from the current policy and rewarded by the frozen reward model; the
KL to the reference is part of the reward. PPO (Schulman et al. 2017; for language models Ziegler et
al. 2019, Stiennon et al. 2020) gives each token an advantage by a value model and GAE. RLOO
(Ahmadian et al. 2024) gives each response the reward less the mean of its prompt's others, and
needs no value model.

Both maximise E[reward] - coefficient * KL(policy || reference), whose optimum is
reference * exp(reward / coefficient), normalised per prompt.
"""

import time
from random import Random
from typing import Any

from transformers import PreTrainedModel

from modeling.core.losses.kl import adapt
from modeling.core.policy.health import (
    Measure,
    WeightsToExport,
    may_be_exported,
    measure,
    reason_to_stop,
)
from modeling.core.policy.rollouts import Rollout, roll
from modeling.core.policy.state import PolicyProgress, outcome, resume, save, unfit_from_the_start
from modeling.core.policy.task import PolicyPrompt, Task
from modeling.core.policy.update import make_learner, rewards_by_prompt, update
from modeling.core.program.errors import ProgramCancelled
from modeling.measures.noise import has_spread
from modeling.run_data.train_policy import TrainPolicyResolved


def improve(task: Task, value: PreTrainedModel | None) -> tuple[WeightsToExport, dict[str, Any]]:
    """Run the loop. Returns the weights to export and the loop's figures for result.json."""
    config, run = task.config, task.run
    learner = make_learner(task, value)
    loop = PolicyProgress(coefficient=float(config.kl_coefficient))
    # Objectives compare under one coefficient only: while it adapts, the latest weights are taken.
    to_export = WeightsToExport(best=config.kl_target is None)
    resume(task, learner, loop, to_export)
    steps = config.steps
    sentence = f"Improving the policy: {steps} steps, from {loop.step} on."
    run.begin("improving", sentence, loop.step, steps, "steps")
    saved_at = time.monotonic()
    while True:
        try:
            rollouts = draw_step(task, loop.step)
        except ProgramCancelled:  # nothing of this step has happened yet
            save(task, learner, loop, to_export)
            raise
        measured = judge(task, loop, rollouts)
        stopped = reason_to_stop(measured, task.bounds)
        if stopped is None and may_be_exported(measured, loop.step, config.kl_budget):
            to_export.consider(loop.step, measured, learner.policy)
        if stopped is not None or loop.step == config.steps:
            break
        # Drawn and measured before the update: what is exported was measured as it is.
        figures = update(task, learner, rollouts, loop.coefficient, loop.step)
        finish_step(task, loop, measured, rollouts, figures)
        cancelled = task.group.any(run.cancel_asked)
        if cancelled or time.monotonic() - saved_at >= config.checkpoint_seconds:
            save(task, learner, loop, to_export)
            saved_at = time.monotonic()
        if cancelled:
            raise ProgramCancelled
    save(task, learner, loop, to_export)  # should what follows fail, it can be retried
    if to_export.step < 0:
        raise unfit_from_the_start(stopped or "")
    return to_export, outcome(loop, stopped)


def draw_step(task: Task, step: int) -> list[Rollout]:
    """Draw the responses that the update after `step` finished ones learns from."""
    prompts = prompts_of_step(task.prompts, task.config.prompts_per_step, task.config, step)
    return roll(task, prompts, task.config.responses_per_prompt, f"step {step}")


def prompts_of_step(
    prompts: list[PolicyPrompt], count: int, config: TrainPolicyResolved, step: int
) -> list[PolicyPrompt]:
    """Choose a step's prompts. All prompts are put into random order, cut into steps, and shuffled
    anew when they have been through; none comes twice in a step. A function of its arguments alone,
    so that a resumed run goes on alike."""
    count = min(count, len(prompts))
    per_pass = len(prompts) // count
    order = Random(f"{config.seed}:{step // per_pass}").sample(prompts, len(prompts))
    start = step % per_pass * count
    return order[start : start + count]


def judge(task: Task, loop: PolicyProgress, rollouts: list[Rollout]) -> Measure:
    """Measure the policy that wrote the rollouts, and log that under its number of updates."""
    config = task.config
    measured = measure(
        rollouts,
        estimator=config.kl_estimator,
        coefficient=loop.coefficient,
        shaping=task.shaping,
    )
    rows = rewards_by_prompt(rollouts, task.shaping)
    alike = sum(not has_spread(row) for row in rows) / len(rows)
    extra = {"objective/kl_coef": loop.coefficient, "frac_reward_zero_std": alike}
    task.run.log(loop.step, measured.metrics() | extra)
    return measured


def finish_step(
    task: Task,
    loop: PolicyProgress,
    measured: Measure,
    rollouts: list[Rollout],
    figures: dict[str, float],
) -> None:
    """Count, adapt the KL coefficient, log the update and the progress."""
    config = task.config
    loop.step += 1
    loop.episodes += len(rollouts)
    loop.tokens += sum(len(rollout.tokens) for rollout in rollouts)
    if config.kl_target is not None:
        loop.coefficient = adapt(
            loop.coefficient, measured.kl, config.kl_target, len(rollouts), config.kl_horizon
        )
    counts = {"episode": float(loop.episodes), "num_tokens": float(loop.tokens)}
    task.run.log(loop.step, figures | counts)
    task.run.progress(loop.step, config.steps, "steps", "improving")
