"""Run folders for the learning programs, and ways to run a program on one."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modeling.core.program.run_dir import RunDir, run_program

Row = dict[str, Any]
SPLITS = ("train", "train", "train", "dev", "test")


def messages(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def preference(number: int, **changes: Any) -> Row:
    """A polite answer preferred to a rude one."""
    return {
        "id": f"p{number}",
        "prompt": messages(f"What is {number} plus one?"),
        "chosen": f"It is {number + 1}. You are welcome!",
        "rejected": "I do not know. Go away.",
        "target": 1.0,
        "weight": 1.0,
        "strength": None,
        "split": "train",
        "arm": "random",
        "round": None,
    } | changes


def preferences(count: int) -> list[Row]:
    return [preference(number, split=SPLITS[number % 5]) for number in range(count)]


def write_lines(path: Path, rows: list[Row]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def make_run(folder: Path, rows: list[Row], file: str, **config: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config, default=str))
    write_lines(folder / file, rows)
    return folder


def training_run(folder: Path, base: Path, rows: list[Row] | None = None, **config: Any) -> Path:
    """Early stop on the eight dev comparisons, so that its part of the program is run too."""
    rows = preferences(40) if rows is None else rows
    config = {"base_model": base, "min_dev": 8, "epochs": 10, "eval_every": 1.0} | config
    return make_run(folder, rows, "preferences.jsonl", **config)


def run(program: Any, folder: Path) -> int:
    """In this process; the exit code."""
    return run_program(program.main, [str(folder)])


def start(program: str, folder: Path) -> subprocess.Popen[str]:
    """As the worker starts it: a child process."""
    return subprocess.Popen(
        [sys.executable, "-m", f"modeling.core.{program}", str(folder)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )


def stop_after(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Ask the run to stop once this step is done, as SIGTERM does."""
    check = RunDir.check_cancelled
    count = iter(range(1, 10_000))

    def counting(self: RunDir) -> None:
        check(self)
        self.cancel_asked = next(count) >= step

    monkeypatch.setattr(RunDir, "check_cancelled", counting)


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def lines(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def metric(folder: Path, name: str) -> list[float]:
    """All logged values of one metric."""
    rows = [line.get("metrics", {}) for line in lines(folder / "metrics.jsonl")]
    return [metrics[name] for metrics in rows if name in metrics]


def error_of(program: Any, folder: Path) -> str:
    """Run a program that must fail; what error.json says, hint included."""
    assert run(program, folder) == 1
    assert not (folder / "result.json").exists()
    problem = read(folder / "error.json")
    assert problem.keys() == {"error", "where", "hint"}
    assert problem["error"]
    assert problem["hint"]
    return f"{problem['error']} | {problem['where']} | {problem['hint']}"
