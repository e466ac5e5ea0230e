"""Which device, how many threads, which precision: decided once, from the machine and the model."""

import os
from typing import Any

import torch
from torch import nn

from modeling.core.program.errors import ProgramError

# Below this a second thread costs more in waiting than it saves in work.
SINGLE_THREAD_PARAMETERS = 5_000_000
# Below this a model learns at other rates and in more passes, and on a CPU in fp32: with AMX, bf16
# took 1.8 times as long as fp32 at 0.7M parameters, as long at 4M, 0.6 times as long at 22M.
TINY_PARAMETERS = 20_000_000


def choose_device(name: str) -> torch.device:
    """Choose a device; "auto" takes the GPU when there is one. Raises ProgramError for a GPU that
    is not there, and for a name that is unknown."""
    if name not in ("auto", "cpu", "cuda"):
        raise ProgramError(
            f"The device {name!r} is unknown.",
            where="config.json: device",
            hint='Use "auto", "cpu" or "cuda".',
        )
    if name == "cuda" and not torch.cuda.is_available():
        raise ProgramError(
            "The config asks for a GPU, but torch finds none on this machine.",
            where="config.json: device",
            hint='Set "device" to "auto" or "cpu", or run on a machine with a CUDA GPU.',
        )
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def move_to(model: nn.Module, device: torch.device) -> None:
    """Move a model in place. (transformers wraps `Module.to` in types that mypy cannot follow.)"""
    nn.Module.to(model, device)


def choose_threads(asked: int | None, parameters: int) -> int:
    """Choose how many threads torch uses: the asked number, else 1 for a tiny model, else as many
    as there are cores that nobody is using now. Raises ProgramError for less than 1."""
    if asked is not None:
        if not isinstance(asked, int) or asked < 1:
            raise ProgramError(
                f"The number of threads must be a whole number from 1, not {asked!r}.",
                where="config.json: threads",
                hint="Leave it out to let the program decide.",
            )
        return asked
    if parameters < SINGLE_THREAD_PARAMETERS:
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, round((cores or 1) - os.getloadavg()[0]))


def choose_autocast(dtype: str, device: torch.device, parameters: int) -> bool:
    """Choose whether the training step runs under bf16 autocast; weights stay fp32 either way.

    "auto" is bf16 on what has matrix units for it, and fp32 elsewhere: on a CPU without them,
    autocast to bf16 was 2.2x slower than fp32. Tiny models stay in fp32 on a CPU.
    """
    if dtype not in ("auto", "float32", "bfloat16"):
        raise ProgramError(
            f"The dtype {dtype!r} is unknown.",
            where="config.json: dtype",
            hint='Use "auto", "float32" or "bfloat16".',
        )
    if dtype != "auto":
        return dtype == "bfloat16"
    large = device.type != "cpu" or parameters >= TINY_PARAMETERS
    return large and has_bf16_units(device)


def has_bf16_units(device: torch.device) -> bool:
    """Whether bf16 is fast here: on GPUs from Ampere on, on CPUs with AMX (from Sapphire
    Rapids)."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    supported: Any = getattr(torch.cpu, "_is_amx_tile_supported", None)  # not public yet
    return bool(supported is not None and supported())
