"""The program that improves a policy: its files, resuming, cancelling, and what stops it."""

import math
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from modeling.core import train_policy, train_reward
from modeling.core.policy import gradient as policy_gradient
from modeling.core.policy import update as policy_update
from modeling.core.policy.update import Learner
from modeling.core.policy_models.actors import load_actor, load_value_model
from modeling.core.policy_models.batch import TokenText, pad_texts
from modeling.core.policy_models.rewards import FrozenReward
from modeling.core.program.run_dir import EXIT_CANCELLED, RunDir
from modeling.core.texts.text import Prompt, encode_texts
from tests.modeling.core.bandit import TableReward, bandit_run, build_bandit
from tests.modeling.core.factories import (
    error_of,
    lines,
    make_run,
    messages,
    metric,
    preferences,
    read,
    run,
    training_run,
    write_lines,
)

CPU = torch.device("cpu")
DOCS = Path(__file__).parents[3] / "docs"

QUESTIONS = ["Hi", "What is two plus three?", "How do I boil an egg?", "What is the opposite of"]
PROMPTS = [{"id": f"q{n}", "prompt": messages(f"{QUESTIONS[n % 4]} {n}")} for n in range(24)]
FAST = {
    "steps": 3,
    "prompts_per_step": 4,
    "responses_per_prompt": 2,
    "max_new_tokens": 8,
    "eval_prompts": 4,
    "best_of": 4,
    "pool_prompts": 8,
    "batch_size": 4,
}


@pytest.fixture
def reward_model(tiny_reward_model: Path) -> Path:
    return tiny_reward_model


def policy_run(folder: Path, start: Path, reward: Path, **config: Any) -> Path:
    settings = {"policy": start, "reward_models": [str(reward)], "kl_coefficient": 0.01}
    settings = FAST | settings | config
    if config.get("algorithm") == "dpo":
        return make_run(folder, preferences(40), "preferences.jsonl", **settings)
    return make_run(folder, PROMPTS, "prompts.jsonl", **settings)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return AutoModelForCausalLM.from_pretrained(folder / "model").state_dict()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("adapter", ["none", "lora"])
def test_the_scale_of_rewards_is_that_of_the_reference_in_every_round(
    tiny_model: Path, reward_model: Path, tmp_path: Path, adapter: str
) -> None:
    """reward = (score - mean) / deviation is a line through the logged steps; a policy that has
    moved on is held back by the same coefficient only if the line stays the same."""
    moved = AutoModelForCausalLM.from_pretrained(tiny_model)
    with torch.no_grad():
        moved.model.norm.weight *= 4  # hardly varies any more
    moved.save_pretrained(tmp_path / "moved")
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(tmp_path / "moved")
    slopes, scales = [], []
    for number, policy in enumerate((tiny_model, tmp_path / "moved")):
        folder = policy_run(
            tmp_path / f"run {number}", policy, reward_model, algorithm="rloo", adapter=adapter,
            reference=str(tiny_model), missing_end_penalty=0.0, kl_budget=None,
        )  # fmt: skip
        assert run(train_policy, folder) == 0
        rewards, scores = metric(folder, "reward"), metric(folder, "objective/scores")
        slopes.append((rewards[1] - rewards[0]) / (scores[1] - scores[0]))
        result = read(folder / "result.json")
        scales.append((result["reward_mean_reference"], result["reward_std_reference"]))
    assert slopes[1] == pytest.approx(slopes[0], rel=1e-3)
    assert scales[1] == pytest.approx(scales[0], rel=1e-3)
    assert slopes[0] == pytest.approx(1 / scales[0][1], rel=1e-3)


@pytest.mark.parametrize("algorithm", ["ppo", "rloo", "best_of_n", "dpo"])
def test_each_algorithm_leaves_a_policy_and_its_record(
    tiny_model: Path, reward_model: Path, tmp_path: Path, algorithm: str
) -> None:
    folder = policy_run(tmp_path / "run", tiny_model, reward_model, algorithm=algorithm)
    assert run(train_policy, folder) == 0
    result = read(folder / "result.json")
    start = AutoModelForCausalLM.from_pretrained(tiny_model).state_dict()
    after = weights(folder)
    assert [name for name in start if torch.equal(start[name], after[name])] == []
    assert result["model_dir"] == "model"
    assert result["stopped"] is None
    assert result["kl"] != 0
    assert result["held_out_prompts"] == 4
    assert result["reward_before"] != result["reward_after"]
    assert result["export_max_error"] < 1e-4
    for row in lines(folder / "samples.jsonl"):
        assert len(row["before"]) == len(row["after"]) == 2
    assert not (folder / "checkpoint").exists()
    assert AutoTokenizer.from_pretrained(folder / "model").chat_template


