"""From a run folder to everything that a training needs: data, model, reader, device.

What can fail early fails here.
"""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from modeling.core.adapters import add_adapter, check_adapter
from modeling.core.compiling import compile_layers, undo
from modeling.core.device import choose_device, has_bf16_units, move_to
from modeling.core.errors import ProgramError
from modeling.core.files import sha256_of
from modeling.core.groups import SPLITS, PromptGroup, read_groups
from modeling.core.heads import find_head
from modeling.core.losses import tie_weight_of
from modeling.core.own_head import mean_readout, take_up_head
from modeling.core.parallel import Group
from modeling.core.reading import CPU_TOKENS, Reader, choose_reader, trial_groups
from modeling.core.recompute import Memory, recompute_layers
from modeling.core.reward_model import load_reward_model
from modeling.core.reward_parts import MAIN, Part, head_weights, part_groups, parts_of
from modeling.core.reward_report import count_in
from modeling.core.reward_settings import DEFAULTS, RULES, check_together, resolve
from modeling.core.run_dir import RunDir
from modeling.core.text import Encoded, truncation_warning
from modeling.core.token_cache import encode_cached


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
    part: Part = field(default_factory=Part)
    asked: dict[str, Any] = field(default_factory=dict)  # the config before it was resolved
    whole: dict[str, Any] = field(default_factory=dict)  # the resolved config of the run's model
    all_groups: list[PromptGroup] = field(default_factory=list)  # as they were judged
    train_groups: list[int] = field(default_factory=list)
    bootstrap: list[list[float]] | None = None  # [group][head]
    head: str = ""  # the layer's name
    adapter: Any = None  # peft's handle
    processes: Group = field(default_factory=Group)
    memory: Memory = field(default_factory=lambda: Memory(CPU_TOKENS))

    @property
    def is_main(self) -> bool:
        return self.part.name == MAIN

    def split(self, name: str) -> list[int]:
        """What of it this part uses."""
        if name == "train" and self.train_groups:
            return self.train_groups
        return [at for at, group in enumerate(self.groups) if group.split == name]

    def progress(self, step: int, total: int) -> None:
        """Of all parts together, as if each took as many steps as its share of the data."""
        parts = parts_of(self.whole)
        shares = [1.0] if len(parts) == 1 else [part.share for part in parts]
        one = total  # steps of the model
        if len(parts) > 1:
            count = count_in(self.all_groups, "train")
            one = math.ceil(count / self.whole["batch_size"]) * self.whole["epochs"]
        at = parts.index(self.part)
        done = (sum(shares[:at]) + shares[at] * step / total) * one
        self.run.progress(round(done), round(sum(shares) * one), "steps", "training")


def prepare(run: RunDir, processes: Group) -> Training:
    """Read and check everything, so that what can fail early does."""
    asked = run.read_config(DEFAULTS, RULES)
    check_together(asked)
    path = run.path / "preferences.jsonl"
    groups, warnings = read_groups(path, asked["strength_margin"])
    count = {name: count_in(groups, name) for name in SPLITS}
    tie_share = check_data(groups)
    if asked["tie_weight"] is None:
        asked["tie_weight"] = tie_weight_of(tie_share)
    for name in ("dev", "test"):
        if count[name] == 0:
            warnings.append(f"The {name} split is empty.")
    if count["dev"] < asked["min_dev"]:
        warnings.append(
            f"Only {count['dev']} dev comparisons: no early stop, all epochs were trained."
        )
    if asked["learning_curve"] and not count["test"] + count["dev"]:
        asked["learning_curve"] = []
        warnings.append("No comparison is held out: there is nothing to measure a curve on.")
    run.say(f"{sum(count.values())} comparisons of {len(groups)} prompts: {count}")
    device = choose_device(asked["device"])
    check_adapter(asked["adapter"], device)
    model, tokenizer, notes = load_reward_model(
        asked["base_model"], asked["seed"], asked["heads"], asked["adapter"] == "qlora"
    )
    config = resolve(asked, model, tokenizer, count["train"], device)
    torch.set_num_threads(config["threads"])
    torch.use_deterministic_algorithms(True, warn_only=True)
    memory = Memory(config["batch_tokens"], config["gradient_checkpointing"] == "on")
    head, adapter = make_ready(model, config, config["seed"], device)
    reader, on_reading = make_reader(model, config, memory)
    config["attention"] = reader.way
    encoded = encode_groups(groups, tokenizer, config["max_length"], asked["token_cache"])
    notes += on_reading
    cut = truncation_warning([text for texts in encoded for text in texts], config["max_length"])
    notes += [cut] if cut else []
    if config["dtype"] == "bfloat16" and not has_bf16_units(device):
        notes.append("This device has no matrix units for bf16: float32 would be faster here.")
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
        asked=asked,
        whole=config,
        all_groups=groups,
        train_groups=part_groups(groups, Part(), config["seed"])[1],
        bootstrap=head_weights(groups, config["heads"], config["seed"]),
        head=head,
        adapter=adapter,
        processes=processes,
        memory=memory,
    )


