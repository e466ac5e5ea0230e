"""What more data would bring: further trainings on nested parts of the prompts."""

from pathlib import Path
from typing import Any

import pytest

from modeling.core import train_reward
from modeling.core.program.run_dir import EXIT_CANCELLED
from modeling.core.reward.parts import TrainingPart, part_groups
from modeling.core.texts.groups import read_groups
from tests.modeling.core.factories import (
    error_of,
    lines,
    metric,
    preference,
    preferences,
    read,
    run,
    stop_after,
    training_run,
    write_lines,
)

CURVE: dict[str, Any] = {"learning_curve": [0.25, 0.5], "epochs": 4}


@pytest.fixture(scope="module")
def finished(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = training_run(tmp_path_factory.mktemp("curve") / "run", tiny_model, **CURVE)
    assert run(train_reward, folder) == 0
    return folder


def test_subsets_are_nested_and_of_whole_prompts(tmp_path: Path) -> None:
    write_lines(tmp_path / "rows.jsonl", preferences(100))
    groups, _ = read_groups(tmp_path / "rows.jsonl", 0.0)
    parts = [
        set(part_groups(groups, TrainingPart(f"curve/{share}", fraction=share), 0)[1])
        for share in (0.1, 0.25, 0.5, 0.999)
    ]
    assert [len(part) for part in parts] == [6, 15, 30, 60]
    assert parts[0] < parts[1] < parts[2] < parts[3]
    assert all(groups[at].split == "train" for at in parts[3])


def test_the_curve_ends_at_the_model_itself(finished: Path) -> None:
    result = read(finished / "result.json")
    curve = result["learning_curve"]
    assert [point["fraction"] for point in curve] == [0.25, 0.5, 1.0]
    assert [point["comparisons"] for point in curve] == [6, 12, 24]
    assert curve[-1]["accuracy"] == result["accuracy"]["test"]
    assert {point["split"] for point in curve} == {"test"}
    assert all(point["accuracy"]["n"] == 8 for point in curve)
    assert result["members"] == ["model"]
    assert not (finished / "curve").exists(), "a point of the curve leaves no model"


def test_the_model_is_that_of_a_run_without_a_curve(
    finished: Path, tiny_model: Path, tmp_path: Path
) -> None:
    alone = training_run(tmp_path / "run", tiny_model, epochs=4)
    assert run(train_reward, alone) == 0
    for name in ("model/model.safetensors", "predictions.jsonl"):
        assert (alone / name).read_bytes() == (finished / name).read_bytes()
    assert read(alone / "result.json")["learning_curve"] == []
    assert metric(alone, "train/loss") == metric(finished, "train/loss")


def test_a_curve_that_was_cancelled_goes_on(
    finished: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = training_run(tmp_path / "run", tiny_model, **CURVE)
    with monkeypatch.context() as patch:
        stop_after(patch, 16)  # past the model's eight steps and their scoring
        assert run(train_reward, folder) == EXIT_CANCELLED
    assert (folder / "checkpoint" / "outcome.pt").exists()
    assert run(train_reward, folder) == 0
    results = [read(path / "result.json") for path in (folder, finished)]
    assert results[0]["learning_curve"] == results[1]["learning_curve"]
    assert len(metric(folder, "train/loss")) == 8, "the model was trained twice"


def test_without_held_out_comparisons_there_is_nothing_to_measure_on(
    tiny_model: Path, tmp_path: Path
) -> None:
    rows = [preference(n) for n in range(12)]
    folder = training_run(tmp_path / "run", tiny_model, rows, **CURVE)
    assert run(train_reward, folder) == 0
    result = read(folder / "result.json")
    assert result["learning_curve"] == []
    assert any("nothing to measure a curve on" in said for said in result["warnings"])


@pytest.mark.parametrize("curve", [[0.5, 0.25], [1.0], [0], 0.5, ["half"]])
def test_a_curve_that_makes_no_sense_is_refused(
    tiny_model: Path, tmp_path: Path, curve: object
) -> None:
    folder = training_run(tmp_path / "run", tiny_model, learning_curve=curve)
    assert "'learning_curve' must be a list of ascending numbers between 0 and 1" in error_of(
        train_reward, folder
    )


def test_every_run_says_what_it_contradicts(finished: Path) -> None:
    rows = lines(finished / "contradictions.jsonl")
    assert {row["id"] for row in rows} == {f"p{n}" for n in range(40)}
    doubts = [row["probability_label_wrong"] for row in rows]
    assert doubts == sorted(doubts, reverse=True)
    assert {row["in_sample"] for row in rows if row["split"] == "train"} == {True}
    assert {row["in_sample"] for row in rows if row["split"] != "train"} == {False}