@pytest.mark.parametrize("algorithm", ["ppo", "rloo", "best_of_n", "dpo"])
def test_each_algorithm_runs_in_bf16(
    tiny_model: Path, reward_model: Path, tmp_path: Path, algorithm: str
) -> None:
    folder = policy_run(
        tmp_path / "r", tiny_model, reward_model, algorithm=algorithm, dtype="bfloat16"
    )
    assert run(train_policy, folder) == 0
    result = read(folder / "result.json")
    assert result["config"]["dtype"] == "bfloat16"
    assert math.isfinite(result["kl"])
    assert not same(weights(folder), AutoModelForCausalLM.from_pretrained(tiny_model).state_dict())


def test_estimating_best_of_n_trains_nothing(
    tiny_model: Path, reward_model: Path, tmp_path: Path
) -> None:
    folder = policy_run(
        tmp_path / "run", tiny_model, reward_model, algorithm="best_of_n", distill=False
    )
    assert run(train_policy, folder) == 0
    result = read(folder / "result.json")
    assert [point["n"] for point in result["best_of_n"]] == [1, 2, 3, 4]
    assert result["model_dir"] is None
    assert not (folder / "model").exists()
    assert len(lines(folder / "pool.jsonl")) == 8 * 4


def test_the_same_seed_gives_the_same_policy_and_another_one_another(
    tiny_model: Path, reward_model: Path, tmp_path: Path
) -> None:
    collected = []
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        folder = policy_run(tmp_path / name, tiny_model, reward_model, algorithm="rloo", seed=seed)
        assert run(train_policy, folder) == 0
        collected.append(weights(folder))
    assert same(collected[0], collected[1])
    assert not same(collected[0], collected[2])


@pytest.mark.parametrize(
    ("algorithm", "adapter"),
    [("ppo", "none"), ("ppo", "lora"), ("rloo", "none"), ("best_of_n", "none"), ("dpo", "none")],
)
def test_a_cancelled_run_goes_on_to_the_same_policy(
    tiny_model: Path,
    reward_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    algorithm: str,
    adapter: str,
) -> None:
    """Asked to stop as the first update's progress is written."""
    settings = {"algorithm": algorithm, "adapter": adapter}
    straight = policy_run(tmp_path / "straight", tiny_model, reward_model, **settings)
    assert run(train_policy, straight) == 0
    folder = policy_run(tmp_path / "run", tiny_model, reward_model, **settings)
    plain = RunDir.progress

    def progress(self: RunDir, done: int, total: int, unit: str, phase: str) -> None:
        plain(self, done, total, unit, phase)
        if phase == "improving" and done == 1:
            self.cancel_asked = True

    with monkeypatch.context() as patch:
        patch.setattr(RunDir, "progress", progress)
        assert run(train_policy, folder) == EXIT_CANCELLED
    assert not (folder / "result.json").exists()
    assert run(train_policy, folder) == 0
    assert same(weights(folder), weights(straight))
    assert (folder / "samples.jsonl").read_bytes() == (straight / "samples.jsonl").read_bytes()


