"""Train a reward model on preferences.

    python -m modeling.core.train_reward RUN_DIR

Reads RUN_DIR/config.json and preferences.jsonl; writes metrics.jsonl as it goes, checkpoint/, and
at the end model/, predictions.jsonl and result.json (formats: docs/learning-programs.md). Started
again on the same folder it goes on from its checkpoint and ends with the same bytes.

In short: Bradley-Terry loss on the difference of two fp32 rewards, AdamW, linear warm-up and
decay, early stop on the dev split with the best weights restored. A prompt and its responses are
read as one packed row, every token once, where the model allows it. Left out: LoRA, ensembles,
several GPUs, calibration.
"""

import dataclasses
import math
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import transformers
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from modeling.core.checkpoint import Checkpoint
from modeling.core.device import choose_autocast, choose_device, choose_threads, move_to
from modeling.core.errors import ProgramError
from modeling.core.evaluation import score_split
from modeling.core.files import is_disk_full, sha256_of
from modeling.core.groups import (
    SPLITS,
    PromptGroup,
    Unit,
    micro_batches,
    plan_epoch,
    read_groups,
)
from modeling.core.losses import tie_weight_of
from modeling.core.objective import comparison_loss
from modeling.core.reading import WAYS, Reader, choose_batch_tokens, choose_reader
from modeling.core.reward_model import check_reload, load_reward_model, save_model
from modeling.core.reward_report import count_in, metrics_of, summarise, write_predictions
from modeling.core.run_dir import RunDir, is_count, is_number, run_program
from modeling.core.text import Encoded, choose_max_length, encode_texts

DEFAULTS: dict[str, Any] = {
    "base_model": ...,  # a folder or a Hub id
    "seed": 0,
    "epochs": None,  # at most; None: by model size and data
    "learning_rate": None,  # None: by model size
    "batch_size": 16,  # comparisons per optimiser step
    "batch_tokens": None,  # tokens per forward pass, a batch is cut to fit; None: by device
    "attention": "auto",  # how prompts are shared: "shared", "flex", "padded"
    "max_length": None,  # tokens per text; None: the model's, at most 2,048
    "patience": 4,  # evaluations without a lower dev loss before the run stops
    "min_dev": 50,  # with fewer dev comparisons their loss is mostly luck: no early stop on it
    "eval_every": 0.5,  # up to 1: part of an epoch; above: steps
    "schedule": "linear",  # or "constant"; both after the warm-up
    "warmup": 0.1,  # part of all steps
    "weight_decay": 0.0,
    "max_grad_norm": 1.0,
    "strength_margin": 0.0,  # margin in the loss per unit of a preference's strength
    "label_smoothing": 0.0,  # share of the judgments taken to be the wrong way round
    "ties": "half",  # a tie is a target of 0.5, or an outcome of its own: "davidson"
    "tie_weight": None,  # of "davidson"; None: from the share of ties in the train split
    "centering": 0.0,  # times (r_i + r_j)^2; 0.01 keeps rewards around zero
    "rankings": "pairs",  # or "plackett_luce" where a prompt's comparisons are a whole ranking
    "checkpoint_seconds": 30,
    "dtype": "auto",
    "device": "auto",
    "threads": None,
}
RULES: dict[str, Callable[[Any], bool]] = {
    "batch_size": is_count,
    "batch_tokens": lambda v: v is None or is_count(v),
    "attention": lambda v: v in WAYS,
    "patience": is_count,
    "min_dev": is_count,
    "epochs": lambda v: v is None or is_count(v),
    "learning_rate": lambda v: v is None or (is_number(v) and v > 0),
    "eval_every": lambda v: is_number(v) and v > 0,
    "schedule": lambda v: v in ("linear", "constant"),
    "warmup": lambda v: is_number(v) and 0 <= v < 1,
    "weight_decay": lambda v: is_number(v) and v >= 0,
    "max_grad_norm": lambda v: is_number(v) and v > 0,
    "strength_margin": lambda v: is_number(v) and v >= 0,
    "label_smoothing": lambda v: is_number(v) and 0 <= v < 0.5,
    "ties": lambda v: v in ("half", "davidson"),
    "tie_weight": lambda v: v is None or (is_number(v) and v >= 0),
    "centering": lambda v: is_number(v) and v >= 0,
    "rankings": lambda v: v in ("pairs", "plackett_luce"),
    "checkpoint_seconds": lambda v: is_number(v) and v >= 0,
    "seed": lambda v: v == 0 or is_count(v),
}
TINY_PARAMETERS = 20_000_000
EXPLODED = 1e3  # mean loss of a batch: rewards a thousand apart, the wrong way round
LOG_LINES = 200  # about so many train lines per run


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


@dataclass
class Training:
    """Everything the steps need that does not change."""

    run: RunDir
    config: dict[str, Any]  # resolved: no None left
    groups: list[PromptGroup]
    encoded: list[list[Encoded]]  # [group][response]
    model: PreTrainedModel
    reader: Reader
    tokenizer: PreTrainedTokenizerBase
    device: torch.device
    data_sha256: str
    warnings: list[str]

    def split(self, name: str) -> list[int]:
        return [at for at, group in enumerate(self.groups) if group.split == name]


