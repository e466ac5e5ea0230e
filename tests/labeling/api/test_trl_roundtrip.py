"""An export goes through load_dataset into TRL's trainers, unchanged. Runs where trl is there."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
@pytest.mark.skipif(not (find_spec("trl") and find_spec("datasets")), reason="trl is not installed")
def test_trl_trains_on_an_export():
    """In a process of its own: TRL's imports warn about things that are not ours."""
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "export_to_trl.py"],
        capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["rows"] == 64
    assert 0 < figures["reward_loss"] < 2
    assert 0 < figures["dpo_loss"] < 2
