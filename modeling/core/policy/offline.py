"""Policy updates on texts that are there already: DPO on preferences, and learning the best-of-n.

Both are ordinary supervised loops. At a few points on the way the policy is measured on held-out
prompts, as PPO and RLOO are at each step: reward, KL, signs of collapse.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import torch
from torch import Tensor

from modeling.core.losses.policy import dpo_loss
from modeling.core.policy.health import (
    Measure,
    WeightsToExport,
    may_be_exported,
    measure,
    reason_to_stop,
)
from modeling.core.policy.rollouts import roll, text_logps
from modeling.core.policy.state import PolicyProgress, outcome, resume, save, unfit_from_the_start
from modeling.core.policy.task import Task
from modeling.core.policy.update import Learner, make_learner, not_finite, rate_factor
from modeling.core.policy_models.batch import TokenText
from modeling.core.program.errors import ProgramCancelled
from modeling.measures.noise import noise_of
from modeling.run_data.train_policy import TrainPolicyResolved

DECIDED = "decided"  # among a batch's sums: the weight of the pairs that are no tie
MEASUREMENTS = 4  # on the way, the last one at the end
# What a batch's loss is divided by, given the numbers of its items.
Count = Callable[[list[int]], float]
# The loss of some items, divided by the batch's count; figures for the log are added to the sums.
Loss = Callable[[list[int], float, dict[str, float]], Tensor]


@dataclass(frozen=True)
class StepBatch:
    """The items of one optimiser step, in parts of one forward pass each. `total`: what the sum of
    their losses is divided by, so that the parts' gradients add up to that of the mean."""

    parts: list[list[int]]
    total: float


@dataclass(frozen=True)
class TokenPair:
    """A preference as tokens, with the reference's log-probability of each whole response in nats.
    `target` 1: `chosen` was preferred, 0.5: a tie."""

    chosen: TokenText
    rejected: TokenText
    target: float
    weight: float
    reference_chosen: float = 0.0
    reference_rejected: float = 0.0

    @property
    def texts(self) -> tuple[TokenText, TokenText]:
        return self.chosen, self.rejected


def distill(task: Task, texts: list[TokenText]) -> tuple[WeightsToExport, dict[str, Any]]:
    """Make the texts likelier, by cross-entropy: the mean over all tokens of a batch."""

    def loss(which: list[int], tokens: float, sums: dict[str, float]) -> Tensor:
        total = -whole_logps(task, [texts[at] for at in which]).sum() / tokens
        sums["loss"] = sums.get("loss", 0.0) + total.item()
        return total

    def count(which: list[int]) -> float:
        return float(sum(len(texts[at].response) for at in which))

    return learn(task, [(text,) for text in texts], loss, count, name="distill")


def prefer(task: Task, pairs: list[TokenPair]) -> tuple[WeightsToExport, dict[str, Any]]:
    """Learn from the pairs by DPO: the mean over a batch, by weight."""
    pairs = with_reference(task, pairs)
    beta, smoothing = task.config.kl_coefficient, task.config.label_smoothing

    def loss(which: list[int], weight: float, sums: dict[str, float]) -> Tensor:
        part = [pairs[at] for at in which]
        logps = whole_logps(task, [text for pair in part for text in pair.texts])  # (2C,)
        reference = [(pair.reference_chosen, pair.reference_rejected) for pair in part]
        gained = logps.view(-1, 2) - torch.tensor(reference, device=task.device)  # (C, 2)
        chosen, rejected = gained.unbind(1)
        target = torch.tensor([p.target for p in part], device=task.device)
        weights = torch.tensor([p.weight for p in part], device=task.device)
        # The step's mean is by weight over the whole batch; `weight` is the sum of all its parts.
        losses = dpo_loss(chosen - rejected, target, beta, smoothing)
        share = weights / weight
        decided = (target != 0.5).float()  # of a tie no side is the right one
        right = decided * points_of(chosen - rejected, target, logps.detach())
        for name, values in (
            ("loss", losses),
            ("rewards/chosen", beta * chosen),
            ("rewards/rejected", beta * rejected),
            ("rewards/margins", beta * (chosen - rejected)),
            ("rewards/accuracies", right),
            (DECIDED, decided),
        ):
            sums[name] = sums.get(name, 0.0) + (values.detach() * share).sum().item()
        return (losses * share).sum()

    def count(which: list[int]) -> float:
        return sum(pairs[at].weight for at in which)

    return learn(task, [pair.texts for pair in pairs], loss, count, name="dpo")


def points_of(margin: Tensor, target: Tensor, logps: Tensor) -> Tensor:
    """Score margins: 1 on the judged side, 0 on the other, a half where the margin is rounding.

    It is rounding while the policy is its reference. Shape: margin and target (C,), margin in nats;
    logps (2C,), the log-probabilities whose differences the margins are.
    """
    even = margin.abs() <= noise_of(logps.abs().max().item())
    return torch.where(even, 0.5, ((margin > 0) == (target > 0.5)).float())


def of_decided(figures: dict[str, float]) -> None:
    """Make the accuracy a share of the decided pairs; a batch of ties has none."""
    decided = figures.pop(DECIDED, 0.0)
    right = figures.pop("rewards/accuracies", 0.0)
    if decided > 0:
        figures["rewards/accuracies"] = right / decided


