"""How a learning program is started: by itself, or once per GPU through `accelerate launch`."""

import json
import os
import sys
from contextlib import suppress
from pathlib import Path

SHARING = ("train_reward", "train_policy")  # programs that divide their work among processes
DRIVER = Path("/proc/driver/nvidia/gpus")
LAUNCHER = (
    "accelerate.commands.launch",
    "--multi_gpu",
    "--num_machines=1",
    "--mixed_precision=no",  # the program decides
    "--dynamo_backend=no",
    "--main_process_port=0",  # any that is free
)


def count_gpus() -> int:
    """How many GPUs a program may use: those that the driver has and CUDA is allowed to see. Told
    without loading torch."""
    there = len(list(DRIVER.iterdir())) if DRIVER.is_dir() else 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return there
    named = [name for name in visible.split(",") if name.strip() not in ("", "-1")]
    return min(there, len(named))


def processes_for(stage: str, folder: Path) -> int:
    """How many processes to start: one per GPU where the program can share its work out, else
    one."""
    if stage not in SHARING:
        return 1
    config = {}
    with suppress(OSError, ValueError):  # the program itself says what is wrong with it
        config = json.loads((folder / "config.json").read_bytes())
    if config.get("device") == "cpu" or config.get("method") == "frozen":
        return 1
    return max(1, count_gpus())


def command_for(package: str, stage: str, folder: Path, processes: int) -> list[str]:
    program = ["-m", f"{package}.{stage}", str(folder)]
    if processes == 1:
        return [sys.executable, *program]
    return [sys.executable, "-m", *LAUNCHER, f"--num_processes={processes}", *program]
