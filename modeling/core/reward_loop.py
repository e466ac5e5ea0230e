"""The training loop of a reward model: batches, optimiser steps, early stop, log.

Bradley-Terry loss on the difference of two fp32 rewards (objective.py), AdamW, linear warm-up and
decay, early stop on the dev split with the best weights restored.
"""

import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from modeling.core.checkpoint import Checkpoint
from modeling.core.errors import ProgramError
from modeling.core.evaluation import score_split
from modeling.core.groups import Unit, micro_batches, plan_epoch
from modeling.core.objective import comparison_loss
from modeling.core.reward_report import count_in, metrics_of
from modeling.core.reward_setup import Training
from modeling.core.reward_state import Loop, put_weights, resume, save, weights_of

EXPLODED = 1e3  # mean loss of a batch: rewards a thousand apart, the wrong way round
LOG_LINES = 200  # about so many train lines per run


def train(training: Training, checkpoint: Checkpoint) -> Loop:
    """The loop. Returns where it ended; the model holds the best weights."""
    run, config = training.run, training.config
    train_groups = training.split("train")
    plans = [plan(training, train_groups, epoch) for epoch in range(config["epochs"])]
    total = sum(len(epoch) for epoch in plans)
    fraction = config["eval_every"]
    eval_steps = max(1, round(fraction * len(plans[0]) if fraction <= 1 else fraction))
    optimizer = make_optimizer(training.model, config)
    loop = resume(training, checkpoint, optimizer)
    saved_at = time.monotonic()
    early_stop = count_in(training.groups, "dev") >= config["min_dev"]
    while loop.epoch < config["epochs"] and not loop.out_of_patience(config["patience"]):
        for batch in plans[loop.epoch][loop.position :]:
            rate = learning_rate(config, loop.step, total)
            figures = train_step(training, optimizer, batch, rate, loop.step + 1)
            loop.step, loop.position = loop.step + 1, loop.position + 1
            log_step(training, loop, figures, rate, total)
            if loop.step % eval_steps == 0 or loop.step == total:
                dev_loss = evaluate(training, loop.step)
                if early_stop and remember_best(loop, dev_loss):
                    checkpoint.save_best(loop.step, weights_of(training))
                    save(training, checkpoint, optimizer, loop)
                    checkpoint.forget_other_bests(loop.step)
            due = time.monotonic() - saved_at >= config["checkpoint_seconds"]
            if run.cancel_asked or due:
                save(training, checkpoint, optimizer, loop)
                saved_at = time.monotonic()
            run.check_cancelled()
            if loop.out_of_patience(config["patience"]):
                run.say(f"Early stop: the dev loss was lowest at step {loop.best_step}.")
                break
        else:
            loop.epoch, loop.position = loop.epoch + 1, 0
    save(training, checkpoint, optimizer, loop)  # should what follows fail, it can be retried
    if loop.best_step is not None and loop.best_step != loop.step:
        put_weights(training, checkpoint.load_best(loop.best_step, training.device))
    return loop


def make_optimizer(model: nn.Module, config: dict[str, Any]) -> torch.optim.Optimizer:
    """Fused: one pass over the weights, on CPU and GPU alike."""
    return torch.optim.AdamW(
        [weight for weight in model.parameters() if weight.requires_grad],
        lr=config["learning_rate"],
        weight_decay=config["weight_decay"],
        fused=True,
    )


def plan(training: Training, train_groups: list[int], epoch: int) -> list[list[Unit]]:
    """The epoch's batches, with the units' groups numbered as in `training.groups`."""
    batches = plan_epoch(
        [training.groups[at] for at in train_groups],
        [training.encoded[at] for at in train_groups],
        batch_size=training.config["batch_size"],
        seed=training.config["seed"],
        epoch=epoch,
        by_length=training.reader.way == "padded",
        whole_rankings=training.config["rankings"] == "plackett_luce",
    )
    return [
        [dataclasses.replace(unit, group=train_groups[unit.group]) for unit in batch]
        for batch in batches
    ]


def learning_rate(config: dict[str, Any], step: int, total: int) -> float:
    """The rate of the step that follows `step` finished ones."""
    peak = float(config["learning_rate"])
    warmup = round(config["warmup"] * total)
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    if config["schedule"] == "constant":
        return peak
    return peak * (total - step) / max(1, total - warmup)