def with_reference(task: Task, pairs: list[TokenPair]) -> list[TokenPair]:
    """Fill in the reference's log-probabilities, once for the run: the reference does not
    change."""
    mine = task.group.share(pairs)
    texts = [text for pair in mine for text in pair.texts]
    with task.actor.as_reference() as reference:
        sums = [math.fsum(row) for row in text_logps(task, reference, texts)]
    done = [
        replace(pair, reference_chosen=chosen, reference_rejected=rejected)
        for pair, chosen, rejected in zip(mine, sums[::2], sums[1::2], strict=True)
    ]
    return task.group.collect(pairs, done)


def whole_logps(task: Task, texts: list[TokenText]) -> Tensor:
    """The log-probability in nats of each whole response under the policy, with gradients. (B,)"""
    batch = task.batch(texts)
    with task.autocast():
        logps, _ = batch.logps(task.actor.model, task.config.temperature)
    return (logps * batch.is_real).sum(dim=1)


def learn(
    task: Task,
    items: Sequence[tuple[TokenText, ...]],
    loss: Loss,
    count: Count,
    *,
    name: str,
) -> tuple[WeightsToExport, dict[str, Any]]:
    """The loop: batches in random order, epoch after epoch, measured MEASUREMENTS times.

    All texts of an item go through one pass. The weights to export are those of the latest
    measurement that was in order. Beyond the budget, or collapsed, the run stops: it then ends with
    the weights of the measurement before.
    """
    config, run = task.config, task.run
    learner = make_learner(task, None)
    batches = plan(len(items), config)
    loop = PolicyProgress(coefficient=float(config.kl_coefficient))
    to_export = WeightsToExport(best=False)
    resume(task, learner, loop, to_export)
    sentence = f"Learning from {len(items)} items: {len(batches)} steps, from {loop.step} on."
    run.begin("improving", sentence, loop.step, len(batches), "steps")
    every = max(1, -(-len(batches) // MEASUREMENTS))
    saved_at, stopped = time.monotonic(), None
    while True:
        if loop.step > to_export.measured and (loop.step % every == 0 or loop.step == len(batches)):
            try:
                stopped = look(task, loop, to_export)
            except ProgramCancelled:
                save(task, learner, loop, to_export)
                raise
        if stopped is not None or loop.step == len(batches):
            break
        batch = batches[loop.step]
        parts = task.passes([items[at] for at in batch])
        whole = StepBatch([[batch[at] for at in part] for part in parts], count(batch))
        rate = learner.rates[0] * rate_factor(config, len(batches), loop.step)
        figures = step_on(task, learner, whole, loss, rate, loop.step)
        loop.step += 1
        of_decided(figures)
        run.log(loop.step, {f"{name}/loss": figures.pop("loss"), "lr": rate} | figures)
        run.progress(loop.step, len(batches), "steps", "improving")
        cancelled = task.group.any(run.cancel_asked)
        if cancelled or time.monotonic() - saved_at >= config.checkpoint_seconds:
            save(task, learner, loop, to_export)
            saved_at = time.monotonic()
        if cancelled:
            raise ProgramCancelled
    save(task, learner, loop, to_export)
    if to_export.step < 0:
        raise unfit_from_the_start(stopped or "")
    return to_export, outcome(loop, stopped)


def plan(count: int, config: TrainPolicyResolved) -> list[list[int]]:
    """Plan the batches of all epochs, as numbers of items. A function of its arguments alone, so
    that a resumed run goes on with the same batches."""
    size, batches = config.batch_size, []
    for epoch in range(config.epochs):
        order = list(range(count))
        Random(f"{config.seed}:{epoch}").shuffle(order)
        batches += [order[start : start + size] for start in range(0, count, size)]
    return batches


def look(task: Task, loop: PolicyProgress, to_export: WeightsToExport) -> str | None:
    """Measure the policy on the held-out prompts. Returns a reason to stop, or None."""
    measured = measure_held_out(task, f"look {loop.step}")
    task.run.log(loop.step, measured.metrics() | {"objective/kl_coef": loop.coefficient})
    stopped = reason_to_stop(measured, task.bounds)
    if stopped is None and may_be_exported(measured, loop.step, task.config.kl_budget):
        to_export.consider(loop.step, measured, task.actor.model)
    return stopped


def measure_held_out(task: Task, label: str) -> Measure:
    """Draw responses to the held-out prompts and measure them."""
    config = task.config
    rollouts = roll(task, task.held_out, config.eval_responses, label)
    return measure(
        rollouts,
        estimator=config.kl_estimator,
        coefficient=config.kl_coefficient,
        shaping=task.shaping,
    )


def step_on(
    task: Task, learner: Learner, batch: StepBatch, loss: Loss, rate: float, step: int
) -> dict[str, float]:
    """Do one optimiser step. The processes share the batch's parts and add up their gradients.
    Raises ProgramError, before any weight has changed, for a loss or gradient that is no number."""
    learner.optimizer.param_groups[0]["lr"] = rate
    sums: dict[str, float] = {}
    for part in task.group.share(batch.parts):
        loss(part, batch.total, sums).backward()
    sums = task.group.total(sums)
    task.group.add_gradients(learner.policy)
    norm = torch.nn.utils.clip_grad_norm_(
        learner.policy.parameters(), task.config.max_grad_norm
    ).item()
    if not torch.isfinite(torch.tensor([norm, sums["loss"]])).all():
        raise not_finite(step)
    learner.optimizer.step()
    learner.optimizer.zero_grad(set_to_none=True)
    return sums | {"policy/grad_norm": norm}
