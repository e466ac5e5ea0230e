"""Measurements in processes of their own: what one has left in memory would be in another's way."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent


def run_child(arguments: list[str]) -> str:
    """What Python prints when it is started with these, on one thread. Raises RuntimeError with the
    end of what it says where it fails."""
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"},
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def child_report(arguments: list[str]) -> Any:
    """The JSON in the last line that it prints."""
    return json.loads(run_child(arguments).splitlines()[-1])
