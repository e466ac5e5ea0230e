"""Programs on a machine with several GPUs."""

import json
import signal
import sys
import time
from pathlib import Path

import pytest

from modeling.runs import programs, several_gpus


@pytest.fixture
def two_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for bus in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / "driver" / bus).mkdir(parents=True)
    monkeypatch.setattr(several_gpus, "DRIVER", tmp_path / "driver")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.parametrize(
    ("visible", "count"), [(None, 2), ("0", 1), ("0,1", 2), ("0,1,2", 2), ("", 0), ("-1", 0)]
)
def test_gpus_are_those_that_are_there_and_allowed(
    two_gpus: None, monkeypatch: pytest.MonkeyPatch, visible: str | None, count: int
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert several_gpus.count_gpus() == count


def test_no_driver_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(several_gpus, "DRIVER", tmp_path / "none")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert several_gpus.count_gpus() == 0


def test_a_training_takes_all_gpus_and_other_programs_one(two_gpus: None, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    assert several_gpus.processes_for("train_reward", tmp_path) == 2
    assert several_gpus.processes_for("score", tmp_path) == 1
    for alone in ({"device": "cpu"}, {"method": "frozen"}):
        config.write_text(json.dumps(alone))
        assert several_gpus.processes_for("train_reward", tmp_path) == 1


def test_several_processes_are_started_by_accelerate(tmp_path: Path) -> None:
    one = several_gpus.command_for("modeling.core", "score", tmp_path, 1)
    assert one == [sys.executable, "-m", "modeling.core.score", str(tmp_path)]
    two = several_gpus.command_for("modeling.core", "train_reward", tmp_path, 2)
    assert two[1:3] == ["-m", "accelerate.commands.launch"]
    assert "--num_processes=2" in two
    assert two[-3:] == ["-m", "modeling.core.train_reward", str(tmp_path)]


def test_a_launcher_that_was_asked_to_stop_has_not_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It exits with 1 whatever its processes say; that the program told no error tells."""
    waiting = (
        "import pathlib, signal, sys, time;"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(1));"
        f"pathlib.Path({str(tmp_path / 'ready')!r}).touch(); time.sleep(60)"
    )
    monkeypatch.setattr(programs, "processes_for", lambda *_: 2)
    monkeypatch.setattr(programs, "command_for", lambda *_: [sys.executable, "-c", waiting])
    for told in (False, True):
        (tmp_path / "ready").unlink(missing_ok=True)
        with programs.sole_use(tmp_path) as lock:
            program = programs.RunningProgram(
                "train_reward", tmp_path, log=tmp_path / "log", lock=lock, package="modeling.core"
            )
            end = time.monotonic() + 30
            while not (tmp_path / "ready").exists():
                assert time.monotonic() < end
                time.sleep(0.02)
            if told:
                (tmp_path / "error.json").write_text('{"error": "The disk is full.", "hint": ""}')
            program.send(signal.SIGTERM)
            assert program.ending().was_stopped is not told
