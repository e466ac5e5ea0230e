"""From a run folder to everything that a training needs: data, model, reader, device.

What can fail early fails here.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from modeling.core.loading.adapters import add_adapter, check_adapter
from modeling.core.loading.bases import is_classifier
from modeling.core.loading.heads import find_head
from modeling.core.loading.own_head import last_readout, mean_readout, take_up_head
from modeling.core.loading.reward_model import load_reward_model
from modeling.core.losses.preferences import tie_weight_of
from modeling.core.program.checkpoint import MAIN
from modeling.core.program.device import choose_device, has_bf16_units, move_to
from modeling.core.program.errors import ProgramError
from modeling.core.program.files import sha256_of
from modeling.core.program.parallel import Processes
from modeling.core.program.run_dir import RunDir, smaller
from modeling.core.reading.compiling import compile_layers, undo
from modeling.core.reading.features import READS, Readout, count_layers
from modeling.core.reading.padding import choose_padding
from modeling.core.reading.reader import Reader, choose_reader
from modeling.core.reading.recompute import Memory, recompute_layers
from modeling.core.reading.trying import trial_groups
from modeling.core.reward.parts import TrainingPart, head_weights, part_groups
from modeling.core.reward.phases import phases_of
from modeling.core.reward.report import count_in
from modeling.core.reward.settings import resolve
from modeling.core.reward.training import Setup, Training, TrainingData
from modeling.core.texts.equal_rows import count_equal, equal_pairs_warning
from modeling.core.texts.groups import SPLITS, PromptGroup, read_groups
from modeling.core.texts.left_out import without_refused
from modeling.core.texts.nothing_to_learn import nothing_to_learn
from modeling.core.texts.text import Encoded, truncation_warning
from modeling.core.texts.token_cache import encode_cached
from modeling.run_data.train_reward import TrainRewardConfig, TrainRewardResolved


def prepare(run: RunDir, processes: Processes) -> Training:
    """Read and check everything, so that what can fail early does."""
    path = run.path / "preferences.jsonl"
    unresolved, groups, warnings = read_judgments(path, run.read_config(TrainRewardConfig))
    run.part = MAIN
    run.plan(phases_of(unresolved, groups))
    count = {name: count_in(groups, name) for name in SPLITS}
    run.say(f"{sum(count.values())} comparisons of {len(groups)} prompts: {count}")
    device = choose_device(unresolved.device)
    check_adapter(unresolved.adapter, device)
    run.begin("loading the model", f"Loading {unresolved.base_model} for {device}.")
    model, tokenizer, notes = load_reward_model(
        unresolved.base_model,
        unresolved.seed,
        unresolved.heads,
        unresolved.adapter == "qlora",
        unresolved.template_date,
    )
    groups, left_out, on_roles = without_refused([tokenizer], groups, path)
    if left_out:
        check_data(groups, path)
    config = resolve(unresolved, model, tokenizer, count_in(groups, "train"), device)
    torch.set_num_threads(config.threads)
    # Same seed, same bytes. Where a GPU has no such kernel, a warning is better than no training.
    torch.use_deterministic_algorithms(True, warn_only=True)
    memory = Memory(
        smaller(config.batch_tokens, config.smaller_passes), config.gradient_checkpointing == "on"
    )
    head, adapter = make_ready(model, config, config.seed, device)
    reader, on_reading = make_reader(model, config, memory)
    config = replace(config, attention=reader.way)
    run.plan(phases_of(config, groups))
    run.begin("preparing the texts", "Turning the texts into tokens.")
    encoded = encode_groups(groups, tokenizer, config.max_length, unresolved.token_cache)
    notes += on_roles + on_reading + remarks_on_texts(groups, encoded, config)
    if config.dtype == "bfloat16" and not has_bf16_units(device):
        notes.append("This device has no matrix units for bf16: float32 would be faster here.")
    for sentence in notes:
        run.say(sentence)
    weights = head_weights(groups, config.heads, config.seed)
    data = TrainingData(groups, encoded, sha256_of(path), left_out, weights)
    setup = Setup(
        run, processes, device, memory, tokenizer, unresolved, config, data, warnings + notes
    )
    train = part_groups(groups, TrainingPart(), config.seed)[1]
    return Training(setup, TrainingPart(), config, groups, train, model, reader, head, adapter)


def read_judgments(
    path: Path, unresolved: TrainRewardConfig
) -> tuple[TrainRewardConfig, list[PromptGroup], list[str]]:
    """Read what was judged. Returns the settings, without those that the data has no use for, the
    groups, and warnings."""
    groups, warnings = read_groups(path, unresolved.strength_margin)
    count = {name: count_in(groups, name) for name in SPLITS}
    tie_share = check_data(groups, path)
    if unresolved.tie_weight is None:
        unresolved = replace(unresolved, tie_weight=tie_weight_of(tie_share))
    for name in ("dev", "test"):
        if count[name] == 0:
            warnings.append(f"The {name} split is empty.")
    if count["dev"] < unresolved.min_dev:
        warnings.append(
            f"Only {count['dev']} dev comparisons: no early stop, all epochs were trained."
        )
    if unresolved.learning_curve and not count["test"] + count["dev"]:
        unresolved = replace(unresolved, learning_curve=())
        warnings.append("No comparison is held out: there is nothing to measure a curve on.")
    return unresolved, groups, warnings


def remarks_on_texts(
    groups: list[PromptGroup], encoded: list[list[Encoded]], config: TrainRewardResolved
) -> list[str]:
    """Say what was cut of the texts, and which pairs are the same to the model."""
    cut = truncation_warning([text for texts in encoded for text in texts], config.max_length)
    equal, were_cut = count_equal(groups, encoded)
    total = sum(count_in(groups, name) for name in SPLITS)
    alike = equal_pairs_warning(sum(equal.values()), were_cut, total, config.max_length)
    return [sentence for sentence in (cut, alike) if sentence]


def check_data(groups: list[PromptGroup], path: Path) -> float:
    """Refuse a train split that nothing can be learned from. Returns the share of ties in it."""
    train = [c for group in groups if group.split == "train" for c in group.comparisons]
    if not train:
        raise nothing_to_learn(path)
    tie_share = sum(c.target == 0.5 for c in train) / len(train)
    if tie_share == 1:
        raise ProgramError(
            "There is nothing to learn: every train comparison is a tie.",
            where="preferences.jsonl: target",
            hint="Label comparisons in which one response is better.",
        )
    return tie_share


def make_ready(
    model: PreTrainedModel, config: TrainRewardResolved, seed: int, device: torch.device
) -> tuple[str, Any]:
    """Put adapters in and move the model to its device. Returns the head's name, and peft's handle
    where there are adapters."""
    head = find_head(model, config.heads)[0]
    adapter = None
    if config.adapter != "none":
        adapter = add_adapter(
            model, head, rank=config.lora_rank, alpha=config.lora_alpha, seed=seed
        )
    if config.adapter != "qlora":  # quantised weights are loaded onto their device
        move_to(model, device)
    return head, adapter


def training_of(before: Training, part: TrainingPart) -> Training:
    """Prepare the training of a further part, with a model loaded anew; that of `before` is let
    go."""
    if part == before.part:
        return before
    setup, unresolved = before.setup, before.setup.unresolved
    seed, threads, attention = unresolved.seed, before.config.threads, before.config.attention
    setup.run.begin("loading the model", f"Loading the base model again for {part.words}.")
    del before.model, before.reader, before.adapter  # two large models may be too many at a time
    groups, train = part_groups(setup.data.groups, part, seed)
    model, _, _ = load_reward_model(
        unresolved.base_model, seed + part.member, unresolved.heads, unresolved.adapter == "qlora"
    )
    count = sum(len(groups[at].comparisons) for at in train)
    config = replace(
        resolve(unresolved, model, setup.tokenizer, count, setup.device),
        threads=threads,
        attention=attention,
        seed=seed + part.member,
    )
    head, adapter = make_ready(model, config, config.seed, setup.device)
    reader, _ = make_reader(model, config, setup.memory)
    return Training(setup, part, config, groups, train, model, reader, head, adapter)


def unquantise(training: Training) -> None:
    """Take trained adapters and head over to the model as it is without quantisation."""
    config = training.config
    weights = {
        name: weight.detach()
        for name, weight in training.model.named_parameters()
        if weight.requires_grad
    }
    del training.model, training.reader, training.adapter
    model, _, _ = load_reward_model(config.base_model, config.seed, config.heads)
    plain = replace(config, adapter="lora")
    training.head, training.adapter = make_ready(model, plain, config.seed, training.setup.device)
    model.load_state_dict(weights, strict=False)
    training.model = model
    training.reader, _ = make_reader(model, config, training.setup.memory)


def make_reader(
    model: PreTrainedModel, config: TrainRewardResolved, memory: Memory
) -> tuple[Reader, list[str]]:
    """Choose how rewards are read while the model is fine-tuned; sentences on it. A frozen model
    gets its head later."""
    notes = []
    if memory.recompute and not recompute_layers(model):
        memory.recompute = False
        notes.append("Gradient checkpointing is off: the model's layers cannot be told apart.")
    reader = choose_reader(model, config.attention, config.max_length)
    readout = choose_readout(model, config)
    reader = choose_padding(reader, readout)
    if config.method == "finetune":
        reader = replace(reader, readout=readout)
    on_head = take_up_head(config.base_model, model, reader.readout)
    compiled = try_compiled(reader) if config.compile else None
    return reader, notes + [note for note in (reader.warning, on_head, compiled) if note]


def choose_readout(model: PreTrainedModel, config: TrainRewardConfig) -> Readout | None:
    """Choose what a head of ours reads; None for a plain classifier. The quick mode chooses later,
    among the layers."""
    if config.method == "frozen":
        return Readout((count_layers(model),), READS)
    if config.pooling == "mean":
        return mean_readout(model, config.heads)
    return None if is_classifier(model) else last_readout(model)


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
    """Encode the groups' texts: [group][response]."""
    texts = [text for group in groups for text in group.texts()]
    folder = None if token_cache is None else Path(token_cache)
    flat = iter(encode_cached(folder, tokenizer, texts, max_length)[0])
    return [[next(flat) for _ in group.responses] for group in groups]
