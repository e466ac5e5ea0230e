"""Gives exported files to TRL's functions, and to its trainers to prepare them for training.

    python -m tests.labeling.preferences.shapes.load_in_trl FOLDER

Expects trl.jsonl, trl-implicit.jsonl, trl-implicit.parquet, trl-kto.jsonl and trl-kto.parquet in
the folder. Prints one line of JSON: how many rows each trainer is ready to train on.
"""

import json
import sys
from pathlib import Path
from typing import Any


def main(folder: Path) -> None:
    from datasets import load_dataset
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification
    from trl import (
        DPOConfig,
        DPOTrainer,
        KTOConfig,
        KTOTrainer,
        RewardConfig,
        RewardTrainer,
        extract_prompt,
        unpair_preference_dataset,
    )

    from tests.tiny_model import build_tiny_model, build_tiny_tokenizer

    def load(name: str) -> Any:
        kind = {"jsonl": "json", "parquet": "parquet"}[name.split(".")[1]]
        path = str(folder / name)
        return load_dataset(kind, data_files=path, split="train", cache_dir=str(folder / "cache"))

    explicit, kto = load("trl.jsonl"), load("trl-kto.jsonl")
    sides = ["prompt", "chosen", "rejected"]
    implicit = load("trl-implicit.jsonl").map(extract_prompt)
    assert implicit.select_columns(sides).to_list() == explicit.select_columns(sides).to_list()
    unpaired = unpair_preference_dataset(explicit.select_columns(sides)).to_list()
    columns = ["prompt", "completion", "label"]
    key = json.dumps
    assert sorted(map(key, unpaired)) == sorted(map(key, kto.select_columns(columns).to_list()))

    model, tokenizer = str(build_tiny_model(folder / "model")), build_tiny_tokenizer()
    ready = {}
    for trainer, config, name in (
        (RewardTrainer, RewardConfig, "trl-implicit.jsonl"),
        (RewardTrainer, RewardConfig, "trl-implicit.parquet"),
        (DPOTrainer, DPOConfig, "trl-implicit.jsonl"),
        (KTOTrainer, KTOConfig, "trl-kto.jsonl"),
        (KTOTrainer, KTOConfig, "trl-kto.parquet"),
    ):
        head: Any = AutoModelForCausalLM
        more = {}
        if trainer is RewardTrainer:
            head, more = AutoModelForSequenceClassification, {"num_labels": 1}
        made = trainer(
            model=head.from_pretrained(model, **more),
            args=config(output_dir=str(folder / "out"), report_to="none", use_cpu=True, bf16=False),
            train_dataset=load(name),
            processing_class=tokenizer,
        )
        ready[f"{trainer.__name__} {name}"] = len(made.train_dataset)
    print(json.dumps(ready))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
