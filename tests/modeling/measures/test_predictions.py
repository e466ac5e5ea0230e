"""Figures by slice, length, margin, and of two models on the same rows, worked out by hand."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from modeling.core.reward.report import write_predictions
from modeling.core.texts.groups import LabeledPair, PromptGroup
from modeling.measures.predictions import (
    Prediction,
    compare,
    evaluate,
    headline_of,
    length_correlation,
    length_report,
    margin_histogram,
    newest_slice,
    paired,
    read_predictions,
    slice_table,
)


def row(at: int, delta: float, **fields: Any) -> Prediction:
    usual: dict[str, Any] = {
        "id": f"{at}", "reward_chosen": delta, "reward_rejected": 0.0, "split": "test",
        "prompt": f"p{at}", "chosen_length": 50, "rejected_length": 40,
    }  # fmt: skip
    return Prediction(**usual | fields)


def test_points_count_equal_rewards_half_and_ties_not_at_all() -> None:
    assert [row(0, delta).point for delta in (0.4, -0.4, 0.0)] == [1.0, 0.0, 0.5]
    assert row(0, -0.4, target=0.3).point == 1.0
    assert row(0, 0.4, target=0.5).point is None


def test_the_headline_is_the_test_split_then_dev_and_never_training() -> None:
    train, dev, test = row(0, 1, split="train"), row(1, 1, split="dev"), row(2, 1)
    assert headline_of([train, dev, test]) == ("test", [test])
    assert headline_of([train, dev, row(2, 1, target=0.5)]) == ("dev", [dev])
    assert headline_of([train]) == ("", [])
    assert evaluate([train]) == {}


def test_accuracy_by_strength_length_arm_and_round() -> None:
    rows = [
        row(0, 1, strength=1.0, arm="random", round=2),
        row(1, -1, strength=-1.4, arm="random", round=10, rejected_length=900),
        row(2, 1, strength=3.0, arm="active", round=2, chosen_length=2000),
        row(3, 1, slices={"tag": ["maths", "long"]}),
    ]
    table = slice_table(rows)
    values = {
        kind: {line["name"]: line["value"] for line in lines} for kind, lines in table.items()
    }
    assert values["strength"] == {"slightly better": 0.5, "much better": 1.0, "not given": 1.0}
    assert list(values["length"]) == ["under 200 characters", "800 to 1,999", "2,000 and more"]
    assert values["arm"] == {"active": 1.0, "not known": 1.0, "random": 0.5}
    assert list(values["round"]) == ["imported", "2", "10"]
    assert values["tag"] == {"long": 1.0, "maths": 1.0}
    assert [line["n"] for line in table["strength"]] == [2, 1, 1]


def test_the_newest_slice_is_random_held_out_and_of_one_round() -> None:
    wanted = row(0, 1, arm="random", round=3, split="calibration")
    others = [
        row(1, 1, arm="active", round=3),
        row(2, 1, arm="random", round=3, split="train"),
        row(3, 1, arm="random", round=2),
        row(4, 1, arm="random"),
    ]
    assert newest_slice([wanted, *others]) == [wanted]
    assert newest_slice(others[3:]) == []


def test_length_correlation_by_hand() -> None:
    """Reward differences (2, -1) and length differences (10, 10): the pairs and their mirror
    images correlate by (20 - 10) / sqrt((4 + 1) (100 + 100)) = 10 / sqrt(1000) = 0.3162."""
    assert length_correlation([row(0, 2), row(1, -1)]) == pytest.approx(0.316228, abs=1e-6)
    assert length_correlation([row(0, 2, rejected_length=50)]) is None


def test_accuracy_where_the_longer_one_lost() -> None:
    """Four decided pairs: the longer one won in two, lost in two, of which the model got one."""
    rows = [row(0, 1), row(1, -1), row(2, 1, rejected_length=60), row(3, -1, rejected_length=60)]
    report = length_report([*rows, row(4, 1, target=0.5)])
    assert report["longer_wins"]["value"] == 0.5
    assert report["longer_lost"]["value"] == 0.5
    assert (report["longer_wins"]["n"], report["longer_lost"]["n"]) == (4, 2)
    assert row(5, 1, target=0.2).longer_by == -10


def test_margins_are_seen_from_the_judged_winner() -> None:
    rows = [row(0, 1.0), row(1, 1.0, target=0.0), row(2, 5.0, target=0.5)]
    found = margin_histogram(rows)
    assert (found["counts"][0], found["counts"][-1], sum(found["counts"])) == (1, 1, 2)
    assert (found["edges"][0], found["edges"][-1]) == (-1.0, 1.0)


def test_two_models_are_compared_on_the_rows_that_both_scored() -> None:
    new = [row(0, 1), row(1, 1), row(2, -1), row(9, 1)]
    old = {r.id: r for r in [row(0, 1), row(1, -1), row(2, -1), row(8, 1)]}
    found = compare(paired(new, old))
    assert found is not None
    assert found["value"] == pytest.approx(1 / 3)
    assert found["n"] == 3
    assert found["low"] <= 0 < found["high"]
    assert compare([]) is None


def test_an_evaluation_has_a_temperature_from_rows_of_its_own() -> None:
    """60 margins of 2 that hold three times in four, the prior's spread 0.5: with z = 2 / T the
    slope over log T, 60 z (sigmoid(-z) - 1/4) + 4 log T, is zero at T = 1.6122."""
    test = [row(at, 1.0 if at % 4 else -1.0) for at in range(40)]
    held_back = [row(100 + at, 2.0 if at % 4 else -2.0, split="calibration") for at in range(60)]
    told = evaluate([*test, *held_back])
    assert told["accuracy"]["value"] == 0.75
    assert told["calibration"]["temperature"] == pytest.approx(1.6122, abs=1e-3)
    assert told["calibration"]["fitted_on"] == "calibration"
    assert told["newest"] is None
    json.dumps(told, allow_nan=False)


def test_dev_rows_do_not_calibrate_a_model_that_is_judged_on_them() -> None:
    told = evaluate([row(at, 1.0 if at % 4 else -1.0, split="dev") for at in range(60)])
    assert told["split"] == "dev"
    assert "there are 0 calibration" in told["calibration"]["refused"]


def test_predictions_keep_what_slices_need(tmp_path: Path) -> None:
    told = {"id": "7", "arm": "random", "round": 2, "strength": 3.0, "prompt": [], "chosen": "a"}
    (tmp_path / "preferences.jsonl").write_text(json.dumps(told) + "\n")
    group = PromptGroup(
        (("user", "q"),), "dev", ["a", "bbb"], [LabeledPair("7", 1, 0, 1.0, 0.5, 0)]
    )
    members = [torch.tensor([[0.25], [1.0]])]
    write_predictions(tmp_path / "predictions.jsonl", [group], [[0.25, 1.0]], members)
    (found,) = read_predictions(tmp_path / "predictions.jsonl")
    assert (found.reward_chosen, found.reward_rejected, found.delta) == (1.0, 0.25, 0.75)
    assert (found.arm, found.round, found.strength, found.weight) == ("random", 2, 3.0, 0.5)
    assert (found.chosen_length, found.rejected_length, len(found.prompt)) == (3, 1, 16)


def test_predictions_of_earlier_versions_are_read(tmp_path: Path) -> None:
    line = {"id": "1", "split": "test", "reward_chosen": 1.0, "reward_rejected": 2.0, "new": 1}
    (tmp_path / "predictions.jsonl").write_text(json.dumps(line) + "\n")
    (found,) = read_predictions(tmp_path / "predictions.jsonl")
    assert (found.prompt, found.target, found.point) == ("1", 1.0, 0.0)
    assert read_predictions(tmp_path / "none.jsonl") == []
