"""Checkpoints of a training run: `checkpoint/state.pt`, and the best weights beside it.

Everything is in one file that is replaced as a whole, so a kill at any moment leaves the old
checkpoint or the new one. The best weights have a file of their own, named by their step and
written before the state that points to it, because they change rarely. A run of several trainings
has a folder for each; what a finished one leaves takes the place of its checkpoint.

A file that was damaged on the disk mostly loads all the same, as other weights. So the SHA-256 of
each is kept in `manifest.json` and compared before a file is used; `previous.pt`, the state before
the last one, takes the place of a state that is not what was written.
"""

import hashlib
import json
import os
import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from modeling.core.program.errors import ProgramError
from modeling.core.program.files import sha256_of, write_json, written_aside

MAIN = "model"  # the part of a run that is its model
REST = 20.0  # the least pause between two checkpoints, in times that the last one took
STATE, PREVIOUS = "state.pt", "previous.pt"


class DamagedCheckpoint(OSError):
    """A file is not what was written."""


# What torch raises for a truncated file depends on where it ends: it may be any of these.
UNREADABLE = (OSError, EOFError, RuntimeError, KeyError, ValueError, pickle.UnpicklingError)


def is_same_run(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether a checkpoint, by its identity `before`, belongs to the run as it is `now`.

    A setting that did not exist when the checkpoint was written does not make it another run's: or
    an update of the program in the middle of a training would cost that training.
    """
    return {key: value for key, value in now.items() if key not in before} | before == now


def of_another_run(file: Path) -> ProgramError:
    return ProgramError(
        "The checkpoint in this folder belongs to another config or other input.",
        where=str(file),
        hint="Use a new run folder, or delete checkpoint/ to start from the beginning.",
    )


def one_before(step: int) -> str:
    """Say, for people, which checkpoint a run goes on from, and why not from the last."""
    return (
        "The last checkpoint cannot be read: it is not what was written. The run goes on from the "
        f"one before, at step {step}."
    )


class Pace:
    """Decides when the next checkpoint is due: `seconds` after the last one (0: always), and not
    before REST times what that one took, so that a large model does not spend its time on saving.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds, self.clock = seconds, clock
        self.saved_at, self.took = clock(), 0.0

    def is_due(self) -> bool:
        pause = max(self.seconds, REST * self.took) if self.seconds else 0.0
        return self.clock() - self.saved_at >= pause

    @contextmanager
    def saving(self) -> Iterator[None]:
        started = self.clock()
        yield
        self.saved_at = self.clock()
        self.took = self.saved_at - started


class Checkpoint:
    """The checkpoint files of one of a run's trainings."""

    def __init__(self, run_path: Path, part: str = MAIN) -> None:
        """`part`: which of the run's trainings; the model's own lies in checkpoint/ itself."""
        self.part = part
        self.folder = run_path / "checkpoint" / ("" if part == MAIN else part)
        self.state_file = self.folder / "state.pt"
        self.previous_file = self.folder / "previous.pt"
        self.outcome_file = self.folder / "outcome.pt"
        self.manifest_file = self.folder / "manifest.json"

    @property
    def exists(self) -> bool:
        return self.state_file.exists() or self.previous_file.exists()

    def load_state(self, device: torch.device) -> dict[str, Any] | None:
        """The saved state, or the one before it where that is not what was written; None when
        neither can be used (start afresh then: the same seed leads to the same model)."""
        loaded = self.load_last(device)
        return None if loaded is None else loaded[0]

    def load_last(self, device: torch.device) -> tuple[dict[str, Any], bool] | None:
        """As `load_state`; beside the state, whether it is the one before the last."""
        for file in (self.state_file, self.previous_file):
            try:
                state = self._load(file, device)
                # A state whose best weights are damaged cannot end its training: it counts as bad.
                best = state["loop"]["best_step"]
                if best is not None:
                    self.load_best(best, device)
            except UNREADABLE as problem:
                if isinstance(problem, DamagedCheckpoint) and file == self.state_file:
                    self._forget_damaged(file)
                continue
            return state, file == self.previous_file
        return None

    def save_state(self, state: dict[str, Any]) -> None:
        """Write the state; the one before stays as `previous.pt`.

        The previous state is deleted first, so that no more than two lie on the disk at once. The
        manifest is written before the files change their names, and knows both by then: a kill at
        any moment leaves a state that it can confirm.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        moves = self.state_file.exists()  # False: previous.pt is the last good one, and stays
        if moves:
            self.previous_file.unlink(missing_ok=True)
        with written_aside(self.state_file, lambda file: torch.save(state, file)) as sha256:
            known = self._manifest()
            before = {PREVIOUS: known[STATE]} if moves and STATE in known else {}
            best = state["loop"]["best_step"]
            entry = {"sha256": sha256, "best": None if best is None else self._best(best).name}
            self._write_manifest({**known, **before, STATE: entry})
            if moves:
                os.replace(self.state_file, self.previous_file)

    def _forget_damaged(self, file: Path) -> None:
        """Delete a state that is not what was written, unless only its best weights are damaged:
        the next save would put it in the place of the good one before it."""
        try:
            whole = sha256_of(file) in self._hashes()
        except OSError:
            return
        if not whole:
            file.unlink(missing_ok=True)

    def _hashes(self) -> set[str]:
        return {entry["sha256"] for entry in self._manifest().values()}

    def save_best(self, step: int, weights: dict[str, Any]) -> None:
        self._save(self._best(step), weights)

    def load_best(self, step: int, device: torch.device) -> dict[str, Any]:
        """Raises one of UNREADABLE for weights that are not what was written."""
        return self._load(self._best(step), device)

    def load_outcome(self) -> dict[str, Any] | None:
        """Read what the finished training left; None when it has not finished, or cannot be
        read."""
        try:
            return self._load(self.outcome_file, None)
        except UNREADABLE:
            return None

    def save_outcome(self, outcome: dict[str, Any]) -> None:
        """Write what the training leaves, and delete its states: they are of no use, and large."""
        self._save(self.outcome_file, outcome)
        for file in (self.state_file, self.previous_file):
            file.unlink(missing_ok=True)
        self.forget_other_bests(None)

    def forget_other_bests(self, step: int | None) -> None:
        """Delete all best weights but those of this step and of the states that are still there;
        None: delete all."""
        known = self._manifest()
        needed = {known.get(name, {}).get("best") for name in (STATE, PREVIOUS)}
        needed = set() if step is None else needed | {self._best(step).name}
        for file in self.folder.glob("best-*.pt"):
            if file.name not in needed:
                file.unlink()

    def _save(self, file: Path, value: dict[str, Any]) -> None:
        """Write a file. The manifest knows its hash before it has its name: killed in between, the
        old file is still valid."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with written_aside(file, lambda out: torch.save(value, out)) as sha256:
            self._write_manifest({**self._manifest(), file.name: {"sha256": sha256}})

    def _load(self, file: Path, device: torch.device | None) -> dict[str, Any]:
        """Read a file that is as it was written; raises one of UNREADABLE for another. The check
        and the reading share a handle, so that nothing comes between the two."""
        with file.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
            # By its hash, not its name: a kill between two renames leaves a name ahead or behind.
            if sha256 not in self._hashes():
                raise DamagedCheckpoint(f"{file.name} is not as it was written")
            opened.seek(0)
            return dict(torch.load(opened, map_location=device, weights_only=True))

    def _manifest(self) -> dict[str, dict[str, Any]]:
        """File name -> its SHA-256 and, of a state, its best weights. {}: nothing can be checked,
        so nothing is used."""
        try:
            entries = json.loads(self.manifest_file.read_bytes())
            return {name: {**row, "sha256": str(row["sha256"])} for name, row in entries.items()}
        except (OSError, ValueError, AttributeError, TypeError, KeyError):
            return {}

    def _write_manifest(self, manifest: dict[str, dict[str, Any]]) -> None:
        write_json(self.manifest_file, manifest)

    def _best(self, step: int) -> Path:
        return self.folder / f"best-{step}.pt"
