"""Stands in for modeling/core/sample.py: responses of different lengths."""

import json
from pathlib import Path
from typing import Any

from tests.modeling.fake_programs import contract


def main(folder: Path, config: dict[str, Any]) -> dict[str, Any]:
    prompts = [json.loads(line) for line in (folder / "prompts.jsonl").read_text().splitlines()]
    policies = config.get("policies") or {config["policy"]: config["policy"]}
    count = 0
    for name, location in policies.items():
        same = (Path(location) / "always_the_same").exists()
        writer = name if "policies" in config else "Response"
        for prompt in prompts:
            for k in range(config["n"]):
                count += 1
                text = "Yes." if same else f"{writer} {config['seed']} " + "very " * (k * k)
                row = {"id": prompt["id"], "sample": k, "text": text + "long.", "finished": True}
                row |= {"policy": name, "seed": k, "tokens": 3}
                contract.append(folder / "samples.jsonl", row)
    return {"count": count, "finished_share": 1.0, "tokens": 3 * count, "seconds": 0.1}


contract.run(main, "policies")
