"""Rows of earlier versions are read: what they lack is empty, and nothing in them is an error."""

from typing import Any

import pytest

from modeling.run_data.asked import RunAsked
from modeling.run_data.stored import (
    Evaluation,
    PolicyFigures,
    RewardModelFigures,
    RunFigures,
)

# As the first version wrote it: no members, no export, no evaluation, no learning curve.
FIRST_TRAINING: dict[str, Any] = {
    "accuracy": {"test": {"value": 0.75, "low": 0.5, "high": 0.9, "n": 20}},
    "loss": {"test": 0.5},
    "counts": {"train": 80, "calibration": 0, "dev": 0, "test": 20},
    "headline_split": "test",
    "margin": 1.25,
    "steps": 40,
    "warnings": ["The dev split is empty."],
    "config": {"base_model": "some-org/some-model", "seed": 3, "a_setting_of_then": True},
    "model_dir": "model",
    "seconds": 12.5,
}


def test_the_first_versions_training_is_read_with_what_it_had() -> None:
    figures = RewardModelFigures.read_stored(FIRST_TRAINING)
    assert figures.accuracy["test"]["value"] == 0.75
    assert (figures.margin, figures.steps, figures.model_dir) == (1.25, 40, "model")
    assert figures.config["a_setting_of_then"] is True
    assert (figures.members, figures.export, figures.learning_curve) == ([], {}, [])
    assert (figures.heads, figures.parity_max_error, figures.gate) == (1, None, {})
    assert figures.evaluation == Evaluation.read_stored({})
    assert figures.evaluation.temperature is None


@pytest.mark.parametrize("nothing", [{}, None, [], "text", {"evaluation": None, "gate": None}])
def test_a_row_without_results_is_read_as_one_of_nothing(nothing: object) -> None:
    figures = RewardModelFigures.read_stored(nothing)
    assert (figures.accuracy, figures.gate, figures.evaluation.contradicted) == ({}, {}, [])
    assert PolicyFigures.read_stored(nothing).why_stopped == ""
    assert RunFigures.read_stored(nothing).comparisons is None
    assert RunAsked.read_stored(nothing).only_estimates is False


@pytest.mark.parametrize("stopped", ["It went too far.", {"reason": "It went too far.", "step": 3}])
def test_why_a_policy_stopped_is_read_however_it_was_written(stopped: object) -> None:
    assert PolicyFigures.read_stored({"stopped": stopped}).why_stopped == "It went too far."


def test_a_heads_count_of_null_is_one_head() -> None:
    assert RewardModelFigures.read_stored({"config": {"heads": None}}).heads == 1
    assert RewardModelFigures.read_stored({"config": {"heads": 8}}).heads == 8


def test_what_is_read_is_written_back_with_its_parts() -> None:
    told = FIRST_TRAINING | {"evaluation": {"split": "test", "calibration": {"temperature": 2.0}}}
    figures = RewardModelFigures.read_stored(told)
    assert figures.evaluation.temperature == 2.0
    assert RewardModelFigures.read_stored(figures.as_json()) == figures


def test_what_a_run_was_asked_is_read_by_name() -> None:
    config = {
        "train_policy": {"algorithm": "best_of_n", "distill": False},
        "prompts": 64,
        "policy": 3,
        "reference": 1,
        "reward_model": None,
    }
    asked = RunAsked.read_stored(config)
    assert (asked.policy, asked.reference, asked.reward_model, asked.prompts) == (3, 1, None, 64)
    assert asked.only_estimates
    assert (asked.incumbent, asked.candidate, asked.sample) == (None, None, {})
