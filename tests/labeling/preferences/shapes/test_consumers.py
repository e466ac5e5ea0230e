"""Files are loaded by those for whom they are written: the library `datasets`, and TRL."""

import io
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from labeling.importing import import_file
from labeling.models import Project
from labeling.preferences.exporting import ExportOptions, preference_rows
from labeling.preferences.shapes.styles import STYLES
from tests.factories import claim_and_judge, make_comparison, make_member, make_project

ROOT = Path(__file__).parents[4]
TURNS = [
    {"role": "user", "content": "Hi?"},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "And?"},
]

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not find_spec("datasets"), reason="datasets is not installed"),
]


@pytest.fixture
def project() -> Project:
    project = make_project(slug="ours")
    rows = [{"prompt": f"Q{n}?", "chosen": "=a", "rejected": "b"} for n in range(7)]
    rows.append({"prompt": TURNS, "chosen": "c", "rejected": "d"})  # type: ignore[dict-item]
    content = "\n".join(map(json.dumps, rows)).encode()
    import_file(project, None, io.BytesIO(content), name="made")
    make_comparison(project)
    claim_and_judge(make_member(project), project)
    return project


def exported(path: Path, style: str) -> Path:
    call_command("export_preferences", "ours", "--output", str(path), "--style", style)
    return path


def loaded(kind: str, path: Path) -> list[dict[str, Any]]:
    import datasets

    datasets.disable_progress_bars()
    cache = str(path.parent / "cache")
    table = datasets.load_dataset(kind, data_files=str(path), split="train", cache_dir=cache)
    return [dict(row) for row in table]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("kind", "end"), [("json", "jsonl"), ("json", "jsonl.gz"), ("parquet", "parquet")]
)
def test_datasets_loads_every_style_as_it_was_written(
    project: Project, tmp_path: Path, style: str, kind: str, end: str
) -> None:
    rows = loaded(kind, exported(tmp_path / f"a.{end}", style))
    for row in rows:
        # `datasets` takes what looks like a moment for one in JSON.
        row.pop("settled_at", None)
    expected = [*preference_rows(project, ExportOptions(style=style))]
    assert rows == [
        {name: value for name, value in row.items() if name != "settled_at"} for row in expected
    ]


@pytest.mark.parametrize("end", ["csv", "csv.gz"])
def test_datasets_loads_dialogues_from_csv(project: Project, tmp_path: Path, end: str) -> None:
    rows = loaded("csv", exported(tmp_path / f"a.{end}", "hh"))
    expected = [*preference_rows(project, ExportOptions(style="hh"))]
    for side in ("chosen", "rejected"):
        assert [row[side] for row in rows] == [row[side] for row in expected]


WHEELS = ROOT / "var" / "consumers"


def read_by(name: str, path: Path) -> list[Any]:
    """What the loader of the wheel makes of the file. In a process of its own: it imports much."""
    module = "tests.labeling.preferences.shapes.load_in_others"
    cache = str(path.parent / "cache")
    done = subprocess.run(
        [sys.executable, "-m", module, str(WHEELS), name, str(path)],
        cwd=ROOT, env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": cache},
        capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    made: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return made


@pytest.mark.slow
@pytest.mark.skipif(not WHEELS.is_dir(), reason="see requirements-consumers.txt")
@pytest.mark.parametrize(
    ("name", "end", "last"),
    [
        ("verl", "parquet", [TURNS, {"ground_truth": "", "style": "model"}, "ours"]),
        ("skyrl", "parquet", [TURNS, "preference", {"ground_truth": "", "method": "model"}]),
        ("areal", "parquet", [TURNS, ""]),
    ],
)
def test_prompts_arrive_in_the_loaders_of_samplers(
    project: Project, tmp_path: Path, name: str, end: str, last: list[Any]
) -> None:
    made = read_by(name, exported(tmp_path / f"a.{end}", name))
    assert len(made) == 9
    assert last in made


@pytest.mark.slow
@pytest.mark.skipif(not WHEELS.is_dir(), reason="see requirements-consumers.txt")
def test_pairs_arrive_in_the_loaders_of_trainers(project: Project, tmp_path: Path) -> None:
    openrlhf = read_by("openrlhf", exported(tmp_path / "openrlhf.jsonl", "openrlhf"))
    assert len(openrlhf) == 9
    chosen, rejected, margin = next(row for row in openrlhf if "And?" in row[0])
    assert "c" in chosen and "d" in rejected and chosen != rejected
    assert margin == 0
    assert read_by("hh", exported(tmp_path / "hh.jsonl", "hh")) == [True] * 9
    tinker = read_by("tinker", exported(tmp_path / "tinker.jsonl", "tinker"))
    assert len(tinker) == 9
    prompt, first, second, label = next(row for row in tinker if row[0] == TURNS)
    better, worse = (first, second) if label == "A" else (second, first)
    assert (prompt, better[0]["content"], worse[0]["content"]) == (TURNS, "c", "d")


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("trl"), reason="trl is not installed")
def test_trl_prepares_its_styles_for_training(project: Project, tmp_path: Path) -> None:
    """In a process of its own: TRL's imports warn about things that are not ours."""
    for style in ("trl", "trl-implicit", "trl-kto"):
        for end in ("jsonl", "parquet"):
            exported(tmp_path / f"{style}.{end}", style)
    done = subprocess.run(
        [sys.executable, "-m", "tests.labeling.preferences.shapes.load_in_trl", str(tmp_path)],
        cwd=ROOT, env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "RewardTrainer trl-implicit.jsonl": 9,
        "RewardTrainer trl-implicit.parquet": 9,
        "DPOTrainer trl-implicit.jsonl": 9,
        "KTOTrainer trl-kto.jsonl": 18,
        "KTOTrainer trl-kto.parquet": 18,
    }
