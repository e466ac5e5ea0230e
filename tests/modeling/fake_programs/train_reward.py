"""Stands in for modeling/core/train_reward.py: a "model" of no weights."""

import json
import time
from pathlib import Path
from typing import Any

from tests.modeling.fake_programs import contract


def main(folder: Path, config: dict[str, Any]) -> dict[str, Any]:
    rows = [json.loads(line) for line in (folder / "preferences.jsonl").read_text().splitlines()]
    for step in (1, 2, 3):
        line = {"step": step, "time": time.time(), "metrics": {"train/loss": 1.0 / step}}
        contract.append(folder / "metrics.jsonl", line)
    (folder / "model").mkdir(exist_ok=True)
    (folder / "model" / "config.json").write_text("{}")
    with (folder / "predictions.jsonl").open("w") as file:
        for row in rows:
            rewards = {"reward_chosen": len(row["chosen"]), "reward_rejected": len(row["rejected"])}
            file.write(json.dumps({"id": row["id"], "split": row["split"], **rewards}) + "\n")
    accuracy = {"test": {"value": 0.75, "low": 0.5, "high": 0.9, "n": 12}}
    return {"accuracy": accuracy, "model_dir": "model", "steps": 3, "data": len(rows)}


contract.run(main, "base_model")
