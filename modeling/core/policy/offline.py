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
from modeling.core.policy.health import Kept, Measure, may_be_kept, measure, reason_to_stop
from modeling.core.policy.rollouts import roll, text_logps
from modeling.core.policy.state import PolicyProgress, outcome, resume, save, unfit_from_the_start
from modeling.core.policy.task import Task
from modeling.core.policy.update import Learner, make_learner, not_finite, rate_factor
from modeling.core.policy_models.batch import Text
from modeling.core.program.errors import Cancelled
from modeling.measures.noise import noise_of
from modeling.run_data.train_policy import TrainPolicySettled

DECIDED = "decided"  # among a batch's sums: the weight of the pairs that are no tie
MEASUREMENTS = 4  # on the way, the last one at the end
# What a batch's loss is divided by, given the numbers of its items.
Count = Callable[[list[int]], float]
# The loss of some items, divided by the batch's count; figures for the log are added to the sums.
Loss = Callable[[list[int], float, dict[str, float]], Tensor]


@dataclass(frozen=True)
class Batch:
    """The items of one optimiser step, in parts of one forward pass each."""

    parts: list[list[int]]
    total: float


@dataclass(frozen=True)
class Pair:
    """One preference, with the reference's log-probability of each whole response, in nats."""

    chosen: Text
    rejected: Text
    target: float
    weight: float
    reference_chosen: float = 0.0
    reference_rejected: float = 0.0

    @property
    def texts(self) -> tuple[Text, Text]:
        return self.chosen, self.rejected


def distill(task: Task, texts: list[Text]) -> tuple[Kept, dict[str, Any]]:
    """Make the texts likelier: cross-entropy, the mean over all tokens of a batch."""

    def loss(which: list[int], tokens: float, sums: dict[str, float]) -> Tensor:
        total = -whole_logps(task, [texts[at] for at in which]).sum() / tokens
        sums["loss"] = sums.get("loss", 0.0) + total.item()
        return total

    def count(which: list[int]) -> float:
        return float(sum(len(texts[at].response) for at in which))

    return learn(task, [(text,) for text in texts], loss, count, name="distill")


def prefer(task: Task, pairs: list[Pair]) -> tuple[Kept, dict[str, Any]]:
    """DPO on the pairs, the mean over a batch by weight."""
    pairs = with_reference(task, pairs)
    beta, smoothing = task.config.kl_coefficient, task.config.label_smoothing

    def loss(which: list[int], weight: float, sums: dict[str, float]) -> Tensor:
        part = [pairs[at] for at in which]
        found = whole_logps(task, [text for pair in part for text in pair.texts])  # (2C,)
        reference = [(pair.reference_chosen, pair.reference_rejected) for pair in part]
        gained = found.view(-1, 2) - torch.tensor(reference, device=task.device)  # (C, 2)
        chosen, rejected = gained.unbind(1)
        target = torch.tensor([p.target for p in part], device=task.device)
        weights = torch.tensor([p.weight for p in part], device=task.device)
        losses = dpo_loss(chosen - rejected, target, beta, smoothing)
        share = weights / weight
        decided = (target != 0.5).float()  # of a tie no side is the right one
        right = decided * points_of(chosen - rejected, target, found.detach())
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
    """1 for a margin on the judged side, 0 for the other; a half where it is rounding, as it is
    while the policy is its reference. Shape: margin, target (C,) in nats; logps (2C,), of which the
    margins are differences."""
    even = margin.abs() <= noise_of(logps.abs().max().item())
    return torch.where(even, 0.5, ((margin > 0) == (target > 0.5)).float())


def of_decided(figures: dict[str, float]) -> None:
    """Make the accuracy a share of the decided pairs; a batch of ties has none."""
    decided = figures.pop(DECIDED, 0.0)
    right = figures.pop("rewards/accuracies", 0.0)
    if decided > 0:
        figures["rewards/accuracies"] = right / decided


def with_reference(task: Task, pairs: list[Pair]) -> list[Pair]:
    """The pairs with the reference's log-probabilities filled in."""
    mine = task.group.share(pairs)
    texts = [text for pair in mine for text in pair.texts]
    with task.actor.as_reference() as reference:
        found = [math.fsum(row) for row in text_logps(task, reference, texts)]
    done = [
        replace(pair, reference_chosen=chosen, reference_rejected=rejected)
        for pair, chosen, rejected in zip(mine, found[::2], found[1::2], strict=True)
    ]
    return task.group.collect(pairs, done)


