"""Stands in for modeling/core/train_policy.py: a copy of the policy's folder.

`told.json` in the policy's folder changes what the result says; a `told.json` with
"next_behaviour" makes the new policy misbehave."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

from tests.modeling.fake_programs import contract


def main(folder: Path, config: dict[str, Any]) -> dict[str, Any]:
    policy = Path(config["policy"])
    is_dpo = config["algorithm"] == "dpo"
    rows = (folder / ("preferences.jsonl" if is_dpo else "prompts.jsonl")).read_text().splitlines()
    line = {"step": 1, "time": time.time(), "metrics": {"objective/kl": 1.2, "reward": 0.5}}
    contract.append(folder / "metrics.jsonl", line)
    told_file = policy / "told.json"
    told = json.loads(told_file.read_text()) if told_file.exists() else {}
    if config.get("distill") is False:
        pool = [
            {"n": 1, "reward": 0.1, "low": 0.0, "high": 0.2, "kl": 0.0},
            {"n": 2, "reward": 0.5, "low": 0.4, "high": 0.6, "kl": 0.1931},
        ]
        return {"algorithm": "best_of_n", "best_of_n": pool, "steps": 0, "model_dir": None}
    shutil.copytree(policy, folder / "model", dirs_exist_ok=True)
    (folder / "model" / "told.json").unlink(missing_ok=True)
    (folder / "model" / "behaviour").write_text(told.pop("next_behaviour", ""))
    return {
        "algorithm": config["algorithm"],
        "kl": 1.2,
        "reward_before": 0.1,
        "reward_after": 0.6,
        "length_before": 20.0,
        "length_after": 22.0,
        "best_of_n": [{"n": 1, "reward": 0.1, "kl": 0.0, "low": 0.0, "high": 0.2}],
        "stopped": None,
        "model_dir": "model",
        "data": len(rows),
    } | told


contract.run(main, "policy")
