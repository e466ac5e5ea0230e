"""Rewards that differ by rounding alone have no scale, wherever something divides by it."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from modeling.core import train_policy, train_reward
from modeling.core.fitting.frozen_fit import scale_of
from modeling.core.loading.aggregation import scales_of
from modeling.core.losses.advantages import leave_one_out, whiten
from modeling.core.policy.pool import first_best
from modeling.core.policy_models.rewards import Shaping
from modeling.measures.noise import has_spread
from modeling.measures.predictions import Prediction, length_correlation
from tests.modeling.core.factories import make_run, messages, read, run, training_run

ROUNDING = [-0.0042, -0.0042 + 6e-9, -0.0042 - 6e-9, -0.0042]
SMALL = [1e-5, 2e-5, -1e-5, 4e-5]


def test_a_spread_of_rounding_is_none_at_any_size_of_the_rewards() -> None:
    assert not has_spread(ROUNDING)
    assert not has_spread([1000.0, 1000.001])
    assert not has_spread([3.0])
    assert has_spread(SMALL)
    assert has_spread([1000.0, 1001.0])


def test_rewards_without_a_spread_are_centred_and_not_scaled() -> None:
    shaping = Shaping().scaled_to(ROUNDING)
    assert shaping.std == 1.0
    assert abs(shaping(0.0, ended=True)) < 0.01


def test_small_rewards_that_differ_are_scaled() -> None:
    values = [Shaping().scaled_to(SMALL)(reward, ended=True) for reward in SMALL]
    assert torch.tensor(values).std(correction=0).item() == pytest.approx(1.0)


def test_a_member_that_tells_nothing_apart_has_no_scale() -> None:
    rewards = torch.tensor([ROUNDING, SMALL], dtype=torch.float64).T
    assert scales_of(rewards)[0].std == 1.0
    assert scales_of(rewards)[1].std == pytest.approx(1.8e-5, rel=0.1)


def test_a_feature_of_rounding_is_constant() -> None:
    features = torch.tensor([[5.0, 1.0], [5.000001, 2.0], [5.0, 4.0]])
    assert scale_of(features).apply(features)[:, 0].tolist() == [0.0, 0.0, 0.0]


def test_a_leave_one_out_of_rounding_is_zero() -> None:
    advantages = leave_one_out(torch.tensor([[0.5, 0.5 + 6e-8, 0.5], [0.1, 0.2, 0.3]]))
    assert advantages[0].tolist() == [0.0, 0.0, 0.0]
    assert advantages[1].tolist() == pytest.approx([-0.15, 0.0, 0.15], abs=1e-6)


def test_a_leave_one_out_of_no_number_is_not_hidden() -> None:
    assert leave_one_out(torch.tensor([[float("nan"), 1.0]])).isnan().any()


def test_whitened_values_have_variance_one_however_small_they_are() -> None:
    values = torch.tensor(SMALL)
    whitened = whiten(values, torch.ones(4, dtype=torch.bool))
    assert whitened.mean().item() == pytest.approx(0.0, abs=1e-6)
    assert whitened.var(correction=0).item() == pytest.approx(1.0)


def test_values_of_rounding_are_whitened_to_zero() -> None:
    values = torch.tensor([3.0, 3.0 + 3e-7, 3.0])
    assert whiten(values, torch.ones(3, dtype=torch.bool)).tolist() == [0.0, 0.0, 0.0]


def test_what_is_masked_does_not_enter_not_even_as_no_number() -> None:
    values = torch.tensor([[1.0, 3.0, float("nan")]])
    whitened = whiten(values, torch.tensor([[True, True, False]]))
    assert whitened.tolist() == [[-1.0, 1.0, 0.0]]


def test_of_responses_that_are_equal_but_for_rounding_the_first_is_the_best() -> None:
    assert first_best([0.1, 0.5, 0.5 + 1e-7]) == 1
    assert first_best([0.1, 0.5, 0.6]) == 2


def test_rounding_does_not_follow_the_length() -> None:
    rows = [
        Prediction(str(n), "test", 0.3 + n * 1e-9, 0.3, chosen_length=n, rejected_length=0)
        for n in range(1, 9)
    ]
    assert length_correlation(rows) is None


def test_a_training_says_that_its_model_tells_nothing_apart(
    tiny_model: Path, tmp_path: Path
) -> None:
    """A rate of nothing, on a head that begins with nothing: every reward is the same."""
    model = AutoModelForSequenceClassification.from_pretrained(tiny_model, num_labels=1)
    torch.nn.init.zeros_(model.score.weight)
    model.save_pretrained(tmp_path / "flat")
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(tmp_path / "flat")
    folder = training_run(tmp_path / "run", tmp_path / "flat", epochs=1, learning_rate=1e-12)
    assert run(train_reward, folder) == 0
    assert any("tells nothing apart" in one for one in read(folder / "result.json")["warnings"])
    assert read(folder / "model" / "reward_scale.json")["members"][0]["std"] == 1.0


@pytest.mark.parametrize("algorithm", ["rloo", "ppo", "best_of_n"])
def test_a_policy_run_says_that_its_reward_tells_nothing_apart(
    tiny_model: Path, tmp_path: Path, algorithm: str
) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(tiny_model, num_labels=1)
    torch.nn.init.normal_(model.score.weight, std=1e-11)
    model.save_pretrained(tmp_path / "flat")
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(tmp_path / "flat")
    rows = [{"id": f"q{n}", "prompt": messages(f"Hello {n}")} for n in range(8)]
    folder = make_run(
        tmp_path / "run",
        rows,
        "prompts.jsonl",
        algorithm=algorithm,
        policy=tiny_model,
        reward_models=[str(tmp_path / "flat")],
        steps=1,
        prompts_per_step=2,
        responses_per_prompt=2,
        max_new_tokens=4,
        best_of=2,
        pool_prompts=2,
        missing_end_penalty=0,
    )
    assert run(train_policy, folder) == 0
    result = read(folder / "result.json")
    assert any("tells no responses apart" in warning for warning in result["warnings"])
    assert result["reward_std_reference"] == 1.0
