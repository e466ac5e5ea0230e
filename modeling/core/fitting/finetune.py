"""The training loop of a reward model: batches, optimiser steps, early stop, log.

A step is in step.py, its loss in modeling/core/reward/objective.py. Linear warm-up and decay, early
stop on the dev split with the best weights restored.
"""

import dataclasses
import math
from collections.abc import Callable

from torch import Tensor

from modeling.core.fitting.step import learning_rate, make_optimizer, not_finite, train_step
from modeling.core.program.checkpoint import Checkpoint, Pace
from modeling.core.program.errors import ProgramCancelled
from modeling.core.reward.evaluation import score_split
from modeling.core.reward.report import count_in, metrics_of
from modeling.core.reward.state import RewardProgress, put_weights, resume, save
from modeling.core.reward.training import Training
from modeling.core.texts.groups import Unit, plan_epoch
from modeling.measures.points import HEADLINE

LOG_LINES = 200  # about so many train lines per run


def train(training: Training, checkpoint: Checkpoint) -> RewardProgress:
    """Run the loop. Returns where it ended; the model then holds the best weights."""
    run, config = training.setup.run, training.config
    train_groups = training.split("train")
    plans = [plan(training, train_groups, epoch) for epoch in range(config.epochs)]
    total = sum(len(epoch) for epoch in plans)
    fraction = config.eval_every
    eval_steps = max(1, round(fraction * len(plans[0]) if fraction <= 1 else fraction))
    optimizer = make_optimizer(training.model, config)
    loop = resume(training, checkpoint, optimizer)
    pace = Pace(config.checkpoint_seconds)
    early_stop = count_in(training.groups, "dev") >= config.min_dev
    if training.setup.processes.rank == 0:
        run.say(f"Training {training.part.words}: {total} steps, from step {loop.step} on.")
    training.progress(loop.step, total)
    while loop.epoch < config.epochs and not loop.out_of_patience(config.patience):
        for batch in plans[loop.epoch][loop.position :]:
            rate = learning_rate(config, loop.step, total)
            figures = train_step(training, optimizer, batch, rate, loop.step + 1)
            loop.step, loop.position = loop.step + 1, loop.position + 1
            log_step(training, loop, figures, rate, total)
            if loop.step % eval_steps == 0 or loop.step == total:
                dev_loss = evaluate(training, loop.step)
                if early_stop and remember_best(loop, dev_loss):
                    with pace.saving():
                        save(training, checkpoint, optimizer, loop, best=True)
            if must_stop(training, figures) or pace.is_due():
                with pace.saving():
                    save(training, checkpoint, optimizer, loop)
            stop_if_asked(training, figures)
            if loop.out_of_patience(config.patience):
                run.say(f"Early stop: the dev loss was lowest at step {loop.best_step}.")
                break
        else:
            loop.epoch, loop.position = loop.epoch + 1, 0
    save(training, checkpoint, optimizer, loop)  # should what follows fail, it can be retried
    if loop.best_step is not None and loop.best_step != loop.step:
        put_weights(training, checkpoint.load_best(loop.best_step, training.setup.device))
    return loop


def must_stop(training: Training, figures: dict[str, float]) -> bool:
    """Whether the run was asked to stop; several processes have to agree on after which step."""
    alone = training.setup.processes.size == 1
    return training.setup.run.cancel_asked if alone else figures["stop"] > 0


def stop_if_asked(training: Training, figures: dict[str, float]) -> None:
    """Raise ProgramCancelled if the run was asked to stop, in all processes after one step."""
    if training.setup.processes.size == 1:
        training.setup.run.check_cancelled()
    elif figures["stop"] > 0:
        raise ProgramCancelled


def plan(training: Training, train_groups: list[int], epoch: int) -> list[list[Unit]]:
    """Plan the epoch's batches, with the units' groups numbered as in `training.groups`."""
    batches = plan_epoch(
        [training.groups[at] for at in train_groups],
        [training.data.encoded[at] for at in train_groups],
        batch_size=training.config.batch_size,
        seed=training.config.seed,
        epoch=epoch,
        by_length=not training.reader.packs,
        whole_rankings=training.config.rankings == "plackett_luce",
    )
    return [
        [dataclasses.replace(unit, group=train_groups[unit.group]) for unit in batch]
        for batch in batches
    ]


