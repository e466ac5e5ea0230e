"""Training a reward model: it learns, it repeats, it resumes, it reloads."""

import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from modeling.core import score, train_reward
from modeling.core.fitting import finish as reward_finish
from modeling.core.loading.reward_model import load_reward_model
from modeling.core.program.errors import ProgramCancelled
from modeling.core.program.run_dir import EXIT_CANCELLED, RunDir
from modeling.measures.predictions import accuracy_of, read_predictions
from tests.modeling.core.factories import (
    lines,
    make_run,
    metric,
    preference,
    preferences,
    read,
    run,
    start,
    stop_after,
    training_run,
)


@pytest.fixture(scope="session")
def finished(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One finished run that many tests look at."""
    folder = training_run(tmp_path_factory.mktemp("runs") / "run", tiny_model)
    assert run(train_reward, folder) == 0
    return folder


def model_bytes(folder: Path) -> bytes:
    return (folder / "model" / "model.safetensors").read_bytes()


def test_the_result_has_what_the_contract_names(finished: Path) -> None:
    result = read(finished / "result.json")
    assert result["counts"] == {"train": 24, "calibration": 0, "dev": 8, "test": 8}
    assert result["accuracy"]["test"]["n"] == 8
    assert result["config"]["threads"] == 1
    assert result["config"]["max_length"] == 512
    assert result["parity_max_error"] < 1e-4
    assert result["longer_wins_accuracy"] == 1.0
    assert len(result["data_sha256"]) == 64
    assert not (finished / "checkpoint").exists()
    assert not (finished / "error.json").exists()


def test_it_learns(finished: Path) -> None:
    assert read(finished / "result.json")["accuracy"]["test"]["value"] == 1.0
    losses = metric(finished, "train/loss")
    assert losses[0] == pytest.approx(0.693, abs=0.02), "rewards begin all but equal"
    assert losses[-1] < losses[0] / 2


def test_predictions_hold_every_comparison_with_its_rewards(finished: Path) -> None:
    rows = lines(finished / "predictions.jsonl")
    assert {row["id"] for row in rows} == {f"p{n}" for n in range(40)}
    test = [row for row in rows if row["split"] == "test"]
    margin = sum(row["reward_chosen"] - row["reward_rejected"] for row in test) / len(test)
    assert margin == pytest.approx(read(finished / "result.json")["margin"], abs=1e-5)


def test_the_model_is_a_plain_folder_that_scores_the_same(finished: Path, tmp_path: Path) -> None:
    """A user's own three lines, the score program, and the run's predictions agree."""
    row = lines(finished / "predictions.jsonl")[0]
    pair = preference(int(row["id"][1:]))
    model = AutoModelForSequenceClassification.from_pretrained(finished / "model")
    tokenizer = AutoTokenizer.from_pretrained(finished / "model")
    chat = [*pair["prompt"], {"role": "assistant", "content": pair["chosen"]}]
    ids = tokenizer.apply_chat_template(chat, return_tensors="pt", return_dict=True)["input_ids"]
    own = model(input_ids=ids).logits[0, 0].item()
    assert own == pytest.approx(row["reward_chosen"], abs=1e-5)
    responses = [{"id": "a", "prompt": pair["prompt"], "response": pair["chosen"]}]
    folder = make_run(
        tmp_path / "s", responses, "responses.jsonl", reward_models=[finished / "model"]
    )
    assert run(score, folder) == 0
    assert lines(folder / "scores.jsonl")[0]["reward"] == pytest.approx(own, abs=1e-5)


def test_every_parameter_moves(tiny_model: Path, tmp_path: Path) -> None:
    folder = training_run(tmp_path / "run", tiny_model, epochs=1, schedule="constant")
    base, _, _ = load_reward_model(str(tiny_model), 0)
    assert run(train_reward, folder) == 0
    trained = AutoModelForSequenceClassification.from_pretrained(folder / "model").state_dict()
    for name, value in base.state_dict().items():
        assert not torch.equal(value, trained[name]), name


def test_eight_pairs_are_overfitted_even_with_random_answers(
    tiny_model: Path, tmp_path: Path
) -> None:
    words = ["red", "blue", "egg", "milk", "sun", "moon", "tree", "car", "dog", "cat"]
    rows = [preference(n, chosen=words[n], rejected=words[(n * 7 + 3) % 10]) for n in range(8)]
    folder = training_run(tmp_path / "run", tiny_model, rows, epochs=120, learning_rate=3e-3)
    assert run(train_reward, folder) == 0
    result = read(folder / "result.json")
    assert result["accuracy"]["train"]["value"] == 1.0
    assert result["loss"]["train"] < 0.01


def test_same_seed_same_bytes_and_another_seed_other_bytes(
    finished: Path, tiny_model: Path, tmp_path: Path
) -> None:
    same = training_run(tmp_path / "same", tiny_model)
    other = training_run(tmp_path / "other", tiny_model, seed=1)
    assert run(train_reward, same) == run(train_reward, other) == 0
    assert model_bytes(same) == model_bytes(finished)
    for name in ("predictions.jsonl",):
        assert (same / name).read_bytes() == (finished / name).read_bytes()
    assert model_bytes(other) != model_bytes(finished)


@pytest.mark.parametrize("step", [1, 3, 7])
def test_a_cancelled_and_resumed_run_equals_a_straight_one(
    finished: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    folder = training_run(tmp_path / "run", tiny_model)
    with monkeypatch.context() as patch:
        stop_after(patch, step)
        assert run(train_reward, folder) == EXIT_CANCELLED
    assert (folder / "checkpoint" / "state.pt").exists()
    assert not (folder / "result.json").exists()
    assert run(train_reward, folder) == 0
    assert model_bytes(folder) == model_bytes(finished)
    assert (folder / "predictions.jsonl").read_bytes() == (
        finished / "predictions.jsonl"
    ).read_bytes()


def test_a_killed_run_goes_on_from_its_last_checkpoint(tiny_model: Path, tmp_path: Path) -> None:
    """SIGKILL in the middle: nothing can be saved at the end, what was saved before counts."""
    straight = training_run(tmp_path / "a", tiny_model, epochs=40, patience=40)
    killed = training_run(tmp_path / "b", tiny_model, epochs=40, patience=40, checkpoint_seconds=0)
    child = start("train_reward", killed)
    wait_for(lambda: len(steps_logged(killed)) >= 8)
    child.kill()
    child.communicate()
    assert not (killed / "result.json").exists()
    before = max(steps_logged(killed))
    assert run(train_reward, straight) == run(train_reward, killed) == 0
    assert model_bytes(killed) == model_bytes(straight)
    again = [step for step in steps_logged(killed) if step <= before]
    assert len(again) < before + 8, "the second attempt began at the first step"


def test_sigterm_saves_and_exits_with_143(tiny_model: Path, tmp_path: Path) -> None:
    folder = training_run(tmp_path / "run", tiny_model, epochs=2000, patience=2000)
    child = start("train_reward", folder)
    wait_for(lambda: len(steps_logged(folder)) >= 1)
    child.send_signal(signal.SIGTERM)
    _, log = child.communicate(timeout=20)
    assert child.returncode == 143
    assert "Cancelled" in log
    assert (folder / "checkpoint" / "state.pt").exists()
    assert not (folder / "error.json").exists()
    assert not (folder / "result.json").exists()


def steps_logged(folder: Path) -> list[int]:
    path = folder / "metrics.jsonl"
    whole = path.read_text().splitlines() if path.exists() else []
    return [int(line.split(":")[1].split(",")[0]) for line in whole if '"train/loss"' in line]


def wait_for(condition: Any, seconds: float = 150) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_sigterm_while_the_model_loads_stops_at_once(tmp_path: Path) -> None:
    stopping = RunDir(tmp_path)
    with pytest.raises(ProgramCancelled):
        stopping.on_sigterm(signal.SIGTERM, None)


def test_a_finished_run_is_not_trained_again(finished: Path) -> None:
    before = (finished / "result.json").read_bytes()
    assert run(train_reward, finished) == 0
    assert (finished / "result.json").read_bytes() == before


def test_the_best_weights_come_back_after_an_early_stop(tiny_model: Path, tmp_path: Path) -> None:
    """The dev split contradicts the train split, so that its loss rises from the start."""
    rows = preferences(60)
    for row in rows:
        if row["split"] == "dev":
            row["chosen"], row["rejected"] = row["rejected"], row["chosen"]
    folder = training_run(tmp_path / "run", tiny_model, rows, epochs=30, patience=2)
    assert run(train_reward, folder) == 0
    result = read(folder / "result.json")
    dev = metric(folder, "dev/loss")
    assert result["steps"] < 30 * 3
    assert result["best_step"] < result["steps"]
    assert result["loss"]["dev"] == pytest.approx(min(dev), abs=1e-4)
    assert len(dev) == dev.index(min(dev)) + 3


def test_sixteen_comparisons_without_held_out_splits_are_enough(
    tiny_model: Path, tmp_path: Path
) -> None:
    folder = training_run(
        tmp_path / "run", tiny_model, [preference(n) for n in range(16)], epochs=None
    )
    assert run(train_reward, folder) == 0
    result = read(folder / "result.json")
    assert result["accuracy"].keys() == {"train"}
    assert result["headline_split"] == "train"
    assert "The dev split is empty." in result["warnings"]
    assert any("no early stop" in warning for warning in result["warnings"])


def test_micro_batches_change_memory_and_not_the_result(tiny_model: Path, tmp_path: Path) -> None:
    """Summed over the parts and divided once: rewards agree to rounding."""
    whole = training_run(tmp_path / "a", tiny_model, epochs=2)
    parts = training_run(tmp_path / "b", tiny_model, epochs=2, batch_tokens=100)
    assert run(train_reward, whole) == run(train_reward, parts) == 0
    a, b = lines(whole / "predictions.jsonl"), lines(parts / "predictions.jsonl")
    assert [row["reward_chosen"] for row in a] == pytest.approx(
        [row["reward_chosen"] for row in b], abs=1e-4
    )


def test_ties_pull_rewards_together_and_weights_count(tiny_model: Path, tmp_path: Path) -> None:
    """A judgment at weight 1 outvotes its contradiction at 0.1; a tied pair ends up near zero."""
    rows = []
    for n in range(16):
        rows += [
            preference(n, id=f"a{n}", chosen="good", rejected="bad"),
            preference(n, id=f"b{n}", chosen="bad", rejected="good", weight=0.1),
            preference(n, id=f"c{n}", chosen="this", rejected="that", target=0.5),
        ]
    folder = training_run(tmp_path / "run", tiny_model, rows, epochs=30, learning_rate=3e-3)
    assert run(train_reward, folder) == 0
    margins = {
        row["id"]: row["reward_chosen"] - row["reward_rejected"]
        for row in lines(folder / "predictions.jsonl")
    }
    # The optimum of 1 against 0.1 is log 10 = 2.3.
    assert margins["a3"] == pytest.approx(2.3, abs=0.4)
    assert abs(margins["c3"]) < 0.3


def test_a_reward_model_can_be_trained_further(finished: Path, tmp_path: Path) -> None:
    folder = training_run(tmp_path / "run", finished / "model", epochs=1)
    assert run(train_reward, folder) == 0
    result = read(folder / "result.json")
    assert any("head is kept" in note for note in result["warnings"])
    assert metric(folder, "train/loss")[0] < 0.35, "it began anew"


def test_a_dev_split_too_small_to_stop_on_changes_nothing(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three dev comparisons: logged, but the last weights are kept, and resuming works as well."""
    rows = [preference(n, split="dev" if n < 3 else "train") for n in range(24)]
    folder = training_run(tmp_path / "run", tiny_model, rows, epochs=4)
    with monkeypatch.context() as patch:
        stop_after(patch, 5)
        assert run(train_reward, folder) == EXIT_CANCELLED
    assert run(train_reward, folder) == 0
    result = read(folder / "result.json")
    assert result["best_step"] == result["steps"] == 8
    assert len(metric(folder, "dev/loss")) == 4
    assert len(metric(folder, "train/loss")) == 8, "the second attempt began at the first step"


def test_what_fails_after_the_last_step_is_retried_without_training_again(
    finished: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = training_run(tmp_path / "run", tiny_model)
    with monkeypatch.context() as patch:
        patch.setattr(reward_finish, "save_checked", lambda *_: 1 / 0)
        assert run(train_reward, folder) == 1
    assert "ZeroDivisionError" in read(folder / "error.json")["error"]
    steps = metric(folder, "train/loss")
    assert run(train_reward, folder) == 0
    assert metric(folder, "train/loss") == steps
    assert model_bytes(folder) == model_bytes(finished)


def test_the_options_of_the_loss_change_what_is_learned(tiny_model: Path, tmp_path: Path) -> None:
    """Smoothing at e caps the margin at log((1 - e) / e): 1.39 at 0.2. Centering holds the level.
    Under Davidson's model a prompt of three answers, one pair tied, keeps its order."""
    smoothed = training_run(
        tmp_path / "a", tiny_model, label_smoothing=0.2, centering=0.1, epochs=30
    )
    assert run(train_reward, smoothed) == 0
    rows = lines(smoothed / "predictions.jsonl")
    margins = [row["reward_chosen"] - row["reward_rejected"] for row in rows]
    assert sum(margins) / len(margins) == pytest.approx(1.39, abs=0.3)
    assert abs(sum(row["reward_chosen"] + row["reward_rejected"] for row in rows)) < 0.3 * len(rows)


def three_answers(number: int, tied: bool) -> list[dict[str, Any]]:
    pairs = [("good", "fair", 1.0), ("fair", "bad", 0.5 if tied else 1.0), ("good", "bad", 1.0)]
    return [
        preference(number, id=f"{number}-{at}", chosen=chosen, rejected=rejected, target=target)
        for at, (chosen, rejected, target) in enumerate(pairs)
    ]


@pytest.mark.parametrize("options", [{"ties": "davidson"}, {"rankings": "plackett_luce"}])
def test_ties_and_rankings_are_learned(
    tiny_model: Path, tmp_path: Path, options: dict[str, str]
) -> None:
    tied = "ties" in options
    rows = [row for number in range(12) for row in three_answers(number, tied)]
    folder = training_run(
        tmp_path / "run", tiny_model, rows, epochs=30, learning_rate=3e-3, **options
    )
    assert run(train_reward, folder) == 0
    margins = {
        row["id"]: row["reward_chosen"] - row["reward_rejected"]
        for row in lines(folder / "predictions.jsonl")
    }
    assert margins["3-0"] > 1
    assert margins["3-2"] > 1
    assert abs(margins["3-1"]) < 0.3 if tied else margins["3-1"] > 1
    assert metric(folder, "train/loss")[-1] < metric(folder, "train/loss")[0] / 2


def test_one_accuracy_has_one_interval_in_the_result_and_on_the_page(
    tiny_model: Path, tmp_path: Path
) -> None:
    rows = [row | {"target": float(n % 3 > 0)} for n, row in enumerate(preferences(60))]
    folder = training_run(tmp_path / "run", tiny_model, rows, epochs=1, seed=5)
    assert run(train_reward, folder) == 0
    predictions = read_predictions(folder / "predictions.jsonl")
    for split, accuracy in read(folder / "result.json")["accuracy"].items():
        assert accuracy_of(row for row in predictions if row.split == split) == accuracy