def test_a_run_that_is_cancelled_while_it_draws_loses_only_that_draw(
    tiny_model: Path, reward_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = policy_run(tmp_path / "straight", tiny_model, reward_model, algorithm="rloo")
    assert run(train_policy, straight) == 0
    folder = policy_run(tmp_path / "run", tiny_model, reward_model, algorithm="rloo")
    plain = policy_gradient.draw_step

    def draw(task: Any, step: int) -> Any:
        task.run.cancel_asked = step == 2
        return plain(task, step)

    with monkeypatch.context() as patch:
        patch.setattr(policy_gradient, "draw_step", draw)
        assert run(train_policy, folder) == EXIT_CANCELLED
    assert run(train_policy, folder) == 0
    assert same(weights(folder), weights(straight))


def test_beyond_the_kl_budget_the_run_stops_and_keeps_what_was_within(
    tiny_model: Path, reward_model: Path, tmp_path: Path
) -> None:
    folder = policy_run(
        tmp_path / "run",
        tiny_model,
        reward_model,
        algorithm="rloo",
        kl_coefficient=0.0,
        kl_budget=0.5,
        learning_rate=0.01,
        steps=30,
    )
    assert run(train_policy, folder) == 0
    result = read(folder / "result.json")
    assert "beyond the budget of 0.5" in result["stopped"]["reason"]
    kl = metric(folder, "objective/kl")
    assert kl[-1] > 0.5
    assert kl[result["exported"]["step"]] <= 0.5
    assert result["exported"]["step"] < result["stopped"]["step"] < 30


class EmptyIsBest(TableReward):
    def score(self, texts: list[tuple[Prompt, str]]) -> tuple[list[float], list[float]]:
        return [float(not text) for _, text in texts], [0.0] * len(texts)


def test_a_policy_that_collapses_to_empty_texts_is_stopped_and_the_one_before_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_policy, "FrozenReward", EmptyIsBest)
    policy = build_bandit(tmp_path / "policy")
    folder = bandit_run(tmp_path / "run", policy, algorithm="rloo", steps=100, kl_coefficient=0.0)
    assert run(train_policy, folder) == 0
    result = read(folder / "result.json")
    assert "responses are empty" in result["stopped"]["reason"]
    empty = metric(folder, "completions/empty_ratio")
    assert empty[-1] > 0.5
    assert empty[result["exported"]["step"]] <= 0.5


class ShortIsBest(TableReward):
    def score(self, texts: list[tuple[Prompt, str]]) -> tuple[list[float], list[float]]:
        return [-float(len(text)) for _, text in texts], [0.0] * len(texts)


def test_responses_that_become_shorter_and_shorter_stop_the_run(
    tiny_model: Path, reward_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kept weights are of a step before; a start that is named counts, not the run's own."""
    monkeypatch.setattr(train_policy, "FrozenReward", ShortIsBest)
    settings: dict[str, Any] = {
        "algorithm": "rloo", "kl_coefficient": 0.0, "missing_end_penalty": 0.0,
        "max_new_tokens": 60, "learning_rate": 0.01, "steps": 60, "length_ratio": 1.5,
    }  # fmt: skip
    folder = policy_run(tmp_path / "run", tiny_model, reward_model, **settings)
    assert run(train_policy, folder) == 0
    result, lengths = read(folder / "result.json"), metric(folder, "completions/mean_length")
    assert "drift in length" in result["stopped"]["reason"]
    assert lengths[-1] < result["length_before"] / 1.5
    assert lengths[result["exported"]["step"]] > lengths[-1]
    assert result["exported"]["step"] < result["stopped"]["step"] < 60
    # As where earlier rounds have made them twice as long: the named start counts.
    settings["length_start"] = result["length_before"] / 2
    said = error_of(train_policy, policy_run(tmp_path / "o", tiny_model, reward_model, **settings))
    assert "drift in length" in said and "before any training" in said


def test_a_reward_that_is_no_number_is_named_with_its_text(
    tiny_model: Path, reward_model: Path, tmp_path: Path
) -> None:
    broken = Path(shutil.copytree(reward_model, tmp_path / "broken"))
    model = AutoModelForSequenceClassification.from_pretrained(broken)
    torch.nn.init.constant_(model.score.weight, 3e38)  # a finite number, and no reward is
    model.save_pretrained(broken)
    said = error_of(train_policy, policy_run(tmp_path / "r", tiny_model, broken, algorithm="rloo"))
    assert "not a finite number" in said
    assert "prompt '" in said


def test_a_loss_that_is_no_number_is_named(
    tiny_model: Path, reward_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_update, "leave_one_out", lambda rewards: rewards * float("nan"))
    folder = policy_run(tmp_path / "r", tiny_model, reward_model, algorithm="rloo")
    assert "no longer a finite number at step 1" in error_of(train_policy, folder)


def test_a_prompt_beyond_the_context_is_truncated_and_counted(
    tiny_model: Path, reward_model: Path, tmp_path: Path
) -> None:
    folder = policy_run(tmp_path / "r", tiny_model, reward_model, algorithm="rloo", steps=1)
    rows = [*PROMPTS, {"id": "long", "prompt": messages("word " * 2000)}]
    write_lines(folder / "prompts.jsonl", rows)
    assert run(train_policy, folder) == 0
    assert read(folder / "result.json")["truncated"] == 1


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"algorithm": "grpo"}, "'algorithm' must be"),
        ({"kl_coefficient": -1}, "'kl_coefficient' must be a number, at least 0, at most 100, not"),
        ({"kl_estimator": "k2"}, "'kl_estimator' must be"),
        ({"responses_per_prompt": 1}, "at least two"),
        ({"reward_models": []}, "needs a reward model"),
        ({"max_new_tokens": 510}, "no room for a prompt"),
        ({"policy": "/nowhere/policy"}, "no folder /nowhere/policy"),
        ({"reference": "/nowhere/reference"}, "no folder /nowhere/reference"),
        ({"reward_models": ["/nowhere/reward"]}, "no folder /nowhere/reward"),
        ({"step": 5}, "unknown key 'step'"),
    ],
)
def test_a_bad_setting_is_named(
    tiny_model: Path, reward_model: Path, tmp_path: Path, config: dict[str, Any], words: str
) -> None:
    config = {"algorithm": "rloo"} | config
    assert words in error_of(
        train_policy, policy_run(tmp_path / "r", tiny_model, reward_model, **config)
    )


