"""Several processes on one run: each does its share, all hold the same weights.

`accelerate launch --num_processes N -m modeling.core.train_policy RUN_DIR` (or torchrun) starts N
processes that find each other through the environment. Every process has the whole model and makes
every decision, on figures that were gathered first, so that all come to the same one; only the
first writes files. Left out: sharding a model that is too large for one device.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn

T = TypeVar("T")
PATIENCE = timedelta(hours=2)  # one process may generate much longer than another


@dataclass(frozen=True)
class Processes:
    """The processes of one run. Alone, everything is done here and nothing is sent."""

    rank: int = 0
    size: int = 1

    def share(self, items: Sequence[T]) -> list[T]:
        """The items that fall to this process: every size-th, from its rank on."""
        return list(items[self.rank :: self.size])

    def collect(self, items: Sequence[Any], done: Sequence[T]) -> list[T]:
        """Gather all processes' results in the order of `items`. `done`: this one's, for its
        `share`."""
        if self.size == 1:
            return list(done)
        shares: list[list[T]] = [[] for _ in range(self.size)]
        dist.all_gather_object(shares, list(done))
        return [shares[at % self.size][at // self.size] for at in range(len(items))]

    def add_gradients(self, model: nn.Module) -> None:
        """Sum gradients over the processes, in place. A sum, not a mean: the loss of each process
        is already divided by the whole batch."""
        if self.size == 1:
            return
        for weight in model.parameters():
            if weight.requires_grad:
                if weight.grad is None:  # nothing fell to this process
                    weight.grad = torch.zeros_like(weight)
                dist.all_reduce(weight.grad)

    def total(self, figures: dict[str, float]) -> dict[str, float]:
        """Sum each figure over the processes."""
        if self.size == 1:
            return figures
        of_each: list[dict[str, float]] = [{}] * self.size
        dist.all_gather_object(of_each, figures)
        return {name: sum(other[name] for other in of_each) for name in figures}

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in one of the processes at least."""
        if self.size == 1:
            return flag
        flags: list[bool] = [False] * self.size
        dist.all_gather_object(flags, flag)
        return any(flags)


def join() -> Processes:
    """Meet the other processes that a launcher started; alone where there is no launcher. Gloo
    between CPUs, NCCL between GPUs."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return Processes()
    # Objects (figures, results) are gathered between CPUs also where gradients go between GPUs.
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        dist.init_process_group("cpu:gloo,cuda:nccl", timeout=PATIENCE)
    else:
        dist.init_process_group("gloo", timeout=PATIENCE)
    return Processes(dist.get_rank(), size)


def leave() -> None:
    """Part from the other processes, if there are any."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