def train_step(
    training: Training, optimizer: torch.optim.Optimizer, batch: list[Unit], rate: float, step: int
) -> dict[str, float]:
    """One optimiser step; the loss is summed over the micro-batches and divided once.

    Returns sums over the batch's comparisons, ready to be added up for the log.
    """
    config, model = training.config, training.model
    total_weight = sum(c.weight for unit in batch for c in unit.comparisons)
    figures = dict.fromkeys(("loss", "points", "decided", "margin", "reward", "tokens"), 0.0)
    figures |= {"weight": total_weight, "count": float(sum(len(u.comparisons) for u in batch))}
    padded = training.reader.way == "padded"
    for part in micro_batches(batch, training.encoded, config["batch_tokens"], padded=padded):
        with torch.autocast(training.device.type, torch.bfloat16, config["dtype"] == "bfloat16"):
            loss, part_figures = comparison_loss(
                config, training.reader, training.encoded, part, training.bootstrap
            )
        (loss / total_weight).backward()
        for name, value in part_figures.items():
            figures[name] += value
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), config["max_grad_norm"]).item()
    exploded = figures["loss"] > EXPLODED * max(total_weight, 1e-12)
    if exploded or not (math.isfinite(figures["loss"]) and math.isfinite(norm)):
        ids = ", ".join(c.id for unit in batch for c in unit.comparisons)
        raise not_finite(step, f"comparisons {ids}", exploded=exploded)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return figures | {"grad_norm": norm, "steps": 1.0}


def not_finite(step: int, where: str, *, exploded: bool = False) -> ProgramError:
    what = "The loss has exploded" if exploded else "The loss or its gradient is no longer a finite"
    return ProgramError(
        f"{what}{'' if exploded else ' number'} at step {step}.",
        where=f"step {step}, {where}",
        hint="Lower the learning rate, and look at these comparisons for unusual texts. "
        "Nothing of this step was saved.",
    )


def log_step(
    training: Training, loop: Loop, figures: dict[str, float], rate: float, total: int
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
    training.run.log(
        loop.step,
        {
            "train/loss": sums["loss"] / sums["weight"],
            "train/accuracy": sums["points"] / decided,
            "train/margin": sums["margin"] / decided,
            "train/mean_reward": sums["reward"] / sums["count"],
            "train/grad_norm": sums["grad_norm"] / sums["steps"],
            "train/learning_rate": rate,
            "train/tokens": sums["tokens"] / sums["steps"],
            "train/epoch": round(loop.step / total * training.config["epochs"], 4),
        },
    )


def evaluate(training: Training, step: int) -> float:
    """Score the dev split, log it, return its loss (infinite when the split is empty)."""
    dev = training.split("dev")
    if not dev:
        return math.inf
    groups = [training.groups[at] for at in dev]
    rewards = [found.mean(1).tolist() for found in score_groups(training, dev)]
    score = score_split(groups, rewards)
    if not math.isfinite(score.loss):
        raise not_finite(step, "the dev split")
    if training.is_main:
        training.run.log(step, metrics_of("dev", score))
    else:
        training.run.say(f"{training.part.words}, step {step}: dev loss {score.loss:.4f}")
    return score.loss


def remember_best(loop: Loop, dev_loss: float) -> bool:
    """True when the dev loss is the lowest so far."""
    if dev_loss < loop.best_loss:
        loop.best_loss, loop.best_step, loop.bad_evals = dev_loss, loop.step, 0
        return True
    loop.bad_evals += 1
    return False


def score_everything(training: Training, loop: Loop) -> list[Tensor]:
    """Rewards (K, M) of all groups with the final weights, by each head; of the held-out groups
    alone for a part that leaves no model. Cancelling here loses only this scoring."""
    groups = training.groups
    which = [
        at
        for at, group in enumerate(groups)
        if training.part.leaves_model or group.split in ("test", "dev")
    ]
    run, total = training.run, sum(len(training.encoded[at]) for at in which)

    def each_batch(done: int) -> None:
        run.check_cancelled()
        run.progress(done, total, "responses", "evaluating")

    scored = dict(zip(which, score_groups(training, which, each_batch), strict=True))
    rewards = [scored.get(at, Tensor()) for at in range(len(groups))]
    if not all(group.isfinite().all() for group in rewards):
        raise not_finite(loop.step, "the final weights")
    return rewards


def score_groups(
    training: Training, which: list[int], each_batch: Callable[[int], None] = lambda done: None
) -> list[Tensor]:
    """Rewards (K, M) of some groups, all batched together."""
    texts = [training.encoded[at] for at in which]
    return training.reader.score_members(texts, training.config["batch_tokens"], each_batch)
