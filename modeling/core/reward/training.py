"""What a training works with: what all of a run's trainings share, and what is of one alone."""

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from modeling.core.program.checkpoint import MAIN
from modeling.core.program.parallel import Processes
from modeling.core.program.run_dir import RunDir
from modeling.core.reading.reader import Reader
from modeling.core.reading.recompute import Memory
from modeling.core.reward.parts import TrainingPart, parts_of
from modeling.core.reward.report import count_in
from modeling.core.texts.groups import PromptGroup
from modeling.core.texts.text import Encoded
from modeling.run_data.train_reward import TrainRewardConfig, TrainRewardResolved


@dataclass(frozen=True)
class TrainingData:
    """The run's comparisons as they were judged, and their texts as tokens."""

    groups: list[PromptGroup]
    encoded: list[list[Encoded]]  # [group][response]
    sha256: str  # of preferences.jsonl
    left_out: list[dict[str, Any]]  # comparisons, see modeling/core/texts/left_out.py
    head_weights: list[list[float]] | None  # [group][head]: how often each head sees each prompt


@dataclass
class Setup:
    """What all trainings of a run share."""

    run: RunDir
    processes: Processes
    device: torch.device
    memory: Memory
    tokenizer: PreTrainedTokenizerBase
    unresolved: TrainRewardConfig  # as config.json has it, nulls and all
    config: TrainRewardResolved  # of the run's model; a further part has settings of its own
    data: TrainingData
    warnings: list[str]


@dataclass
class Training:
    """One of a run's trainings: its part, what that learns from, and the model in hand."""

    setup: Setup
    part: TrainingPart
    config: TrainRewardResolved
    groups: list[PromptGroup]  # as this part weighs them
    train_groups: list[int]  # which of them it learns from
    model: PreTrainedModel
    reader: Reader
    head: str  # the layer's name
    adapter: Any = None  # peft's handle

    @property
    def data(self) -> TrainingData:
        return self.setup.data

    @property
    def is_main(self) -> bool:
        return self.part.name == MAIN

    def split(self, name: str) -> list[int]:
        """The numbers of the split's groups that this part uses."""
        if name == "train" and self.train_groups:
            return self.train_groups
        return [at for at, group in enumerate(self.groups) if group.split == name]

    def use_threads(self, threads: int) -> None:
        """Set the number of threads, also in the settings that result.json holds, where this
        training is the run's model."""
        self.config = replace(self.config, threads=threads)
        if self.is_main:
            self.setup.config = self.config
        torch.set_num_threads(threads)

    def progress(self, step: int, total: int) -> None:
        """Report the progress of all parts together, as if each took as many steps as its share of
        the data."""
        config = self.setup.config
        parts = parts_of(config)
        shares = [1.0] if len(parts) == 1 else [part.share for part in parts]
        one = total  # steps of the model
        if len(parts) > 1:
            count = count_in(self.setup.data.groups, "train")
            one = math.ceil(count / config.batch_size) * config.epochs
        at = parts.index(self.part)
        within = step / total
        done = (sum(shares[:at]) + shares[at] * within) * one
        self.setup.run.progress(round(done), round(sum(shares) * one), "steps", "training", within)
