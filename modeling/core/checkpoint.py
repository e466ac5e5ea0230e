"""Checkpoints of a training run: `checkpoint/state.pt`, and the best weights beside it.

Everything is in one file that is replaced as a whole, so a kill at any moment leaves the old
checkpoint or the new one. The best weights have a file of their own, named by their step and
written before the state that points to it, because they change rarely.
"""

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn

from modeling.core.files import write_atomically


class Checkpoint:
    def __init__(self, run_path: Path) -> None:
        self.folder = run_path / "checkpoint"
        self.state_file = self.folder / "state.pt"

    def load_state(self, device: torch.device) -> dict[str, Any] | None:
        """The saved state; None when there is none or it cannot be read (start afresh then:
        the same seed leads to the same model)."""
        try:
            state = torch.load(self.state_file, map_location=device, weights_only=True)
            best = state["loop"]["best_step"]
            if best is not None:
                self.load_best(best, device)
        except (FileNotFoundError, EOFError, RuntimeError, KeyError, pickle.UnpicklingError):
            return None
        return dict(state)

    def save_state(self, state: dict[str, Any]) -> None:
        self.folder.mkdir(exist_ok=True)
        write_atomically(self.state_file, lambda file: torch.save(state, file))

    def save_best(self, step: int, model: nn.Module) -> None:
        self.folder.mkdir(exist_ok=True)
        write_atomically(self._best(step), lambda file: torch.save(model.state_dict(), file))

    def load_best(self, step: int, device: torch.device) -> dict[str, Any]:
        return dict(torch.load(self._best(step), map_location=device, weights_only=True))

    def forget_other_bests(self, step: int | None) -> None:
        for file in self.folder.glob("best-*.pt"):
            if step is None or file != self._best(step):
                file.unlink()

    def _best(self, step: int) -> Path:
        return self.folder / f"best-{step}.pt"
