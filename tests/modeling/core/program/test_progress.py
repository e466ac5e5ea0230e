"""The progress of a run is one figure: from 0 to 1, never back, and 1 only when it is done."""

from pathlib import Path
from typing import Any

import pytest

from modeling.core import sample, score, train_policy, train_reward
from modeling.core.generating import samples_file
from modeling.core.program.run_dir import EXIT_CANCELLED, EXIT_FAILED, RunDir
from modeling.core.program.whole import ALMOST, Phase, WholeRun
from tests.modeling.core.factories import (
    lines,
    make_run,
    messages,
    preferences,
    run,
    stop_after,
    training_run,
    write_lines,
)

PROMPTS = [{"id": f"q{n}", "prompt": messages(f"What is {n} and one?")} for n in range(24)]
RESPONSES = [row | {"response": f"It is {n}."} for n, row in enumerate(PROMPTS)]
POLICY = {
    "steps": 2,
    "prompts_per_step": 4,
    "responses_per_prompt": 2,
    "max_new_tokens": 8,
    "eval_prompts": 4,
    "best_of": 4,
    "pool_prompts": 8,
    "batch_size": 4,
    "kl_coefficient": 0.01,
}


def shares(folder: Path) -> list[float]:
    rows = lines(folder / "metrics.jsonl")
    return [row["progress"]["share"] for row in rows if "progress" in row]


def phases(folder: Path) -> list[str]:
    rows = lines(folder / "metrics.jsonl")
    return list(dict.fromkeys(row["progress"]["phase"] for row in rows if "progress" in row))


def check_whole(folder: Path) -> None:
    shown = shares(folder)
    assert shown == sorted(shown)
    assert (shown[0], shown[-1]) == (0.0, 1.0)
    assert shown[-2] < 1.0
    assert len(set(shown)) >= 5, "it moves"


def policy_run(folder: Path, policy: Path, reward: Path, algorithm: str) -> Path:
    settings = POLICY | {"policy": policy, "reward_models": [reward], "algorithm": algorithm}
    made = make_run(folder, PROMPTS, "prompts.jsonl", **settings)
    write_lines(made / "preferences.jsonl", preferences(40))
    return made


@pytest.mark.parametrize(
    "config",
    [{}, {"members": 2, "learning_curve": [0.5]}, {"method": "frozen"}],
    ids=["plain", "several", "frozen"],
)
def test_a_training_is_one_figure(tiny_model: Path, tmp_path: Path, config: dict[str, Any]) -> None:
    folder = training_run(tmp_path / "run", tiny_model, epochs=2, **config)
    assert run(train_reward, folder) == 0
    check_whole(folder)
    assert phases(folder)[-3:] == ["saving and checking", "reporting", "done"] or config


@pytest.mark.parametrize("algorithm", ["ppo", "rloo", "best_of_n", "dpo"])
def test_an_improvement_is_one_figure(
    tiny_model: Path, tiny_reward_model: Path, tmp_path: Path, algorithm: str
) -> None:
    folder = policy_run(tmp_path / "run", tiny_model, tiny_reward_model, algorithm)
    assert run(train_policy, folder) == 0
    check_whole(folder)


def test_sampling_is_one_figure(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples_file, "SECONDS_BETWEEN_WRITES", 0.0)
    two = {"current": str(tiny_model), "new": str(tiny_model)}
    for name, named in (("one", {"policy": tiny_model}), ("two", {"policies": two})):
        config = {"n": 2, "max_new_tokens": 8} | named
        folder = make_run(tmp_path / name, PROMPTS, "prompts.jsonl", **config)
        assert run(sample, folder) == 0
        check_whole(folder)


def test_scoring_is_one_figure(tiny_reward_model: Path, tmp_path: Path) -> None:
    config = {"reward_models": [tiny_reward_model] * 2, "batch_tokens": 64}
    folder = make_run(tmp_path / "run", RESPONSES, "responses.jsonl", **config)
    assert run(score, folder) == 0
    check_whole(folder)


