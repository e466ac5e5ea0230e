"""Stands in for modeling/core/sample.py: responses of different lengths.

With the behaviour "in_steps" it stops within its third prompt, until there is a file `go_on`."""

import json
import os
import time
from pathlib import Path
from typing import Any

from tests.modeling.fake_programs import contract


def stop_in_steps(folder: Path, location: str, prompt: int, k: int) -> None:
    if contract.behaviour_of(Path(location)) == "in_steps" and (prompt, k) == (2, 1):
        (folder / "stopped").write_text(str(os.getpid()))
        while not (folder / "go_on").exists():
            time.sleep(0.02)


def main(folder: Path, config: dict[str, Any]) -> dict[str, Any]:
    prompts = [json.loads(line) for line in (folder / "prompts.jsonl").read_text().splitlines()]
    policies = config.get("policies") or {config["policy"]: config["policy"]}
    file = folder / "samples.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    done = {(row["policy"], row["id"], row["sample"]) for row in map(json.loads, lines)}
    count = 0
    for name, location in policies.items():
        same = (Path(location) / "always_the_same").exists()
        writer = name if "policies" in config else "Response"
        for number, prompt in enumerate(prompts):
            for k in range(config["n"]):
                stop_in_steps(folder, location, number, k)
                count += 1
                if (name, prompt["id"], k) in done:
                    continue
                text = "Yes." if same else f"{writer} {config['seed']} " + "very " * (k * k)
                row = {"id": prompt["id"], "sample": k, "text": text + "long.", "finished": True}
                row |= {"policy": name, "seed": k, "tokens": 3}
                contract.append(folder / "samples.jsonl", row)
    return {"count": count, "finished_share": 1.0, "tokens": 3 * count, "seconds": 0.1}


contract.run(main, "policies")
