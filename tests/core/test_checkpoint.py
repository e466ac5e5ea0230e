"""Checkpoints on a disk that has not kept them whole."""

from pathlib import Path

import torch

from modeling.core.checkpoint import Checkpoint, Pace

CPU = torch.device("cpu")


def test_wherever_a_state_was_cut_off_it_is_told_from_a_whole_one(tmp_path: Path) -> None:
    """torch says OSError, EOFError, RuntimeError or UnpicklingError, by where the file ends."""
    checkpoint = Checkpoint(tmp_path)
    state = {"loop": {"best_step": None}, "model": {"w": torch.randn(500, 10)}}
    checkpoint.save_state(state)
    whole = checkpoint.state_file.read_bytes()
    loaded = checkpoint.load_state(CPU)
    assert loaded is not None and torch.equal(loaded["model"]["w"], state["model"]["w"])
    for length in range(0, len(whole), 211):
        checkpoint.state_file.write_bytes(whole[:length])
        assert checkpoint.load_state(CPU) is None, length


def test_a_state_without_its_best_weights_is_none(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path)
    checkpoint.save_best(3, {"w": torch.zeros(1000)})
    checkpoint.save_state({"loop": {"best_step": 3}})
    assert checkpoint.load_state(CPU) is not None
    best = checkpoint.folder / "best-3.pt"
    best.write_bytes(best.read_bytes()[:1500])
    assert checkpoint.load_state(CPU) is None


def test_a_model_that_takes_long_to_save_is_saved_less_often() -> None:
    """Every 30 s; after a save of 40 s not before 800 s have passed; with 0 after every step."""
    now = [0.0]
    pace, every_step = (Pace(seconds, clock=lambda: now[0]) for seconds in (30, 0))
    now[0] = 30.0
    assert pace.is_due()
    for one in (pace, every_step):
        with one.saving():
            now[0] += 40.0
    began = now[0]
    assert every_step.is_due()
    now[0] = began + 700.0
    assert not pace.is_due()
    now[0] = began + 800.0
    assert pace.is_due()
