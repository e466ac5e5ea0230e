"""What holds for the learning programs together."""

import re
import subprocess
import sys
from pathlib import Path

from modeling.core import train_reward
from tests.modeling.core.factories import lines, training_run
from tests.modeling.core.factories import run as run_in_process

DOCS = Path(__file__).parents[3] / "docs"


def test_the_core_needs_neither_django_nor_the_web_app() -> None:
    """Of labeling it may load its intervals and its rules for addresses, which are pure."""
    code = (
        "import sys, modeling.core.train_reward, modeling.core.train_policy;"
        "import modeling.core.score, modeling.core.sample;"
        "apart = ('django', 'celery', 'rest_framework', 'config', 'labeling');"
        "print(*sorted(m for m in sys.modules if m.split('.')[0] in apart))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    intervals = "labeling.quality.measures.intervals"
    pure = {intervals.rsplit(".", n)[0] for n in range(4)}
    pure |= {f"labeling.network{name}" for name in ("", ".reachable", ".web_addresses")}
    assert set(done.stdout.split()) == pure


def test_every_logged_metric_is_in_the_glossary(tiny_model: Path, tmp_path: Path) -> None:
    folder = training_run(tmp_path / "run", tiny_model)
    assert run_in_process(train_reward, folder) == 0
    logged = {name for x in lines(folder / "metrics.jsonl") for name in x.get("metrics", {})}
    explained = set(re.findall(r"`([a-z]+/[a-z_]+)`", (DOCS / "metrics.md").read_text()))
    assert {"train/loss", "dev/loss", "test/accuracy"} <= logged
    assert logged <= explained