def test_a_run_that_goes_on_from_its_checkpoint_does_not_go_back(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = training_run(tmp_path / "run", tiny_model, epochs=2)
    with monkeypatch.context() as patch:
        stop_after(patch, 3)
        assert run(train_reward, folder) == EXIT_CANCELLED
    assert 0 < shares(folder)[-1] < 1
    assert run(train_reward, folder) == 0
    check_whole(folder)


def test_a_run_that_fails_never_says_that_it_is_done(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the place of a folder")
    config = {"policy": tmp_path / "file", "max_new_tokens": 8}
    folder = make_run(tmp_path / "run", PROMPTS, "prompts.jsonl", **config)
    assert run(sample, folder) == EXIT_FAILED
    assert max(shares(folder)) < 1


def test_a_run_that_is_done_again_begins_again(tmp_path: Path) -> None:
    first = RunDir(tmp_path)
    first.plan([Phase("working", 1.0)])
    first.progress(1, 2, "steps", "working")
    assert RunDir(tmp_path).whole.shown == 0.5
    first.finished()
    assert RunDir(tmp_path).whole.shown == 0.0


def test_the_log_says_what_is_being_done(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = training_run(tmp_path / "run", tiny_model, epochs=1)
    assert run(train_reward, folder) == 0
    log = capsys.readouterr().err.splitlines()
    assert log[0] == "train_reward reads its settings and input."
    said = [line.partition(" ")[0] for line in log]
    steps = ["Loading", "Turning", "Training", "Scoring", "Saving", "Writing"]
    assert [word for word in said if word in steps] == steps


def test_phases_count_by_what_they_were_measured_to_cost() -> None:
    whole = WholeRun([Phase("quick", 1.0), Phase("slow", 1.0), Phase("last", 2.0)])
    whole.reach("quick", "", 0.0, now=0.0)
    whole.reach("slow", "", 0.0, now=1.0)
    # A second so far, and nine for half of what was thought to be as long: 1 + 18 + 2 * 10 / 1.5.
    share = whole.reach("slow", "", 0.5, now=10.0)
    assert share == pytest.approx(10 / (1 + 18 + 2 * 10 / 1.5))
    assert whole.left() == pytest.approx(9 + 2 * 10 / 1.5)


def test_a_figure_that_was_too_high_waits_until_it_is_true() -> None:
    whole = WholeRun([Phase("a", 1.0), Phase("b", 1.0)])
    whole.reach("a", "", 0.0, now=0.0)
    shown = whole.reach("b", "", 0.0, now=10.0)
    assert shown == pytest.approx(0.5)
    assert whole.reach("b", "", 0.1, now=100.0) == shown
    assert whole.reach("b", "", 0.9, now=110.0) > shown
    assert whole.reach("b", "", 1.0, now=120.0) == ALMOST


def test_nobody_says_how_long_it_takes_before_anything_was_measured() -> None:
    whole = WholeRun([Phase("loading", 1.0), Phase("working", 99.0)])
    assert whole.left() is None
    whole.reach("loading", "", 0.0, now=0.0)
    whole.reach("working", "", 0.0, now=3.0)
    assert whole.left() is None
    whole.reach("working", "", 0.25, now=13.0)
    assert whole.left() == pytest.approx(30.0)


def test_a_first_response_that_comes_at_once_foretells_nothing() -> None:
    whole = WholeRun([Phase("loading", 10.0), Phase("working", 90.0)])
    whole.reach("loading", "", 0.0, now=0.0)
    whole.reach("working", "", 0.0, now=10.0)
    shown = whole.reach("working", "", 0.01, now=10.001)
    assert shown == pytest.approx(0.109)
    assert whole.left() is None
    assert whole.reach("working", "", 0.5, now=910.0) == pytest.approx(910 / 1810)


def test_what_an_earlier_attempt_has_done_is_no_speed_of_this_one() -> None:
    whole = WholeRun([Phase("working", 100.0, done=0.5)], before=0.4)
    assert whole.reach("working", "", 0.0, now=0.0) == 0.5
    whole.reach("working", "", 0.6, now=10.0)
    assert whole.left() == pytest.approx(40.0)


def test_a_new_plan_keeps_what_was_measured() -> None:
    whole = WholeRun([Phase("loading", 5.0), Phase("working", 5.0)])
    whole.reach("loading", "", 0.0, now=0.0)
    whole.reach("working", "", 0.5, now=10.0)
    whole.plan([Phase("loading", 5.0), Phase("working", 50.0), Phase("saving", 5.0)])
    before = whole.shown
    assert whole.reach("saving", "", 0.0, now=20.0) > before