def whole_logps(task: Task, texts: list[Text]) -> Tensor:
    """Log-probability of each whole response under the policy, with gradients. Shape: (B,)"""
    batch = task.batch(texts)
    with task.autocast():
        logps, _ = batch.logps(task.actor.model, task.config.temperature)
    return (logps * batch.is_real).sum(dim=1)


def learn(
    task: Task,
    items: Sequence[tuple[Text, ...]],
    loss: Loss,
    count: Count,
    *,
    name: str,
) -> tuple[Kept, dict[str, Any]]:
    """The loop: batches in random order, epoch after epoch, measured MEASUREMENTS times.

    An item's texts go through one pass. Kept is the latest measured policy that is in order; beyond
    the budget, or collapsed, the run stops. So a run that goes too far ends with the weights of the
    measurement before.
    """
    config, run = task.config, task.run
    learner = make_learner(task, None)
    batches = plan(len(items), config)
    loop, kept = PolicyProgress(coefficient=float(config.kl_coefficient)), Kept(best=False)
    resume(task, learner, loop, kept)
    sentence = f"Learning from {len(items)} items: {len(batches)} steps, from {loop.step} on."
    run.begin("improving", sentence, loop.step, len(batches), "steps")
    every = max(1, -(-len(batches) // MEASUREMENTS))
    saved_at, stopped = time.monotonic(), None
    while True:
        if loop.step > kept.measured and (loop.step % every == 0 or loop.step == len(batches)):
            try:
                stopped = look(task, loop, kept)
            except Cancelled:
                save(task, learner, loop, kept)
                raise
        if stopped is not None or loop.step == len(batches):
            break
        batch = batches[loop.step]
        parts = task.passes([items[at] for at in batch])
        whole = Batch([[batch[at] for at in part] for part in parts], count(batch))
        rate = learner.rates[0] * rate_factor(config, len(batches), loop.step)
        figures = step_on(task, learner, whole, loss, rate, loop.step)
        loop.step += 1
        of_decided(figures)
        run.log(loop.step, {f"{name}/loss": figures.pop("loss"), "lr": rate} | figures)
        run.progress(loop.step, len(batches), "steps", "improving")
        cancelled = task.group.any(run.cancel_asked)
        if cancelled or time.monotonic() - saved_at >= config.checkpoint_seconds:
            save(task, learner, loop, kept)
            saved_at = time.monotonic()
        if cancelled:
            raise Cancelled
    save(task, learner, loop, kept)
    if kept.step < 0:
        raise unfit_from_the_start(stopped or "")
    return kept, outcome(loop, stopped)


def plan(count: int, config: TrainPolicySettled) -> list[list[int]]:
    """The batches of all epochs: numbers of items. A function of its arguments alone."""
    size, found = config.batch_size, []
    for epoch in range(config.epochs):
        order = list(range(count))
        Random(f"{config.seed}:{epoch}").shuffle(order)
        found += [order[start : start + size] for start in range(0, count, size)]
    return found


def look(task: Task, loop: PolicyProgress, kept: Kept) -> str | None:
    """Measure the policy as it is on the held-out prompts; a reason to stop, or None."""
    found = measure_held_out(task, f"look {loop.step}")
    task.run.log(loop.step, found.metrics() | {"objective/kl_coef": loop.coefficient})
    stopped = reason_to_stop(found, task.bounds)
    if stopped is None and may_be_kept(found, loop.step, task.config.kl_budget):
        kept.consider(loop.step, found, task.actor.model)
    return stopped


def measure_held_out(task: Task, label: str) -> Measure:
    config = task.config
    rollouts = roll(task, task.held_out, config.eval_responses, label)
    return measure(
        rollouts,
        estimator=config.kl_estimator,
        coefficient=config.kl_coefficient,
        shaping=task.shaping,
    )


def step_on(
    task: Task, learner: Learner, batch: Batch, loss: Loss, rate: float, step: int
) -> dict[str, float]:
    """One optimiser step; the processes share the batch's parts and add up their gradients."""
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
