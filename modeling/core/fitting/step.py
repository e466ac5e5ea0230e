"""One optimiser step: the gradients of a batch, in as many passes as memory allows and over all
processes, then AdamW."""

import math

import torch
from torch import nn

from modeling.core.program.errors import ProgramError, is_out_of_memory
from modeling.core.reward.objective import comparison_loss
from modeling.core.reward.training import Training
from modeling.core.texts.groups import Unit, micro_batches
from modeling.run_data.train_reward import TrainRewardResolved

EXPLODED = 1e3  # mean loss of a batch: rewards a thousand apart, the wrong way round
# No weight has changed yet.
FIRST_STEP = (
    "This is the first step, so no learning rate is to blame: the base model itself gives no "
    "finite number for a text of this batch. Try another base model, or float32 in place of "
    "bfloat16."
)
SUMMED = ("loss", "points", "decided", "margin", "reward", "tokens")


def make_optimizer(model: nn.Module, config: TrainRewardResolved) -> torch.optim.Optimizer:
    """Make AdamW over the weights that are trained. Fused: one pass over them, on CPU and GPU
    alike."""
    return torch.optim.AdamW(
        [weight for weight in model.parameters() if weight.requires_grad],
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        fused=True,
    )


def learning_rate(config: TrainRewardResolved, step: int, total: int) -> float:
    """The learning rate of the step that follows `step` finished ones of `total`: linear warm-up,
    then constant or linear decay."""
    peak = float(config.learning_rate)
    warmup = round(config.warmup * total)
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    if config.schedule == "constant":
        return peak
    return peak * (total - step) / max(1, total - warmup)


def train_step(
    training: Training, optimizer: torch.optim.Optimizer, batch: list[Unit], rate: float, step: int
) -> dict[str, float]:
    """Do one optimiser step. Returns sums over the batch's comparisons, to be added up for the log,
    and as `stop` how many of the processes were asked to stop.

    Raises ProgramError, before any weight has changed, when loss or gradient are no number or have
    exploded.
    """
    model = training.model
    total_weight = sum(c.weight for unit in batch for c in unit.comparisons)
    figures = gradients(training, optimizer, batch, total_weight)
    figures |= {"weight": total_weight, "count": float(sum(len(u.comparisons) for u in batch))}
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), training.config.max_grad_norm)
    exploded = figures["loss"] > EXPLODED * max(total_weight, 1e-12)
    if exploded or not (math.isfinite(figures["loss"]) and math.isfinite(norm.item())):
        ids = ", ".join(c.id for unit in batch for c in unit.comparisons)
        raise not_finite(step, f"comparisons {ids}", exploded=exploded)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return figures | {"grad_norm": norm.item(), "steps": 1.0}


def gradients(
    training: Training, optimizer: torch.optim.Optimizer, batch: list[Unit], total_weight: float
) -> dict[str, float]:
    """Leave the batch's gradients in the weights, summed over its passes and over the processes.

    When memory runs out in one of them, all begin the batch again with less.
    """
    while True:
        own, fits = backward(training, share_of(training, batch), total_weight)
        asked = float(training.setup.run.cancel_asked)
        figures = training.setup.processes.total(
            own | {"stop": asked, "too_large": float(not fits)}
        )
        if not figures.pop("too_large"):
            break
        # Some passes may have left gradients: the batch begins again as a whole.
        optimizer.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()
        config = training.config
        how = training.setup.memory.less(
            training.model, config.gradient_checkpointing, config.max_length
        )
        if how is None:
            raise out_of_memory()
        training.setup.run.say(how)
        training.setup.warnings.append(how)
    training.setup.processes.add_gradients(training.model)
    return figures


def backward(
    training: Training, units: list[Unit], total_weight: float
) -> tuple[dict[str, float], bool]:
    """Add the gradients of this process's units. The loss is summed over the passes and divided by
    the whole batch's weight. Returns sums for the log, and False where memory did not suffice."""
    config = training.config
    figures = dict.fromkeys(SUMMED, 0.0)
    padded = not training.reader.packs
    budget = training.setup.memory.batch_tokens
    parts = micro_batches(units, training.data.encoded, budget, padded=padded) if units else []
    try:
        for part in parts:
            half = config.dtype == "bfloat16"
            with torch.autocast(training.setup.device.type, torch.bfloat16, half):
                loss, part_figures = comparison_loss(
                    config,
                    training.reader,
                    training.data.encoded,
                    part,
                    training.data.head_weights,
                )
            # By the whole batch's weight, whatever the pass: the sum over passes is then the mean.
            (loss / total_weight).backward()
            for name, value in part_figures.items():
                figures[name] += value
    except RuntimeError as error:  # OutOfMemoryError is one
        if not is_out_of_memory(error):
            raise
        return dict.fromkeys(SUMMED, 0.0), False
    return figures, True


def share_of(training: Training, batch: list[Unit]) -> list[Unit]:
    """Choose the units of a batch that fall to this process: the largest first, each goes to the
    process with the fewest tokens so far. All processes come to the same shares."""
    if training.setup.processes.size == 1:
        return batch
    tokens = [training.reader.tokens(unit.texts(training.data.encoded)) for unit in batch]
    load = [0] * training.setup.processes.size
    owner = [0] * len(batch)
    for at in sorted(range(len(batch)), key=lambda at: (-tokens[at], at)):
        owner[at] = load.index(min(load))
        load[owner[at]] += tokens[at]
    return [
        unit
        for unit, rank in zip(batch, owner, strict=True)
        if rank == training.setup.processes.rank
    ]


def not_finite(step: int, where: str, *, exploded: bool = False) -> ProgramError:
    what = "The loss has exploded" if exploded else "The loss or its gradient is no longer a finite"
    advice = "Lower the learning rate, and look at these comparisons for unusual texts."
    if step == 1 and not exploded:
        advice = FIRST_STEP
    return ProgramError(
        f"{what}{'' if exploded else ' number'} at step {step}.",
        where=f"step {step}, {where}",
        hint=f"{advice} Nothing of this step was saved.",
    )


def out_of_memory() -> ProgramError:
    return ProgramError(
        "The memory is not enough for this model, not even for one prompt at a time.",
        where="config.json: base_model, max_length, adapter",
        hint='Lower max_length, set "gradient_checkpointing" to "auto", use "lora", or a smaller '
        "model.",
    )
