"""What holds for the learning programs together."""

import re
import subprocess
import sys
from pathlib import Path

from modeling.core import train_reward
from tests.modeling.core.factories import lines, training_run
from tests.modeling.core.factories import run as run_in_process

DOCS = Path(__file__).parents[3] / "docs"


def test_the_core_needs_neither_django_nor_celery() -> None:
    code = (
        "import sys, modeling.core.train_reward, modeling.core.score, modeling.core.sample;"
        "print([m for m in ('django', 'celery', 'labeling', 'rest_framework') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_logged_metric_is_in_the_glossary(tiny_model: Path, tmp_path: Path) -> None:
    folder = training_run(tmp_path / "run", tiny_model)
    assert run_in_process(train_reward, folder) == 0
    logged = {name for x in lines(folder / "metrics.jsonl") for name in x.get("metrics", {})}
    explained = set(re.findall(r"`([a-z]+/[a-z_]+)`", (DOCS / "metrics.md").read_text()))
    assert {"train/loss", "dev/loss", "test/accuracy"} <= logged
    assert logged <= explained
