"""Reward-model training against TRL's RewardTrainer: `python benchmarks/train_vs_trl.py [--quick]`.

The same weights, tokens, pairs, order, learning rate and loss; a 4-layer, 256-wide Llama in fp32,
one thread. Each measurement is a process of its own and the variants take turns, so that a busy
machine slows all alike; what counts is the processor time of the optimiser steps after the first,
and the peak of the process's memory. Tokenisation is left out on both sides. TRL's bf16 is off:
on, as it ships, it is slower still on processors without matrix units for it.

Needs trl and datasets (requirements-dev.txt) and the data (parts/real_pairs.py). Ends with one line
of JSON: `ratio_*` is TRL's time over ours.
"""

import argparse
import json
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}

import torch

from benchmarks.parts.children import child_report
from benchmarks.parts.real_pairs import (
    LONGEST,
    alpaca_groups_of_four,
    build_model,
    hh_groups,
    hh_groups_of_four,
    read_rows,
)
from modeling.core.program.run_dir import RunDir
from modeling.core.texts.groups import LabeledPair, PromptGroup, Unit
from modeling.core.texts.text import Encoded, encode_texts

RATE = 1e-4
WARM_UP = 1  # steps that are not counted
# data, pairs per step
TASKS = {
    "hh": (hh_groups, 16),
    "hh4": (hh_groups_of_four, 24),
    "alpaca4": (alpaca_groups_of_four, 24),
}
# task, batches of similar length, TRL's options (None: ours)
VARIANTS: dict[str, tuple[str, bool, dict[str, Any] | None]] = {
    "ours": ("hh", False, None),
    "trl": ("hh", False, {}),
    "trl_no_checkpointing": ("hh", False, {"gradient_checkpointing": False}),
    "ours_grouped": ("hh", True, None),
    "trl_grouped": ("hh", True, {"gradient_checkpointing": False}),
    "ours_alpaca4": ("alpaca4", False, None),
    "trl_alpaca4": ("alpaca4", False, {}),
    "trl_alpaca4_no_checkpointing": ("alpaca4", False, {"gradient_checkpointing": False}),
    "ours_hh4": ("hh4", False, None),
    "trl_hh4": ("hh4", False, {}),
}


def make_batches(
    folder: Path, task: str, steps: int, *, by_length: bool
) -> tuple[list[PromptGroup], list[list[Encoded]], list[list[Unit]]]:
    """Groups, their tokens, and `steps` batches; with `by_length` as transformers groups them."""
    from transformers import AutoTokenizer
    from transformers.trainer_pt_utils import get_length_grouped_indices

    source, pairs = TASKS[task]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    groups: list[PromptGroup] = []
    encoded: list[list[Encoded]] = []
    for prompt, responses in source():
        messages = (("user", prompt),)
        texts = encode_texts(tokenizer, [(messages, text) for text in responses], 1 << 20)
        if len(set(responses)) < len(responses) or max(len(t.ids) for t in texts) > LONGEST:
            continue
        count = len(responses)
        comparisons = [
            LabeledPair(f"{len(groups)}-{i}-{j}", i, j, 1.0, 1.0, 0.0)
            for i in range(count)
            for j in range(i + 1, count)
        ]
        groups.append(PromptGroup(messages, "train", list(responses), comparisons))
        encoded.append(texts)
    per_batch = pairs // len(groups[0].comparisons)
    order = list(range(len(groups)))
    if by_length:
        lengths = [max(len(text.ids) for text in texts) for texts in encoded]
        generator = torch.Generator().manual_seed(0)
        order = get_length_grouped_indices(lengths, per_batch, generator=generator)
    batches = [order[at : at + per_batch] for at in range(0, len(order), per_batch)]
    batches = [batch for batch in batches if len(batch) == per_batch]
    random.Random(0).shuffle(batches)
    units = [[Unit(at, tuple(groups[at].comparisons)) for at in batch] for batch in batches]
    return groups, encoded, units[: steps + WARM_UP]


