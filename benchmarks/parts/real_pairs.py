"""Real pairs for the benchmarks, a tokenizer for them, and the Llama they are measured on.

The data are not part of the repository: they are looked for in the folder that PREFERABLE_DATA
names, else in shared/data beside the repository.
"""

import gzip
import json
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForSequenceClassification, PreTrainedTokenizerFast

from modeling.core.texts.text import complete_tokenizer

ROOT = Path(__file__).resolve().parent.parent.parent
HH, ALPACA = "hh_harmless_pairs.jsonl.gz", "alpaca_eval_responses.jsonl.gz"
LONGEST = 1024  # TRL drops what is longer: so do we, for both


def data_file(name: str) -> Path:
    """The file, or a clear end of the program."""
    folder = Path(os.environ.get("PREFERABLE_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / name).is_file():
        print(json.dumps({"skipped": f"{name} is not in {folder}; set PREFERABLE_DATA"}))
        sys.exit(0)
    return folder / name


def read_rows(name: str) -> list[dict[str, Any]]:
    with gzip.open(data_file(name), "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def build_model(folder: Path, texts: Sequence[str], size: str = "4x256") -> None:
    """A random Llama with a byte-level BPE of 4,096 tokens trained on the texts, one label."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=4096,
        special_tokens=["<|begin|>", "<|end|>", "<|pad|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|begin|>",
        eos_token="<|end|>",
        pad_token="<|pad|>",
    )
    complete_tokenizer(fast)
    layers, width = (int(part) for part in size.split("x"))
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=width,
        intermediate_size=688 * width // 256,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        max_position_embeddings=2048,
        num_labels=1,
        bos_token_id=fast.bos_token_id,
        eos_token_id=fast.eos_token_id,
        pad_token_id=fast.pad_token_id,
    )
    torch.manual_seed(0)
    LlamaForSequenceClassification(config).save_pretrained(folder)
    fast.save_pretrained(folder)


def hh_groups() -> list[tuple[str, list[str]]]:
    """(prompt, [chosen, rejected]) of the HH pairs."""
    return [(row["prompt"], [row["chosen"], row["rejected"]]) for row in read_rows(HH)]


def hh_groups_of_four() -> list[tuple[str, list[str]]]:
    """HH prompts with four responses: their own two, and the two of the prompt whose responses are
    next in length. Such a ranking means nothing; it is for timing only."""
    groups = hh_groups()
    by_length = sorted(range(len(groups)), key=lambda at: sum(map(len, groups[at][1])))
    lent = {at: groups[by_length[place - 1]][1] for place, at in enumerate(by_length)}
    return [(prompt, own + lent[at]) for at, (prompt, own) in enumerate(groups)]


def alpaca_groups_of_four() -> list[tuple[str, list[str]]]:
    """Four of the eight real responses to each instruction, best first."""
    rng = random.Random(0)
    groups = []
    for row in read_rows(ALPACA):
        four = sorted(rng.sample(row["responses"], 4), key=lambda answer: -answer["score"])
        groups.append((row["prompt"], [answer["text"] for answer in four]))
    return groups
