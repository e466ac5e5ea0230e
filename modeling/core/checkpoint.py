"""Checkpoints of a training run: `checkpoint/state.pt`, and the best weights beside it.

Everything is in one file that is replaced as a whole, so a kill at any moment leaves the old
checkpoint or the new one. The best weights have a file of their own, named by their step and
written before the state that points to it, because they change rarely. A run of several trainings
has a folder for each; what a finished one leaves takes the place of its checkpoint.
"""

import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from modeling.core.errors import ProgramError
from modeling.core.files import write_atomically
from modeling.core.reward_parts import MAIN

REST = 20.0  # between two checkpoints, in times that the last one took
# Of a truncated file torch says one or another of them, by where it ends.
UNREADABLE = (OSError, EOFError, RuntimeError, KeyError, pickle.UnpicklingError)


def of_another_run(file: Path) -> ProgramError:
    return ProgramError(
        "The checkpoint in this folder belongs to another config or other input.",
        where=str(file),
        hint="Use a new run folder, or delete checkpoint/ to start from the beginning.",
    )


class Pace:
    """When the next checkpoint is due: `seconds` after the last one, and not before 20 times what
    that one took, so that a large model does not spend its time on saving. 0: always."""

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
    def __init__(self, run_path: Path, part: str = MAIN) -> None:
        """`part`: which of the run's trainings; the model's own lies in checkpoint/ itself."""
        self.part = part
        self.folder = run_path / "checkpoint" / ("" if part == MAIN else part)
        self.state_file = self.folder / "state.pt"
        self.outcome_file = self.folder / "outcome.pt"

    def load_state(self, device: torch.device) -> dict[str, Any] | None:
        """The saved state; None when there is none or it cannot be read (start afresh then:
        the same seed leads to the same model)."""
        try:
            state = torch.load(self.state_file, map_location=device, weights_only=True)
            best = state["loop"]["best_step"]
            if best is not None:
                self.load_best(best, device)
        except UNREADABLE:
            return None
        return dict(state)

    def save_state(self, state: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.state_file, lambda file: torch.save(state, file))

    def save_best(self, step: int, weights: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self._best(step), lambda file: torch.save(weights, file))

    def load_best(self, step: int, device: torch.device) -> dict[str, Any]:
        return dict(torch.load(self._best(step), map_location=device, weights_only=True))

    def load_outcome(self) -> dict[str, Any] | None:
        """What the finished training left; None when it has not finished or it cannot be read."""
        try:
            return dict(torch.load(self.outcome_file, weights_only=True))
        except UNREADABLE:
            return None

    def save_outcome(self, outcome: dict[str, Any]) -> None:
        """From now on the state is of no use, and it is large."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.outcome_file, lambda file: torch.save(outcome, file))
        self.state_file.unlink(missing_ok=True)
        self.forget_other_bests(None)

    def forget_other_bests(self, step: int | None) -> None:
        for file in self.folder.glob("best-*.pt"):
            if step is None or file != self._best(step):
                file.unlink()

    def _best(self, step: int) -> Path:
        return self.folder / f"best-{step}.pt"
