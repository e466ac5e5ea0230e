"""Speaks the file contract of the learning programs in milliseconds, and misbehaves on demand.

The file `behaviour` in the model's folder says how: nothing (succeed), "refuse", "crash", "silent",
"killed", "hang", "stubborn", "die_once", "slow", "killed_once", "out_of_memory", "cut_result",
"lose_folder", "chatty".
"""

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modeling.core.program.errors import OUT_OF_MEMORY


def run(main: Callable[[Path, dict[str, Any]], dict[str, Any]], model_key: str) -> None:
    folder = Path(sys.argv[1])
    config = json.loads((folder / "config.json").read_text())
    print("fake program: started", flush=True)
    for model in models_of(config, model_key):
        misbehave(folder, Path(model))
    progress(folder, 1, 2)
    result = main(folder, config)
    progress(folder, 2, 2)
    told = json.dumps(result)
    is_cut = any(behaviour_of(Path(m)) == "cut_result" for m in models_of(config, model_key))
    (folder / "result.json").write_text(told[: len(told) // 2] if is_cut else told)


def models_of(config: dict[str, Any], key: str) -> list[str]:
    if key == "policies":
        return list((config.get("policies") or {"one": config.get("policy")}).values())
    return config[key] if key == "reward_models" else [config[key]]


def progress(folder: Path, done: int, total: int) -> None:
    told = {"done": done, "total": total, "unit": "steps", "phase": "working", "eta_seconds": 3.0}
    append(folder / "metrics.jsonl", {"time": time.time(), "progress": told})


def append(path: Path, line: dict[str, Any]) -> None:
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")


def behaviour_of(model: Path) -> str:
    file = model / "behaviour"
    return file.read_text().strip() if file.exists() else ""


def misbehave(folder: Path, model: Path) -> None:
    behaviour = behaviour_of(model)
    if behaviour == "refuse":
        told = {"error": "The folder has no weights.", "where": "config.json", "hint": "Add them."}
        (folder / "error.json").write_text(json.dumps(told))
        sys.exit(1)
    if behaviour == "crash":
        raise RuntimeError("something nobody thought of")
    if behaviour == "silent":
        sys.exit(0)
    if behaviour == "out_of_memory":
        told = {"error": f"The GPU's {OUT_OF_MEMORY}.", "hint": "Use smaller passes."}
        (folder / "error.json").write_text(json.dumps(told))
        sys.exit(1)
    if behaviour == "killed_once" and not (folder / "killed").exists():
        (folder / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour == "lose_folder":
        (model / "behaviour").write_text("")
        shutil.rmtree(folder)
    if behaviour == "chatty":
        for number in range(4000):
            print(f"line {number} of a program that says too much", flush=number % 100 == 0)
    if behaviour == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour == "die_once" and not (folder / "checkpoint").exists():
        (folder / "checkpoint").mkdir()
        signal.raise_signal(signal.SIGTERM)
    if behaviour == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if behaviour in ("hang", "stubborn"):
        (folder / "hanging").write_text(str(os.getpid()))
        while True:
            time.sleep(0.02)
    if behaviour == "slow":
        time.sleep(0.5)