def main(run: RunDir) -> dict[str, Any]:
    started = time.monotonic()
    training = prepare(run)
    run.cancel_at_once = False  # from here on a cancelled run saves its checkpoint first
    loop = train(training)
    rewards = score_everything(training, loop)
    parity = save_checked(training, rewards)
    write_predictions(run.path / "predictions.jsonl", training.groups, rewards)
    figures, test = summarise(training.groups, rewards, training.config["seed"])
    if test is not None:
        run.log(loop.step, metrics_of("test", test))
    return figures | {
        "truncated": sum(text.truncated for texts in training.encoded for text in texts),
        "warnings": training.warnings,
        "config": training.config,
        "base_model": training.config["base_model"],
        "model_dir": "model",
        "data_sha256": training.data_sha256,
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "steps": loop.step,
        "best_step": loop.best_step or loop.step,
        "epochs_done": loop.epoch,
        "seconds": round(time.monotonic() - started, 2),
        "parity_max_error": parity,
    }


def prepare(run: RunDir) -> Training:
    """Read and check everything, so that what can fail early does."""
    config = run.read_config(DEFAULTS, RULES)
    path = run.path / "preferences.jsonl"
    groups, warnings = read_groups(path, config["strength_margin"])
    count = {name: count_in(groups, name) for name in SPLITS}
    if count["train"] == 0:
        raise ProgramError(
            "There is no comparison to train on: the train split is empty.",
            where="preferences.jsonl",
            hint="Label more comparisons; four prompts in five fall into the train split.",
        )
    train = [c for group in groups if group.split == "train" for c in group.comparisons]
    tie_share = sum(c.target == 0.5 for c in train) / len(train)
    if tie_share == 1:
        raise ProgramError(
            "There is nothing to learn: every train comparison is a tie.",
            where="preferences.jsonl: target",
            hint="Label comparisons in which one response is better.",
        )
    if config["tie_weight"] is None:
        config["tie_weight"] = tie_weight_of(tie_share)
    for name in ("dev", "test"):
        if count[name] == 0:
            warnings.append(f"The {name} split is empty.")
    if count["dev"] < config["min_dev"]:
        warnings.append(
            f"Only {count['dev']} dev comparisons: no early stop, all epochs were trained."
        )
    run.say(f"{sum(count.values())} comparisons of {len(groups)} prompts: {count}")
    device = choose_device(config["device"])
    model, tokenizer, notes = load_reward_model(config["base_model"], config["seed"])
    config = resolve(config, model, tokenizer, count["train"], device)
    torch.set_num_threads(config["threads"])
    torch.use_deterministic_algorithms(True, warn_only=True)
    move_to(model, device)
    reader = choose_reader(model, config["attention"], config["max_length"])
    config["attention"] = reader.way
    encoded = encode_groups(groups, tokenizer, config["max_length"])
    notes += [reader.warning] if reader.warning else []
    for sentence in notes:
        run.say(sentence)
    return Training(
        run,
        config,
        groups,
        encoded,
        model,
        reader,
        tokenizer,
        device,
        sha256_of(path),
        warnings + notes,
    )


def resolve(
    config: dict[str, Any],
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    comparisons: int,
    device: torch.device,
) -> dict[str, Any]:
    """The config with every None replaced by what it stands for."""
    parameters = sum(p.numel() for p in model.parameters())
    tiny = parameters < TINY_PARAMETERS
    few = math.ceil(160 / comparisons)  # passes over a small set until 10 batches of 16 are seen
    return config | {
        "learning_rate": config["learning_rate"] or (1e-3 if tiny else 1e-5),
        "epochs": config["epochs"] or min(10 if tiny else 3, few),
        "max_length": choose_max_length(config["max_length"], tokenizer, model),
        "batch_tokens": choose_batch_tokens(config["batch_tokens"], device),
        "threads": choose_threads(config["threads"], parameters),
        "device": device.type,
        "dtype": "bfloat16" if choose_autocast(config["dtype"], device) else "float32",
    }