def check_data(groups: list[PromptGroup]) -> float:
    """Refuse a train split that nothing can be learned from; the share of ties in it."""
    train = [c for group in groups if group.split == "train" for c in group.comparisons]
    if not train:
        raise ProgramError(
            "There is no comparison to train on: the train split is empty.",
            where="preferences.jsonl",
            hint="Label more comparisons; four prompts in five fall into the train split.",
        )
    tie_share = sum(c.target == 0.5 for c in train) / len(train)
    if tie_share == 1:
        raise ProgramError(
            "There is nothing to learn: every train comparison is a tie.",
            where="preferences.jsonl: target",
            hint="Label comparisons in which one response is better.",
        )
    return tie_share


def make_ready(
    model: PreTrainedModel, config: dict[str, Any], seed: int, device: torch.device
) -> tuple[str, Any]:
    """Adapters in, model on its device. The head's name, and peft's handle where it has any."""
    head = find_head(model, config["heads"])[0]
    adapter = None
    if config["adapter"] != "none":
        adapter = add_adapter(
            model, head, rank=config["lora_rank"], alpha=config["lora_alpha"], seed=seed
        )
    if config["adapter"] != "qlora":  # quantised weights are loaded onto their device
        move_to(model, device)
    return head, adapter


def training_of(before: Training, part: Part) -> Training:
    """The training of a further part, with a model loaded anew; that of `before` is let go."""
    if part == before.part:
        return before
    asked, seed = before.asked, before.asked["seed"]
    del before.model, before.reader, before.adapter  # two large models may be too many at a time
    groups, train = part_groups(before.all_groups, part, seed)
    model, _, _ = load_reward_model(
        asked["base_model"], seed + part.member, asked["heads"], asked["adapter"] == "qlora"
    )
    count = sum(len(groups[at].comparisons) for at in train)
    config = resolve(asked, model, before.tokenizer, count, before.device)
    config |= {
        "threads": before.config["threads"],
        "attention": before.config["attention"],
        "seed": seed + part.member,
    }
    head, adapter = make_ready(model, config, seed + part.member, before.device)
    reader, _ = make_reader(model, config, before.memory)
    return replace(
        before,
        config=config,
        part=part,
        groups=groups,
        train_groups=train,
        model=model,
        reader=reader,
        head=head,
        adapter=adapter,
    )


def unquantise(training: Training) -> None:
    """Take trained adapters and head over to the model as it is without quantisation."""
    config = training.config
    weights = {
        name: weight.detach()
        for name, weight in training.model.named_parameters()
        if weight.requires_grad
    }
    del training.model, training.reader, training.adapter
    model, _, _ = load_reward_model(config["base_model"], config["seed"], config["heads"])
    plain = config | {"adapter": "lora"}
    training.head, training.adapter = make_ready(model, plain, config["seed"], training.device)
    model.load_state_dict(weights, strict=False)
    training.model = model
    training.reader, _ = make_reader(model, config, training.memory)


def make_reader(
    model: PreTrainedModel, config: dict[str, Any], memory: Memory
) -> tuple[Reader, list[str]]:
    """How rewards are read while the model is fine-tuned, and sentences on it. A frozen model gets
    its head later."""
    notes = []
    if memory.recompute and not recompute_layers(model):
        memory.recompute = False
        notes.append("Gradient checkpointing is off: the model's layers cannot be told apart.")
    reader = choose_reader(model, config["attention"], config["max_length"])
    if config["method"] == "finetune" and config["pooling"] == "mean":
        reader = replace(reader, readout=mean_readout(model, config["heads"]))
    kept = take_up_head(config["base_model"], model, reader.readout)
    compiled = try_compiled(reader) if config["compile"] else None
    return reader, notes + [note for note in (reader.warning, kept, compiled) if note]


def try_compiled(reader: Reader) -> str | None:
    """Compile what can be, and try it out; a sentence when it stays as it was."""
    try:
        parts = compile_layers(reader.model)
        reader.rewards(trial_groups(reader.model)).sum().backward()
        reason = None if parts else "its layers cannot be told apart"
    except Exception as error:  # no compiler, a layer it cannot take: whatever it says
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else repr(error)
        undo(reader.model)
    reader.model.zero_grad(set_to_none=True)
    return f"The model is not compiled ({reason})." if reason else None


def encode_groups(
    groups: list[PromptGroup],
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    token_cache: str | None = None,
) -> list[list[Encoded]]:
    """[group][response]"""
    texts = [text for group in groups for text in group.texts()]
    folder = None if token_cache is None else Path(token_cache)
    flat = iter(encode_cached(folder, tokenizer, texts, max_length)[0])
    return [[next(flat) for _ in group.responses] for group in groups]