class Clock:
    """Processor seconds after the warm-up, and the losses of all steps."""

    def __init__(self) -> None:
        self.steps, self.tokens = 0, 0
        self.losses: list[float] = []
        self.started = 0.0

    def step_done(self) -> None:
        self.steps += 1
        if self.steps == WARM_UP:
            self.started, self.tokens = time.process_time(), 0

    def count(self, _module: Any, inputs: tuple[torch.Tensor, ...], _output: Any) -> None:
        self.tokens += inputs[0].numel()

    def report(self) -> dict[str, Any]:
        return {
            "seconds": (time.process_time() - self.started) / (self.steps - WARM_UP),
            "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "losses": [float(loss) for loss in self.losses],
            "tokens": self.tokens,
        }


def train_ours(
    folder: Path, groups: list[PromptGroup], encoded: list[list[Encoded]], batches: list[list[Unit]]
) -> dict[str, Any]:
    from modeling.core.fitting.step import make_optimizer, train_step
    from modeling.core.loading.reward_model import load_reward_model
    from modeling.core.program.parallel import Processes
    from modeling.core.reading.reader import CPU_TOKENS, choose_reader
    from modeling.core.reading.recompute import Memory
    from modeling.core.reward.parts import TrainingPart
    from modeling.core.reward.settings import resolve
    from modeling.core.reward.training import Setup, Training, TrainingData
    from modeling.run_data.train_reward import TrainRewardConfig

    model, tokenizer, _ = load_reward_model(str(folder), 0)
    device = torch.device("cpu")
    unresolved = TrainRewardConfig(base_model=str(folder), learning_rate=RATE, threads=1)
    config = resolve(unresolved, model, tokenizer, len(groups), device)
    reader = choose_reader(model, "auto", config.max_length)
    assert reader.way == "shared", reader.warning
    setup = Setup(
        RunDir(folder),
        Processes(),
        device,
        Memory(CPU_TOKENS),
        tokenizer,
        unresolved,
        config,
        TrainingData(groups, encoded, "", [], None),
        [],
    )
    training = Training(setup, TrainingPart(), config, groups, [], model, reader, head="score")
    optimizer = make_optimizer(model, config)
    clock = Clock()
    model.get_input_embeddings().register_forward_hook(clock.count)
    for step, batch in enumerate(batches, 1):
        figures = train_step(training, optimizer, batch, RATE, step)
        clock.losses.append(figures["loss"] / figures["weight"])
        clock.step_done()
    return clock.report()


def train_trl(
    folder: Path,
    encoded: list[list[Encoded]],
    batches: list[list[Unit]],
    options: dict[str, Any],
) -> dict[str, Any]:
    from datasets import Dataset
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        TrainerCallback,
    )
    from trl import RewardConfig, RewardTrainer

    clock = Clock()

    class Timed(RewardTrainer):
        def compute_loss(self, *arguments: Any, **named: Any) -> Any:
            loss = super().compute_loss(*arguments, **named)
            clock.losses.append((loss[0] if isinstance(loss, tuple) else loss).detach())
            return loss

    class Ticks(TrainerCallback):
        def on_step_end(self, *_arguments: Any, **_named: Any) -> None:
            clock.step_done()

    pairs = [
        {"chosen_ids": encoded[u.group][c.i].ids, "rejected_ids": encoded[u.group][c.j].ids}
        for batch in batches
        for u in batch
        for c in u.comparisons
    ]
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32)
    model.get_input_embeddings().register_forward_hook(clock.count)
    arguments: dict[str, Any] = {
        "output_dir": str(folder / "trl"),
        "per_device_train_batch_size": sum(len(unit.comparisons) for unit in batches[0]),
        "train_sampling_strategy": "sequential",
        "max_steps": len(batches),
        "learning_rate": RATE,
        "lr_scheduler_type": "constant",
        "report_to": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
        "use_cpu": True,
        "bf16": False,
        "dataloader_pin_memory": False,
    }
    trainer = Timed(
        model=model,
        args=RewardConfig(**arguments | options),
        train_dataset=Dataset.from_list(pairs),
        processing_class=AutoTokenizer.from_pretrained(folder),
        callbacks=[Ticks()],
    )
    trainer.train()
    return clock.report()


