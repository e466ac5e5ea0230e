"""One cell of quality_on_hh.py by TRL's RewardTrainer, in a process of its own."""

import json
import sys
from pathlib import Path
from typing import Any

import torch

from benchmarks.parts.quality_rows import RATES, TRAIN_LENGTH, Cell, read_pairs
from modeling.core.program.device import choose_autocast
from modeling.core.texts.text import Encoded, complete_tokenizer, encode_texts


def main() -> None:
    """Arguments: the cell as JSON, the base model's folder, a folder to write to."""
    from datasets import Dataset
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from trl import RewardConfig, RewardTrainer

    torch.set_num_threads(1)
    cell, base = Cell(*json.loads(sys.argv[1])), sys.argv[2]
    tokenizer = AutoTokenizer.from_pretrained(base)
    complete_tokenizer(tokenizer)
    pairs = read_pairs()
    texts = [(pair.prompt, text) for pair in pairs for text in (pair.chosen, pair.rejected)]
    encoded = encode_texts(tokenizer, texts, TRAIN_LENGTH)
    train, asked = cell.split(pairs)
    torch.manual_seed(cell.seed)
    model = AutoModelForSequenceClassification.from_pretrained(
        base, num_labels=1, dtype=torch.float32
    )
    model.config.pad_token_id = tokenizer.pad_token_id
    arguments: dict[str, Any] = {
        "output_dir": str(Path(sys.argv[3]) / "trl"),
        "seed": cell.seed,
        "per_device_train_batch_size": 16,
        "num_train_epochs": 1,
        "learning_rate": RATES[cell.model],
        "warmup_steps": 0.1,
        "max_length": TRAIN_LENGTH,
        "report_to": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
        "use_cpu": True,
        # as ours: only where the processor has matrix units for it and the model is no tiny one
        "bf16": choose_autocast("auto", torch.device("cpu"), model.num_parameters()),
        "gradient_checkpointing": False,  # the same figures in less time
        "dataloader_pin_memory": False,
    }
    ids = [
        {"chosen_ids": encoded[2 * at].ids, "rejected_ids": encoded[2 * at + 1].ids} for at in train
    ]
    trainer = RewardTrainer(
        model=model,
        args=RewardConfig(**arguments),
        train_dataset=Dataset.from_list(ids),
        processing_class=tokenizer,
    )
    trainer.train()
    rewards = score(
        trainer.model, tokenizer.pad_token_id, [encoded[2 * at + k] for at in asked for k in (0, 1)]
    )
    print(json.dumps([a - b for a, b in zip(rewards[::2], rewards[1::2], strict=True)]))


@torch.no_grad()
def score(model: torch.nn.Module, pad: int, texts: list[Encoded]) -> list[float]:
    from modeling.core.texts.packing import pad_batch

    model.eval()
    rewards: list[float] = []
    for start in range(0, len(texts), 16):
        ids, mask, _ = pad_batch(texts[start : start + 16], pad, torch.device("cpu"))
        rewards += model(input_ids=ids, attention_mask=mask).logits[:, 0].tolist()
    return rewards
