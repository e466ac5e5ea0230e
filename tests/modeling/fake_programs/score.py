"""Stands in for modeling/core/score.py: the reward is the text's length in tens."""

import json
from pathlib import Path
from typing import Any

from tests.modeling.fake_programs import contract


def main(folder: Path, config: dict[str, Any]) -> dict[str, Any]:
    rows = [json.loads(line) for line in (folder / "responses.jsonl").read_text().splitlines()]
    for row in rows:
        reward = len(row["response"]) / 10
        told = {"id": row["id"], "reward": reward, "members": [reward], "std": 0.0}
        contract.append(folder / "scores.jsonl", told)
    return {"count": len(rows), "seconds": 0.1}


contract.run(main, "reward_models")
