"""Scoring with one reward model or several."""

import statistics
from pathlib import Path

import pytest

from modeling.core import score, train_reward
from modeling.core.loading.aggregation import RewardScale, write_scales
from tests.modeling.core.factories import (
    error_of,
    lines,
    make_run,
    messages,
    preferences,
    read,
    run,
    training_run,
)

RESPONSES = [
    {"id": f"r{n}", "prompt": messages(f"Question {n % 3}?"), "response": text}
    for n, text in enumerate(["", "Paris.", "x" * 5000, "مرحبا 🙂", "Paris.", "Go away. " * 20])
]


@pytest.fixture(scope="session")
def members(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two reward models that differ by their seed."""
    folders = []
    for seed in (0, 1):
        folder = tmp_path_factory.mktemp("members") / str(seed)
        training_run(folder, tiny_model, preferences(20), epochs=1, seed=seed)
        assert run(train_reward, folder) == 0
        folders.append(folder / "model")
    return folders


def test_the_reward_is_the_mean_of_the_members(members: list[Path], tmp_path: Path) -> None:
    for member in members:  # as a model of another origin: its rewards are taken as they are
        (member / "reward_scale.json").unlink(missing_ok=True)
    both = make_run(tmp_path / "both", RESPONSES, "responses.jsonl", reward_models=members)
    assert run(score, both) == 0
    single = []
    for number, member in enumerate(members):
        folder = make_run(
            tmp_path / str(number), RESPONSES, "responses.jsonl", reward_models=[member]
        )
        assert run(score, folder) == 0
        single.append([row["reward"] for row in lines(folder / "scores.jsonl")])
    rows = lines(both / "scores.jsonl")
    assert [row["id"] for row in rows] == [row["id"] for row in RESPONSES]
    for row, pair in zip(rows, zip(*single, strict=True), strict=True):
        assert row["members"] == pytest.approx(pair, abs=1e-6)
        assert row["reward"] == pytest.approx(statistics.mean(pair), abs=1e-6)
        assert row["std"] == pytest.approx(abs(pair[0] - pair[1]) / 2, abs=1e-6)
        assert row["std"] > 0
    result = read(both / "result.json")
    assert (result["count"], result["truncated"]) == (6, 1)
    assert any("no reward_scale.json" in warning for warning in result["warnings"])


def test_members_are_put_on_one_scale_and_combined_as_asked(
    members: list[Path], tmp_path: Path
) -> None:
    """The second member's rewards count in tens; on one scale neither outweighs the other."""
    raw = []
    for number, (member, scale) in enumerate(
        zip(members, (RewardScale(0, 1), RewardScale(5, 10)), strict=True)
    ):
        alone = make_run(
            tmp_path / str(number), RESPONSES, "responses.jsonl", reward_models=[member]
        )
        assert run(score, alone) == 0
        raw.append([row["reward"] for row in lines(alone / "scores.jsonl")])
        write_scales(member, [scale], responses=1)
    # The average member has level 2.5 and spread 5.5.
    expected = [
        [5.5 * first + 2.5, 5.5 * (second - 5) / 10 + 2.5]
        for first, second in zip(*raw, strict=True)
    ]
    for aggregate, one in (
        ("mean", lambda both: sum(both) / 2),
        ("wco", min),
        ("uwo", lambda both: sum(both) / 2 - 0.25 * (both[0] - both[1]) ** 2 / 4),
    ):
        folder = make_run(
            tmp_path / aggregate,
            RESPONSES,
            "responses.jsonl",
            reward_models=members,
            aggregate=aggregate,
            uwo_weight=0.25,
        )
        assert run(score, folder) == 0
        rows = lines(folder / "scores.jsonl")
        for row, both in zip(rows, expected, strict=True):
            assert row["members"] == pytest.approx(both, rel=1e-5)
            assert row["reward"] == pytest.approx(one(both), rel=1e-5)
        (said,) = read(folder / "result.json")["warnings"]
        assert "0 lost the beginning of their prompt and 1 the end of their response" in said
    for member in members:
        (member / "reward_scale.json").unlink()


def test_scores_do_not_depend_on_the_batch(members: list[Path], tmp_path: Path) -> None:
    collected = []
    for tokens in (1, 100_000):
        folder = make_run(
            tmp_path / str(tokens),
            RESPONSES,
            "responses.jsonl",
            reward_models=members[:1],
            batch_tokens=tokens,
        )
        assert run(score, folder) == 0
        collected.append([row["reward"] for row in lines(folder / "scores.jsonl")])
    assert collected[0] == pytest.approx(collected[1], abs=1e-5)


def test_no_responses_is_a_result_of_nothing(members: list[Path], tmp_path: Path) -> None:
    folder = make_run(tmp_path / "r", [], "responses.jsonl", reward_models=members)
    assert run(score, folder) == 0
    assert read(folder / "result.json")["count"] == 0
    assert lines(folder / "scores.jsonl") == []


def test_a_language_model_is_no_reward_model(tiny_model: Path, tmp_path: Path) -> None:
    """Its random head would give scores that look like any others."""
    folder = make_run(tmp_path / "r", RESPONSES, "responses.jsonl", reward_models=[tiny_model])
    assert "score.weight" in error_of(score, folder)


def test_no_member_and_missing_text_are_named(members: list[Path], tmp_path: Path) -> None:
    none = make_run(tmp_path / "none", RESPONSES, "responses.jsonl", reward_models=[])
    assert "'reward_models' must be a list of texts, at least 1, not []." in error_of(score, none)
    median = make_run(
        tmp_path / "way", RESPONSES, "responses.jsonl", reward_models=members, aggregate="median"
    )
    assert 'must be "mean", "wco" or "uwo", not "median".' in error_of(score, median)
    rows = [RESPONSES[0], {"id": "b", "prompt": messages("Hi")}]
    folder = make_run(tmp_path / "r", rows, "responses.jsonl", reward_models=members)
    assert "responses.jsonl:2" in error_of(score, folder)
