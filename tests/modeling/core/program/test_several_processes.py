"""Several processes on one run, as `accelerate launch` starts them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modeling.core import train_reward
from modeling.core.fitting.step import share_of
from modeling.core.program.parallel import Processes
from modeling.core.texts.groups import LabeledPair, Unit
from modeling.core.texts.text import Encoded
from tests.modeling.core.factories import lines, metric, preference, read, run, training_run


def launch(folder: Path) -> subprocess.Popen[str]:
    """Two processes on the CPU, over gloo, by the launcher that accelerate uses for GPUs."""
    launcher = ["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    rest = ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    module = ["--main_process_port", "0", "-m", "modeling.core.train_reward", str(folder)]
    return subprocess.Popen(
        [sys.executable, "-m", *launcher, *rest, *module],
        env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_two_processes_end_where_one_does(tiny_model: Path, tmp_path: Path) -> None:
    """Gradients are summed over the processes: the same to rounding, whatever falls to whom."""
    rows = [preference(n, chosen="Yes. " * (n % 7 + 1), split="train") for n in range(30)]
    rows += [preference(n, id=f"d{n}", split="dev") for n in range(30, 40)]
    options: dict[str, Any] = {"epochs": 2, "threads": 1, "heads": 2, "batch_size": 8}
    alone = training_run(tmp_path / "alone", tiny_model, rows, **options)
    assert run(train_reward, alone) == 0
    both = training_run(tmp_path / "both", tiny_model, rows, **options)
    child = launch(both)
    _, log = child.communicate(timeout=150)
    assert child.returncode == 0, log
    one, two = (lines(folder / "predictions.jsonl") for folder in (alone, both))
    assert [row["id"] for row in one] == [row["id"] for row in two]
    for key in ("reward_chosen", "reward_rejected"):
        assert [row[key] for row in one] == pytest.approx([row[key] for row in two], abs=1e-4)
    for name in ("train/loss", "train/tokens", "dev/loss"):
        assert metric(alone, name) == pytest.approx(metric(both, name), abs=1e-4), name
    assert read(both / "result.json")["parity_max_error"] < 1e-4
    assert not (both / "checkpoint").exists()


def trained(line: dict[str, Any]) -> bool:
    return "train/loss" in line.get("metrics", {})


@pytest.mark.slow
def test_they_stop_together_and_one_goes_on(tiny_model: Path, tmp_path: Path) -> None:
    folder = training_run(tmp_path / "run", tiny_model, epochs=80, patience=80, threads=1)
    child = launch(folder)
    end = time.monotonic() + 120
    while not (folder / "metrics.jsonl").exists() or len(metric(folder, "train/loss")) < 2:
        assert time.monotonic() < end
        assert child.poll() is None, child.communicate()[1]
        time.sleep(0.1)
    child.send_signal(signal.SIGTERM)
    _, log = child.communicate(timeout=60)
    assert child.returncode != 0
    assert (folder / "checkpoint" / "state.pt").exists(), log
    assert not (folder / "error.json").exists()
    assert not (folder / "result.json").exists()
    assert run(train_reward, folder) == 0
    steps = [line["step"] for line in lines(folder / "metrics.jsonl") if trained(line)]
    assert steps == list(range(1, 161)), "a step was lost or done twice"


def test_shares_are_whole_units_of_about_the_same_size() -> None:
    encoded = [[Encoded([1] * length, 1, False)] * 2 for length in (50, 30, 20, 10, 9, 1)]
    comparison = LabeledPair("c", 0, 1, 1.0, 1.0, 0.0)
    batch = [Unit(at, (comparison,)) for at in range(6)]
    reader = SimpleNamespace(tokens=lambda texts: sum(len(text.ids) for text in texts))
    shares = []
    for rank in range(2):
        setup = SimpleNamespace(processes=Processes(rank, 2))
        data = SimpleNamespace(encoded=encoded)
        training: Any = SimpleNamespace(setup=setup, data=data, reader=reader)
        shares.append(share_of(training, batch))
    assert [unit.group for unit in shares[0]] == [0, 3]
    assert [unit.group for unit in shares[1]] == [1, 2, 4, 5]
