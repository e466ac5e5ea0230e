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

from modeling.core.fitting.finish import FinishedTraining, finish, read_outcome
from modeling.core.loading.aggregation import on_one_scale
from modeling.core.loading.own_head import export_of
from modeling.core.program import parallel
from modeling.core.program.checkpoint import Checkpoint
from modeling.core.program.run_dir import RunDir, run_program
from modeling.core.reward.contradictions import write_contradictions
from modeling.core.reward.parts import part_groups, parts_of
from modeling.core.reward.report import accuracy_on, metrics_of, summarise, write_predictions
from modeling.core.reward.setup import prepare, training_of
from modeling.core.reward.training import Setup, Training, TrainingData
from modeling.core.texts.equal_rows import count_equal
from modeling.measures.noise import has_spread
from modeling.run_data.train_reward import TrainRewardResult


def main(run: RunDir) -> TrainRewardResult | None:
    """Run the program. Returns the result in the first process, None in others."""
    processes = parallel.join()
    try:
        return train_all(run, processes)
    finally:
        parallel.leave()


def train_all(run: RunDir, processes: parallel.Processes) -> TrainRewardResult | None:
    """Do all of a run's trainings. Returns the result in the first process, None in others."""
    started = time.monotonic()
    training = prepare(run, processes)
    setup = training.setup
    if processes.rank > 0 and setup.config.method == "frozen":
        return None  # nothing in it is shared out
    run.cancel_at_once = False  # from here on a cancelled run saves its checkpoint first
    outcomes = []
    for part in parts_of(setup.config):
        checkpoint = Checkpoint(run.path, part.name)
        run.part = part.name
        outcome = read_outcome(training, checkpoint)
        if outcome is None:
            training = training_of(training, part)
            outcome = finish(training, checkpoint)
        outcomes.append(outcome)
    if processes.rank > 0:
        return None
    run.part = ""
    run.begin("reporting", "Writing predictions and figures.")
    return result_of(training, outcomes, started)


def result_of(
    training: Training, outcomes: list[FinishedTraining], started: float
) -> TrainRewardResult:
    """Put result.json together. `training`: the last of the run's."""
    setup, data, first = training.setup, training.data, outcomes[0]
    figures = report(setup, outcomes)
    split = figures["headline_split"]
    return TrainRewardResult(
        **figures,
        members=[outcome.name for outcome in outcomes if not is_curve_point(outcome)],
        trainings=[training_figures(data, outcome, split) for outcome in outcomes],
        learning_curve=learning_curve(setup, outcomes, split),
        steps=first.steps,
        best_step=first.best_step,
        epochs_done=first.epochs_done,
        parity_max_error=max(outcome.parity_max_error for outcome in outcomes),
        frozen=first.frozen,
        export=export_of(setup.config, training.model),
        truncated=sum(text.truncated for texts in data.encoded for text in texts),
        left_out=data.left_out,
        same_to_model=count_equal(data.groups, data.encoded)[0],
        warnings=setup.warnings,
        config=setup.config.as_json(),
        base_model=setup.config.base_model,
        model_dir=first.name,
        data_sha256=data.sha256,
        versions={"torch": torch.__version__, "transformers": transformers.__version__},
        seconds=round(time.monotonic() - started, 2),
    )


def report(setup: Setup, outcomes: list[FinishedTraining]) -> dict[str, Any]:
    """Write predictions.jsonl and contradictions.jsonl. Returns the figures of the model by its
    rewards, of several members by their mean."""
    run, config, groups = setup.run, setup.config, setup.data.groups
    members = members_of(setup.data, outcomes)
    setup.warnings += flat_warnings(setup.data, outcomes)
    rewards = [of_group.mean(1).tolist() for of_group in members]
    write_predictions(run.path / "predictions.jsonl", groups, rewards, members)
    write_contradictions(
        run.path / "contradictions.jsonl",
        groups,
        members,
        seed=config.seed,
        are_heads=config.heads > 1,
        bootstrap=config.bootstrap,
        trunk_learned=config.heads > 1 and config.method != "frozen",
    )
    figures, test = summarise(groups, rewards)
    if test is not None:
        run.log(outcomes[0].steps, metrics_of("test", test))
    return figures


def flat_warnings(data: TrainingData, outcomes: list[FinishedTraining]) -> list[str]:
    """Say of which models of the run the rewards differ by rounding alone."""
    return [
        f"{outcome.name} gives all responses of the train split the same reward, but for rounding: "
        "it tells nothing apart, and its rewards have no scale of their own."
        for outcome in outcomes
        if not is_curve_point(outcome)
        if not has_spread(outcome.train_rewards(data).mean(1).tolist())
    ]


def is_curve_point(outcome: FinishedTraining) -> bool:
    return outcome.name.startswith("curve/")


def members_of(data: TrainingData, outcomes: list[FinishedTraining]) -> list[Tensor]:
    """The rewards (K, M) of each group by all members, or heads, on one scale."""
    parts = [outcome for outcome in outcomes if not is_curve_point(outcome)]
    scales = [scale for outcome in parts for scale in outcome.scales(data)]
    by_group = zip(*(outcome.rewards for outcome in parts), strict=True)
    return [on_one_scale(torch.cat(of_group, 1), scales) for of_group in by_group]


def training_figures(data: TrainingData, outcome: FinishedTraining, split: str) -> dict[str, Any]:
    """The figures of one training of the run, for the result."""
    return {
        "name": outcome.name,
        "steps": outcome.steps,
        "best_step": outcome.best_step,
        "epochs_done": outcome.epochs_done,
        "accuracy": accuracy_on(data.groups, outcome.rewards, split),
    }


def learning_curve(
    setup: Setup, outcomes: list[FinishedTraining], split: str
) -> list[dict[str, Any]]:
    """The held-out accuracy by share of the train prompts; [] where no curve was asked for.

    The whole is the model itself, also where members stand beside it: like is compared to like.
    """
    points = [outcome for outcome in outcomes if is_curve_point(outcome)]
    if not points:
        return []
    curve = []
    for outcome in (*points, outcomes[0]):
        part = next(part for part in parts_of(setup.config) if part.name == outcome.name)
        _, train = part_groups(setup.data.groups, part, setup.config.seed)
        accuracy = accuracy_on(setup.data.groups, outcome.rewards, split)
        curve.append(
            {
                "fraction": part.fraction,
                "comparisons": sum(len(setup.data.groups[at].comparisons) for at in train),
                "accuracy": accuracy,
                "split": split,
            }
        )
    return curve


if __name__ == "__main__":
    sys.exit(run_program(main, sys.argv[1:]))