def test_no_prompts_is_an_error(tiny_model: Path, reward_model: Path, tmp_path: Path) -> None:
    folder = policy_run(tmp_path / "r", tiny_model, reward_model, algorithm="rloo")
    (folder / "prompts.jsonl").write_text("")
    assert "prompts.jsonl is empty" in error_of(train_policy, folder)


def test_a_policy_that_is_beyond_the_budget_already_is_an_error(
    tiny_model: Path, reward_model: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(tiny_model, tmp_path / "other"))
    model = AutoModelForCausalLM.from_pretrained(other)
    torch.nn.init.normal_(model.model.embed_tokens.weight, std=0.5)
    model.save_pretrained(other)
    folder = policy_run(
        tmp_path / "r",
        tiny_model,
        reward_model,
        algorithm="rloo",
        reference=str(other),
        kl_budget=0.01,
    )
    assert "before any training" in error_of(train_policy, folder)


def test_a_policy_that_begins_beyond_the_budget_by_chance_is_trained(
    tiny_model: Path, reward_model: Path, tmp_path: Path
) -> None:
    """As one that an earlier round has left near the budget: what is drawn says a little more."""
    other = Path(shutil.copytree(tiny_model, tmp_path / "other"))
    model = AutoModelForCausalLM.from_pretrained(other)
    torch.nn.init.normal_(model.model.embed_tokens.weight, std=0.5)
    model.save_pretrained(other)
    near: dict[str, Any] = {"algorithm": "rloo", "reference": str(other)}
    first = policy_run(tmp_path / "first", tiny_model, reward_model, **near, steps=1)
    assert run(train_policy, first) == 0
    kl, error = metric(first, "objective/kl")[0], metric(first, "objective/kl_error")[0]
    budget = kl - error / 2
    folder = policy_run(tmp_path / "r", tiny_model, reward_model, **near, kl_budget=budget)
    assert run(train_policy, folder) == 0
    assert metric(folder, "objective/kl")[0] == kl > budget
    assert len(metric(folder, "objective/kl")) > 1


def test_the_coefficient_follows_a_target(
    tiny_model: Path, reward_model: Path, tmp_path: Path
) -> None:
    """The KL is far below the target, so each step takes 20 % of 8 / 80 off."""
    folder = policy_run(
        tmp_path / "r",
        tiny_model,
        reward_model,
        algorithm="rloo",
        kl_target=50.0,
        kl_horizon=80,
    )
    assert run(train_policy, folder) == 0
    expected = [0.01 * 0.98**step for step in range(4)]
    assert metric(folder, "objective/kl_coef") == pytest.approx(expected)


