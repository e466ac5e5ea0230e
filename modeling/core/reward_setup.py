"""From a run folder to everything that a training needs: data, model, reader, device.

What can fail early fails here.
"""

from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from modeling.core.device import choose_device, move_to
from modeling.core.errors import ProgramError
from modeling.core.files import sha256_of
from modeling.core.groups import SPLITS, PromptGroup, read_groups
from modeling.core.losses import tie_weight_of
from modeling.core.reading import Reader, choose_reader
from modeling.core.reward_model import load_reward_model
from modeling.core.reward_report import count_in
from modeling.core.reward_settings import DEFAULTS, RULES, resolve
from modeling.core.run_dir import RunDir
from modeling.core.text import Encoded, encode_texts


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


def encode_groups(
    groups: list[PromptGroup], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> list[list[Encoded]]:
    flat = iter(encode_texts(tokenizer, [t for g in groups for t in g.texts()], max_length))
    return [[next(flat) for _ in group.responses] for group in groups]