def encode_groups(
    groups: list[PromptGroup], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> list[list[Encoded]]:
    flat = iter(encode_texts(tokenizer, [t for g in groups for t in g.texts()], max_length))
    return [[next(flat) for _ in group.responses] for group in groups]


def train(training: Training) -> Loop:
    """The loop. Returns where it ended; the model holds the best weights."""
    run, config, model = training.run, training.config, training.model
    train_groups = training.split("train")
    plans = [plan(training, train_groups, epoch) for epoch in range(config["epochs"])]
    total = sum(len(epoch) for epoch in plans)
    fraction = config["eval_every"]
    eval_steps = max(1, round(fraction * len(plans[0]) if fraction <= 1 else fraction))
    optimizer = make_optimizer(model, config)
    checkpoint = Checkpoint(run.path)
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
                    checkpoint.save_best(loop.step, model)
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
        model.load_state_dict(checkpoint.load_best(loop.best_step, training.device))
    return loop


def make_optimizer(model: PreTrainedModel, config: dict[str, Any]) -> torch.optim.Optimizer:
    """Fused: one pass over the weights, on CPU and GPU alike."""
    return torch.optim.AdamW(
        model.parameters(),
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
            loss, part_figures = comparison_loss(config, training.reader, training.encoded, part)
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
    training.run.progress(loop.step, total, "steps", "training")


def evaluate(training: Training, step: int) -> float:
    """Score the dev split, log it, return its loss (infinite when the split is empty)."""
    dev = training.split("dev")
    if not dev:
        return math.inf
    groups = [training.groups[at] for at in dev]
    score = score_split(groups, score_groups(training, dev))
    if not math.isfinite(score.loss):
        raise not_finite(step, "the dev split")
    training.run.log(step, metrics_of("dev", score))
    return score.loss


def remember_best(loop: Loop, dev_loss: float) -> bool:
    """True when the dev loss is the lowest so far."""
    if dev_loss < loop.best_loss:
        loop.best_loss, loop.best_step, loop.bad_evals = dev_loss, loop.step, 0
        return True
    loop.bad_evals += 1
    return False


def score_everything(training: Training, loop: Loop) -> list[list[float]]:
    """Rewards of all groups with the final weights. Cancelling here loses only this scoring."""
    run, total = training.run, sum(len(texts) for texts in training.encoded)

    def each_batch(done: int) -> None:
        run.check_cancelled()
        run.progress(done, total, "responses", "evaluating")

    rewards = score_groups(training, list(range(len(training.groups))), each_batch)
    if not all(math.isfinite(reward) for group in rewards for reward in group):
        raise not_finite(loop.step, "the final weights")
    return rewards


def score_groups(
    training: Training, which: list[int], each_batch: Callable[[int], None] = lambda done: None
) -> list[list[float]]:
    """Rewards [group][response] of some groups, all batched together."""
    budget = training.config["batch_tokens"]
    return training.reader.score([training.encoded[at] for at in which], budget, each_batch)


def resume(training: Training, checkpoint: Checkpoint, optimizer: torch.optim.Optimizer) -> Loop:
    """Take up the checkpoint of this very run, if there is one."""
    if not checkpoint.state_file.exists():
        return Loop()
    state = checkpoint.load_state(training.device)
    if state is None:
        training.run.say("The checkpoint cannot be read: training starts again from step 0.")
        checkpoint.forget_other_bests(None)
        return Loop()
    if state["identity"] != identity(training):
        raise ProgramError(
            "The checkpoint in this folder belongs to another config or other preferences.",
            where="checkpoint/state.pt",
            hint="Use a new run folder, or delete checkpoint/ to start from the beginning.",
        )
    training.model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["rng"].cpu())
    # Another number of threads adds up in another order: the same bytes need the same number.
    training.config["threads"] = state["threads"]
    torch.set_num_threads(state["threads"])
    loop = Loop(**state["loop"])
    training.run.say(f"Going on from the checkpoint at step {loop.step}.")
    return loop


def save(
    training: Training, checkpoint: Checkpoint, optimizer: torch.optim.Optimizer, loop: Loop
) -> None:
    try:
        checkpoint.save_state(
            {
                "identity": identity(training),
                "loop": dataclasses.asdict(loop),
                "model": training.model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "rng": torch.get_rng_state(),
                "threads": training.config["threads"],
            }
        )
    except Exception as error:
        if not is_disk_full(error, training.run.path):
            raise
        raise ProgramError(
            f"The disk is full: the checkpoint of step {loop.step} could not be written.",
            where=str(checkpoint.state_file),
            hint="Free some space, then retry: the run goes on from the checkpoint before.",
        ) from error


def identity(training: Training) -> dict[str, Any]:
    """What must be equal for a resumed run to be the same run. Thread counts and the checkpoint
    interval change no comparison, and may have been decided anew."""
    loose = ("threads", "checkpoint_seconds")
    fixed = {key: value for key, value in training.config.items() if key not in loose}
    return fixed | {"data_sha256": training.data_sha256}


def save_checked(training: Training, rewards: list[list[float]]) -> float:
    """Write model/ and prove that it reloads to the same rewards. Returns the largest error."""
    folder, temporary = training.run.path / "model", training.run.path / "model.tmp"
    for old in (folder, temporary):
        shutil.rmtree(old, ignore_errors=True)
    texts = [text for group in training.groups for text in group.texts()]
    flat = [reward for group in rewards for reward in group]
    max_length = training.config["max_length"]
    try:
        save_model(training.model, training.tokenizer, temporary, max_length)
        error = check_reload(temporary, texts, flat, max_length, training.device)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    temporary.rename(folder)
    return error


if __name__ == "__main__":
    sys.exit(run_program(main, sys.argv[1:]))