def test_with_lora_the_value_model_learns_by_adapters_and_its_head(
    tiny_model: Path, reward_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its trunk is as large as the policy's: gradients and moments of all of it would cost what
    LoRA is there to save."""
    learners: list[Learner] = []
    plain = policy_gradient.make_learner

    def make(task: Any, value: Any) -> Learner:
        learners.append(plain(task, value))
        return learners[-1]

    monkeypatch.setattr(policy_gradient, "make_learner", make)
    settings = {"algorithm": "ppo", "adapter": "lora", "lora_rank": 2}
    folder = policy_run(tmp_path / "run", tiny_model, reward_model, **settings)
    assert run(train_policy, folder) == 0
    assert learners[0].value is not None
    trained = {n for n, w in learners[0].value.named_parameters() if w.requires_grad}
    before = AutoModelForSequenceClassification.from_pretrained(reward_model).state_dict()
    assert trained and all("lora_" in name or name.startswith("score") for name in trained)
    assert any("lora_B" in n and learners[0].value.get_parameter(n).any() for n in trained)
    assert any(name.startswith("score") for name in trained)
    assert sum(learners[0].value.get_parameter(n).numel() for n in trained) < 0.5 * sum(
        weight.numel() for weight in before.values()
    )


@pytest.mark.parametrize("algorithm", ["rloo", "ppo"])
def test_lora_is_merged_into_a_plain_policy(
    tiny_model: Path, reward_model: Path, tmp_path: Path, algorithm: str
) -> None:
    """Its reference is the policy with the adapter off: at the start the KL is 0."""
    folder = policy_run(
        tmp_path / "r",
        tiny_model,
        reward_model,
        algorithm=algorithm,
        adapter="lora",
        lora_rank=4,
        learning_rate=0.01,
    )
    assert run(train_policy, folder) == 0
    result = read(folder / "result.json")
    assert result["kl_before"] == pytest.approx(0, abs=1e-4)
    assert result["kl"] != pytest.approx(0, abs=1e-4)
    start, after = AutoModelForCausalLM.from_pretrained(tiny_model).state_dict(), weights(folder)
    assert start.keys() == after.keys()
    moved = {name for name in start if not torch.equal(start[name], after[name])}
    assert moved == {name for name in start if name.endswith("_proj.weight")}


def test_ppo_values_begin_as_the_reward_model(
    tiny_model: Path, reward_model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = policy_run(tmp_path / "r", tiny_model, reward_model, algorithm="ppo", steps=1)
    assert run(train_policy, folder) == 0
    assert f"Values begin as the rewards of {reward_model}" in capfd.readouterr().err


def test_ppo_values_begin_as_a_reward_model_that_reads_the_mean(
    tiny_model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The mean over the response of what the head says of each token is the reward."""
    folder = training_run(tmp_path / "reward", tiny_model, epochs=1, pooling="mean")
    assert run(train_reward, folder) == 0
    reward = folder / "model"
    actor = load_actor(str(tiny_model), str(tiny_model), adapter="none", rank=1, seed=0, device=CPU)
    value, said = load_value_model([str(reward)], str(tiny_model), actor, CPU)
    assert said == f"Values begin as the rewards of {reward}."
    prompt, response = (("user", "Hi"),), "Hello there"
    [encoded] = encode_texts(actor.tokenizer, [(prompt, response)], 64)
    at = encoded.prompt_length
    # One token more than the response: values are read before each token.
    text = TokenText(tuple(encoded.ids[:at]), (*encoded.ids[at:], 0))
    mean_value = pad_texts([text], CPU).values(value)[0, 1:].mean().item()
    frozen = FrozenReward([str(reward)], aggregate="mean", uwo_weight=0.0, device="cpu")
    (expected,), _ = frozen.score([(prompt, response)])
    assert mean_value == pytest.approx(expected, abs=1e-5)


def test_values_are_put_on_the_scale_of_the_rewards(
    tiny_model: Path, reward_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values 1, 3 of a response with reward 5 and 5 of one with reward 8: the line through
    (1, 5), (3, 5), (5, 8) with the least squares has slope 3/4 and intercept 15/4."""
    monkeypatch.setattr(policy_update, "read_values", lambda *_: [[1.0, 3.0], [5.0]])
    task: Any = SimpleNamespace(shaping=lambda reward, ended: reward)
    rollouts: list[Any] = [
        SimpleNamespace(reward=5.0, ended=True),
        SimpleNamespace(reward=8.0, ended=True),
    ]
    value = nn.Module()
    value.score = nn.Linear(2, 1, bias=False)
    weight = value.score.weight.detach().clone()
    policy_update.fit_values(task, value, rollouts)
    assert torch.allclose(value.score.weight, 0.75 * weight)
    assert value.score.bias.item() == pytest.approx(3.75)


def test_every_logged_metric_is_in_the_glossary(
    tiny_model: Path, reward_model: Path, tmp_path: Path
) -> None:
    explained = set(re.findall(r"`([a-zA-Z_/]+)`", (DOCS / "metrics.md").read_text()))
    logged: set[str] = set()
    for algorithm in ("ppo", "rloo", "best_of_n", "dpo"):
        folder = policy_run(tmp_path / algorithm, tiny_model, reward_model, algorithm=algorithm)
        assert run(train_policy, folder) == 0
        logged |= {name for x in lines(folder / "metrics.jsonl") for name in x.get("metrics", {})}
    assert {"objective/kl", "reward", "policy/clipfrac", "loss/value", "dpo/loss"} <= logged
    assert logged <= explained
