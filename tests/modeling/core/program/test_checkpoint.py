"""Checkpoints on a disk that has not kept them whole."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from modeling.core.program.checkpoint import Checkpoint, Pace, is_same_run

CPU = torch.device("cpu")


def test_wherever_a_state_was_cut_off_it_is_told_from_a_whole_one(tmp_path: Path) -> None:
    """torch says OSError, EOFError, RuntimeError or UnpicklingError, by where the file ends."""
    checkpoint = Checkpoint(tmp_path)
    state: dict[str, Any] = {"loop": {"best_step": None}, "model": {"w": torch.randn(500, 10)}}
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


def saved_twice(folder: Path) -> Checkpoint:
    """Steps 1 and 2 of a training whose best weights are of step 1."""
    checkpoint = Checkpoint(folder)
    checkpoint.save_best(1, {"w": torch.ones(50)})
    for step in (1, 2):
        checkpoint.save_state({"loop": {"best_step": 1, "step": step}, "w": torch.randn(300)})
    return checkpoint


def damage(file: Path, at: int) -> None:
    """One bit, as a disk does it."""
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(bytes(content))


def test_one_bit_anywhere_in_a_state_is_noticed(tmp_path: Path) -> None:
    """Most of them load without a word, as other weights."""
    checkpoint = saved_twice(tmp_path)
    checkpoint.previous_file.unlink()
    whole = checkpoint.state_file.read_bytes()
    for at in range(0, len(whole), 41):
        damage(checkpoint.state_file, at)
        assert checkpoint.load_state(CPU) is None, at
        checkpoint.state_file.write_bytes(whole)
    assert checkpoint.load_state(CPU) is not None


def test_the_state_before_takes_the_place_of_a_damaged_one(tmp_path: Path) -> None:
    checkpoint = saved_twice(tmp_path)
    damage(checkpoint.state_file, 700)
    loaded = checkpoint.load_last(CPU)
    assert loaded is not None
    assert (loaded[0]["loop"]["step"], loaded[1]) == (1, True)


def test_damaged_best_weights_and_outcomes_are_noticed(tmp_path: Path) -> None:
    checkpoint = saved_twice(tmp_path)
    damage(checkpoint.folder / "best-1.pt", 400)
    assert checkpoint.load_state(CPU) is None
    checkpoint.save_outcome({"rewards": torch.ones(100)})
    assert checkpoint.load_outcome() is not None
    damage(checkpoint.outcome_file, 500)
    assert checkpoint.load_outcome() is None


def test_without_its_manifest_no_checkpoint_is_believed(tmp_path: Path) -> None:
    checkpoint = saved_twice(tmp_path)
    checkpoint.manifest_file.write_text('{"state.pt": {"sha')
    assert checkpoint.load_state(CPU) is None


def test_a_kill_at_any_step_of_saving_leaves_a_state_that_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between any two changes of the folder: the third save never gets further than that."""
    replace = os.replace
    for after in range(4):
        checkpoint = saved_twice(tmp_path / str(after))
        left = iter(range(after))

        def die(source: Any, target: Any, left: Any = left) -> None:
            if next(left, None) is None:
                raise KeyboardInterrupt  # stands for the kill
            replace(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", die)
            with suppress(KeyboardInterrupt):
                checkpoint.save_state({"loop": {"best_step": 1, "step": 3}})
        loaded = checkpoint.load_state(CPU)
        assert loaded is not None, after
        assert loaded["loop"]["step"] == (3 if after == 3 else 2)


def test_the_best_weights_of_both_states_are_kept(tmp_path: Path) -> None:
    checkpoint = saved_twice(tmp_path)
    checkpoint.save_best(3, {"w": torch.zeros(5)})
    checkpoint.save_state({"loop": {"best_step": 3, "step": 3}})
    checkpoint.forget_other_bests(3)
    damage(checkpoint.state_file, 300)
    loaded = checkpoint.load_last(CPU)
    assert loaded is not None and loaded[0]["loop"]["step"] == 2
    checkpoint.save_state({"loop": {"best_step": 3, "step": 4}})
    checkpoint.save_state({"loop": {"best_step": 3, "step": 5}})
    checkpoint.forget_other_bests(3)
    assert [file.name for file in checkpoint.folder.glob("best-*")] == ["best-3.pt"]


def test_a_setting_that_is_newer_than_the_checkpoint_makes_no_other_run() -> None:
    before = {"seed": 1, "part": "model"}
    assert is_same_run(before, before | {"template_date": "2026-02-03"})
    assert not is_same_run(before, before | {"seed": 2})
    assert not is_same_run(before | {"removed": 1}, before)


def test_a_damaged_state_does_not_take_the_place_of_the_good_one_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the save that follows, the run still has what it went on from."""
    checkpoint = saved_twice(tmp_path)
    damage(checkpoint.state_file, 700)
    loaded = checkpoint.load_last(CPU)
    assert loaded is not None and loaded[1]

    def die(*_: Any) -> None:
        raise KeyboardInterrupt  # stands for the kill

    for name in ("os.replace", "torch.save"):
        with monkeypatch.context() as patch:
            patch.setattr(name, die)
            with suppress(KeyboardInterrupt):
                checkpoint.save_state({"loop": {"best_step": 1, "step": 2}})
        again = checkpoint.load_last(CPU)
        assert again is not None, name
        assert again[0]["loop"]["step"] == 1
    checkpoint.save_state({"loop": {"best_step": 1, "step": 2}})
    damage(checkpoint.state_file, 300)
    last = checkpoint.load_last(CPU)
    assert last is not None and last[0]["loop"]["step"] == 1, "it stays until there are two again"


def test_two_kills_between_the_two_renames_lose_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first leaves previous.pt alone; the second must not make the manifest forget it."""
    checkpoint = saved_twice(tmp_path)
    replace = os.replace
    for _ in range(2):

        def die(source: Any, target: Any) -> None:
            if str(target).endswith("state.pt"):
                raise KeyboardInterrupt
            replace(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", die)
            with suppress(KeyboardInterrupt):
                checkpoint.save_state({"loop": {"best_step": 1, "step": 3}})
        loaded = checkpoint.load_last(CPU)
        assert loaded is not None
        assert (loaded[0]["loop"]["step"], loaded[1]) == (2, True)


def test_a_state_whose_best_weights_are_damaged_is_not_deleted(tmp_path: Path) -> None:
    checkpoint = saved_twice(tmp_path)
    damage(checkpoint.folder / "best-1.pt", 400)
    assert checkpoint.load_last(CPU) is None
    assert checkpoint.state_file.exists()


def test_a_state_that_cannot_be_read_for_the_moment_is_not_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = saved_twice(tmp_path)

    def no_memory(*_: Any, **__: Any) -> Any:
        raise RuntimeError("can't allocate memory")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "load", no_memory)
        assert checkpoint.load_last(CPU) is None
    loaded = checkpoint.load_last(CPU)
    assert loaded is not None and loaded[0]["loop"]["step"] == 2