def measure(folder: Path, variant: str, steps: int) -> dict[str, Any]:
    """In this process."""
    torch.set_num_threads(1)
    task, by_length, options = VARIANTS[variant]
    groups, encoded, batches = make_batches(folder, task, steps, by_length=by_length)
    if options is None:
        report = train_ours(folder, groups, encoded, batches)
        report["minimum"] = sum(
            distinct_prefixes([text.ids for text in unit.texts(encoded)])
            for batch in batches[WARM_UP:]
            for unit in batch
        )
        return report
    return train_trl(folder, encoded, batches, options)


def distinct_prefixes(texts: list[list[int]]) -> int:
    """Nodes in the tree of token sequences: no causal model can do with fewer tokens."""
    return len({tuple(ids[:end]) for ids in texts for end in range(1, len(ids) + 1)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer steps, one round")
    parser.add_argument("--steps", type=int, help="counted steps per measurement")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    steps = options.steps or (3 if options.quick else 8)
    if options.child:
        print(json.dumps(measure(Path(options.child[1]), options.child[0], steps)))
        return
    with tempfile.TemporaryDirectory() as name:
        texts = [row["prompt"] + row["chosen"] for row in read_rows("hh_harmless_pairs.jsonl.gz")]
        build_model(Path(name), texts)
        reports: dict[str, list[dict[str, Any]]] = {variant: [] for variant in options.only}
        for _ in range(options.rounds or (1 if options.quick else 3)):
            for variant in options.only:
                child = [__file__, "--child", variant, name, "--steps", str(steps)]
                report = child_report(child)
                reports[variant].append(report)
                print(
                    f"{variant:30} {report['seconds']:7.3f} s/step "
                    f"{report['tokens'] / steps:9.0f} tokens/step {report['megabytes']:6.0f} MB",
                    flush=True,
                )
    print(json.dumps(compare(reports, steps)))


def compare(reports: dict[str, list[dict[str, Any]]], steps: int) -> dict[str, Any]:
    """Medians over the rounds; the ratios are of rounds that ran one after the other."""

    def ratio(theirs: str, ours: str, figure: str = "seconds") -> float | None:
        if theirs not in reports or ours not in reports:
            return None
        both = zip(reports[theirs], reports[ours], strict=True)
        return round(statistics.median(t[figure] / o[figure] for t, o in both), 2)

    def apart(theirs: str, ours: str) -> float | None:
        if theirs not in reports or ours not in reports:
            return None
        both = zip(reports[theirs][0]["losses"], reports[ours][0]["losses"], strict=True)
        return max(abs(t - o) for t, o in both)

    memory = ratio("trl_no_checkpointing", "ours", "megabytes")
    result: dict[str, Any] = {
        "ratio_default": ratio("trl", "ours"),
        "ratio_no_checkpointing": ratio("trl_no_checkpointing", "ours"),
        "ratio_length_grouped": ratio("trl_grouped", "ours_grouped"),
        "ratio_k4": ratio("trl_alpaca4", "ours_alpaca4"),
        "ratio_k4_no_checkpointing": ratio("trl_alpaca4_no_checkpointing", "ours_alpaca4"),
        "ratio_k4_hh": ratio("trl_hh4", "ours_hh4"),
        "tokens_ratio": ratio("trl", "ours", "tokens"),
        "memory_ratio": memory and round(1 / memory, 3),
        "loss_difference": apart("trl", "ours"),
        "loss_difference_k4": apart("trl_alpaca4", "ours_alpaca4"),
    }
    if "ours" in reports:
        ours = reports["ours"][0]
        result["tokens_over_minimum"] = round(ours["tokens"] / ours["minimum"], 4)
        result["pairs_per_second"] = round(16 / ours["seconds"], 1)
    if "ours_alpaca4" in reports:
        four = reports["ours_alpaca4"][0]
        result["tokens_over_minimum_k4"] = round(four["tokens"] / four["minimum"], 4)
    default = ratio("trl", "ours", "megabytes")
    result["memory_ratio_default"] = default and round(1 / default, 3)
    return result | {"steps": steps, "rounds": max(len(rounds) for rounds in reports.values())}


if __name__ == "__main__":
    main()
