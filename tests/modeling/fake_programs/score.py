"""Stands in for modeling/core/score.py: the reward is the text's length in tens; of its two
features one is that, too, and the other is whether the text asks something."""

import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from tests.modeling.fake_programs import contract


def main(folder: Path, config: dict[str, Any]) -> dict[str, Any]:
    rows = [json.loads(line) for line in (folder / "responses.jsonl").read_text().splitlines()]
    for row in rows:
        # A further member gives one more each.
        members = [len(row["response"]) / 10 + at for at in range(len(config["reward_models"]))]
        told = {"id": row["id"], "reward": statistics.fmean(members), "members": members}
        contract.append(folder / "scores.jsonl", told)
    if config.get("features"):
        seen = [[len(row["response"]) / 10, "?" in row["response"]] for row in rows]
        np.save(folder / "features.npy", np.array(seen, dtype=np.float16))
    return {"count": len(rows), "seconds": 0.1}


contract.run(main, "reward_models")
