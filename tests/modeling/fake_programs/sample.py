"""Stands in for modeling/core/sample.py: responses of different lengths."""

import json
from pathlib import Path
from typing import Any

from tests.modeling.fake_programs import contract


def main(folder: Path, config: dict[str, Any]) -> dict[str, Any]:
    prompts = [json.loads(line) for line in (folder / "prompts.jsonl").read_text().splitlines()]
    same = (Path(config["policy"]) / "always_the_same").exists()
    count = 0
    for prompt in prompts:
        for k in range(config["n"]):
            count += 1
            text = "Yes." if same else f"Response {config['seed']} " + "very " * (k * k) + "long."
            row = {"id": prompt["id"], "sample": k, "text": text, "finished": True, "tokens": 3}
            contract.append(folder / "samples.jsonl", row | {"seed": k})
    return {"count": count, "finished_share": 1.0, "tokens": 3 * count, "seconds": 0.1}


contract.run(main, "policy")