def log_step(
    training: Training, loop: RewardProgress, figures: dict[str, float], rate: float, total: int
) -> None:
    """Add the step to the window; every so often write the window's means and the progress."""
    for name, value in figures.items():
        loop.window[name] = loop.window.get(name, 0.0) + value
    if loop.step % max(1, total // LOG_LINES) and loop.step != total:
        return
    sums, loop.window = loop.window, {}
    decided = max(1.0, sums["decided"])
    training.progress(loop.step, total)
    if not training.is_main:  # its curves would run through those of the model
        return
    training.setup.run.log(
        loop.step,
        {
            "train/loss": sums["loss"] / sums["weight"],
            "train/accuracy": sums["points"] / decided,
            "train/margin": sums["margin"] / decided,
            "train/mean_reward": sums["reward"] / sums["count"],
            "train/grad_norm": sums["grad_norm"] / sums["steps"],
            "train/learning_rate": rate,
            "train/tokens": sums["tokens"] / sums["steps"],
            "train/epoch": round(loop.step / total * training.config.epochs, 4),
        },
    )


def evaluate(training: Training, step: int) -> float:
    """Score the dev split, log it, return its loss (infinite when the split is empty)."""
    dev = training.split("dev")
    if not dev:
        return math.inf
    groups = [training.groups[at] for at in dev]
    rewards = [of_group.mean(1).tolist() for of_group in score_groups(training, dev)]
    score = score_split(groups, rewards)
    if not math.isfinite(score.loss):
        raise not_finite(step, "the dev split")
    if training.is_main:
        training.setup.run.log(step, metrics_of("dev", score))
    else:
        training.setup.run.say(f"{training.part.words}, step {step}: dev loss {score.loss:.4f}")
    return score.loss


def remember_best(loop: RewardProgress, dev_loss: float) -> bool:
    """Note a dev loss. Returns whether it is the lowest so far."""
    if dev_loss < loop.best_loss:
        loop.best_loss, loop.best_step, loop.bad_evals = dev_loss, loop.step, 0
        return True
    loop.bad_evals += 1
    return False


def score_everything(training: Training, loop: RewardProgress) -> list[Tensor]:
    """Score all groups with the final weights: (K, M) by each head. A part that leaves no model
    scores the held-out groups alone. Cancelling here loses only this scoring."""
    groups = training.groups
    which = [
        at
        for at, group in enumerate(groups)
        if training.part.leaves_model or group.split in HEADLINE
    ]
    run, total = training.setup.run, sum(len(training.data.encoded[at]) for at in which)
    run.begin("evaluating", f"Scoring {total} responses with the final weights.")
    processes = training.setup.processes

    def each_batch(done: int) -> None:
        if processes.size == 1:
            run.check_cancelled()
        run.progress(min(total, done * processes.size), total, "responses", "evaluating")

    scored = dict(zip(which, score_groups(training, which, each_batch), strict=True))
    rewards = [scored.get(at, Tensor()) for at in range(len(groups))]
    if processes.size > 1 and processes.any(run.cancel_asked):  # all must have been told the same
        raise ProgramCancelled
    if not all(group.isfinite().all() for group in rewards):
        raise not_finite(loop.step, "the final weights")
    return rewards


def score_groups(
    training: Training, which: list[int], each_batch: Callable[[int], None] = lambda done: None
) -> list[Tensor]:
    """Score some groups, all batched together: (K, M) each. Each process reads its share."""
    texts = [training.data.encoded[at] for at in training.setup.processes.share(which)]
    budget = training.setup.memory.batch_tokens
    rewards = training.reader.score_members(texts, budget, each_batch)
    return training.setup.processes.collect([Tensor()] * len(which), rewards)
