"""Train a reward model on preferences.

    python -m modeling.core.train_reward RUN_DIR

Reads RUN_DIR/config.json and preferences.jsonl; writes metrics.jsonl as it goes, checkpoint/, and
at the end model/, predictions.jsonl and result.json (formats: docs/learning-programs.md). Started
again on the same folder it goes on from its checkpoint and ends with the same bytes.

In short: Bradley-Terry loss on the difference of two fp32 rewards, AdamW, linear warm-up and
decay, early stop on the dev split with the best weights restored. A prompt and its responses are
read as one packed row, every token once, where the model allows it. One run may consist of several
trainings: further members of an ensemble, points of a learning curve. Left out: calibration.
"""

import sys
import time
from typing import Any

import torch
import transformers
from torch import Tensor

from modeling.core import parallel
from modeling.core.aggregation import on_one_scale
from modeling.core.checkpoint import Checkpoint
from modeling.core.contradictions import write_contradictions
from modeling.core.own_head import export_of
from modeling.core.reward_finish import Outcome, finish, read_outcome
from modeling.core.reward_parts import part_groups, parts_of
from modeling.core.reward_report import (
    accuracy_on,
    metrics_of,
    summarise,
    write_predictions,
)
from modeling.core.reward_setup import Training, prepare, training_of
from modeling.core.run_dir import RunDir, run_program


def main(run: RunDir) -> dict[str, Any]:
    processes = parallel.join()
    try:
        return train_all(run, processes)
    finally:
        parallel.leave()


def train_all(run: RunDir, processes: parallel.Group) -> dict[str, Any]:
    started = time.monotonic()
    training = prepare(run, processes)
    config = training.config
    if processes.rank > 0 and config["method"] == "frozen":
        return {}  # nothing in it is shared out
    run.cancel_at_once = False  # from here on a cancelled run saves its checkpoint first
    outcomes = []
    for part in parts_of(config):
        checkpoint = Checkpoint(run.path, part.name)
        outcome = read_outcome(training, checkpoint)
        if outcome is None:
            training = training_of(training, part)
            outcome = finish(training, checkpoint)
        outcomes.append(outcome)
    if processes.rank > 0:
        return {}
    figures = report(training, config, outcomes)
    return figures | {
        "truncated": sum(text.truncated for texts in training.encoded for text in texts),
        "warnings": training.warnings,
        "config": config,
        "base_model": config["base_model"],
        "model_dir": outcomes[0].name,
        "data_sha256": training.data_sha256,
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "seconds": round(time.monotonic() - started, 2),
    }


def report(training: Training, config: dict[str, Any], outcomes: list[Outcome]) -> dict[str, Any]:
    """Write predictions.jsonl and say how good the model is: of several members their mean."""
    groups = training.all_groups
    members = members_of(training, outcomes)
    rewards = [found.mean(1).tolist() for found in members]
    write_predictions(training.run.path / "predictions.jsonl", groups, rewards, members)
    write_contradictions(
        training.run.path / "contradictions.jsonl",
        groups,
        members,
        seed=config["seed"],
        are_heads=config["heads"] > 1,
        bootstrap=config["bootstrap"],
        trunk_learned=config["heads"] > 1 and config["method"] != "frozen",
    )
    figures, test = summarise(groups, rewards, config["seed"])
    first = outcomes[0]
    if test is not None:
        training.run.log(first.steps, metrics_of("test", test))
    split = figures["headline_split"]
    return figures | {
        "members": [outcome.name for outcome in outcomes if not is_curve_point(outcome)],
        "trainings": [told(training, outcome, split) for outcome in outcomes],
        "learning_curve": learning_curve(training, outcomes, split),
        "steps": first.steps,
        "best_step": first.best_step,
        "epochs_done": first.epochs_done,
        "parity_max_error": max(outcome.parity_max_error for outcome in outcomes),
        "frozen": first.frozen,
        "export": export_of(config),
    }


def is_curve_point(outcome: Outcome) -> bool:
    return outcome.name.startswith("curve/")


def members_of(training: Training, outcomes: list[Outcome]) -> list[Tensor]:
    """Of each group the rewards (K, M) by all members, or heads, on one scale."""
    parts = [outcome for outcome in outcomes if not is_curve_point(outcome)]
    scales = [scale for outcome in parts for scale in outcome.scales(training)]
    by_group = zip(*(outcome.rewards for outcome in parts), strict=True)
    return [on_one_scale(torch.cat(found, 1), scales) for found in by_group]


def told(training: Training, outcome: Outcome, split: str) -> dict[str, Any]:
    """One training of the run, for the result."""
    return {
        "name": outcome.name,
        "steps": outcome.steps,
        "best_step": outcome.best_step,
        "epochs_done": outcome.epochs_done,
        "accuracy": accuracy_on(training.all_groups, outcome.rewards, split),
    }


def learning_curve(training: Training, outcomes: list[Outcome], split: str) -> list[dict[str, Any]]:
    """Held-out accuracy by share of the train prompts; [] where no curve was asked for.

    The whole is the model itself, also where members stand beside it: like is compared to like.
    """
    points = [outcome for outcome in outcomes if is_curve_point(outcome)]
    if not points:
        return []
    curve = []
    for outcome in (*points, outcomes[0]):
        part = next(part for part in parts_of(training.whole) if part.name == outcome.name)
        _, train = part_groups(training.all_groups, part, training.whole["seed"])
        accuracy = accuracy_on(training.all_groups, outcome.rewards, split)
        curve.append(
            {
                "fraction": part.fraction,
                "comparisons": sum(len(training.all_groups[at].comparisons) for at in train),
                "accuracy": accuracy,
                "split": split,
            }
        )
    return curve


if __name__ == "__main__":
    sys.exit(run_program(main, sys.argv[1:]))
