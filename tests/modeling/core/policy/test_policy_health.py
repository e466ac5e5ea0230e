"""What is measured on rollouts, what stops a run, and which weights are kept."""

from typing import Any

import pytest
import torch
from torch import nn

from modeling.core.policy.health import (
    Measure,
    WeightsToExport,
    alike_share,
    may_be_exported,
    measure,
    reason_to_stop,
    repeated_share,
)
from modeling.core.policy.rollouts import Rollout
from modeling.core.policy_models.rewards import Shaping
from modeling.measures.limits import Bounds


def rollout(number: int, **changes: Any) -> Rollout:
    values: dict[str, Any] = {
        "id": f"q{number}",
        "prompt": (number,),
        "tokens": [1, 2],
        "logps": [-1.0, -1.0],
        "ended": True,
        "text": f"text {number}",
        "reward": 1.0,
        "reference_logps": [-1.5, -1.5],
    }
    return Rollout(**values | changes)


def measured(rollouts: list[Rollout], coefficient: float = 0.0, penalty: float = 0.0) -> Measure:
    return measure(
        rollouts, estimator="k1", coefficient=coefficient, shaping=Shaping(penalty=penalty)
    )


def test_the_objective_is_reward_less_penalty_less_coefficient_times_kl() -> None:
    """Rewards 1 and 3, the second cut off at a cost of 0.5; KL 1 each: 1.75 - 0.1."""
    figures = measured([rollout(1), rollout(2, reward=3.0, ended=False)], 0.1, 0.5)
    assert (figures.score, figures.reward, figures.kl) == (2.0, 1.75, 1.0)
    assert figures.objective == pytest.approx(1.65)
    assert figures.objective_error == pytest.approx(0.75 / 2**0.5)
    assert figures.entropy == 2.0
    assert figures.ended_share == 0.5


def test_rewards_get_the_scale_of_the_start() -> None:
    """Mean 2 and deviation 1: a 4 becomes 2, less the penalty of 0.5."""
    shaping = Shaping(penalty=0.5).scaled_to([1.0, 3.0])
    assert (shaping(4.0, True), shaping(4.0, False)) == (2.0, 1.5)
    assert Shaping().scaled_to([1.0, 1.0])(1.0, True) == 0.0


def test_repeated_tokens_are_counted_by_threes() -> None:
    assert repeated_share([1, 2]) == 0.0
    assert repeated_share([1, 2, 3, 4]) == 0.0
    assert repeated_share([7] * 12) == 0.9


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"text": " "}, "100% of its responses are empty"),
        ({"tokens": [5] * 20}, "repeats itself"),
        ({"text": "I do not know."}, "the same response to 100% of the prompts"),
        ({"logps": [-0.1, -0.1]}, "2.80 nats from its reference, beyond the budget of 2.5"),
    ],
)
def test_a_run_is_stopped_with_a_sentence(changes: dict[str, Any], words: str) -> None:
    figures = measured([rollout(number, **changes) for number in range(10)])
    assert words in str(reason_to_stop(figures, Bounds(kl_budget=2.5)))


def spread_kl(mean: float) -> Measure:
    """KL mean - 1 and mean + 1, five prompts each: a standard error of the root of 1 / 9."""
    rows = [
        rollout(number, logps=[-1.0], reference_logps=[-1.0 - mean - (-1) ** number])
        for number in range(10)
    ]
    return measured(rows)


def test_a_kl_beyond_the_budget_by_chance_stops_nothing() -> None:
    figures = spread_kl(2.6)
    assert figures.kl_error == pytest.approx(1 / 3)
    assert reason_to_stop(figures, Bounds(kl_budget=2.0)) is None
    assert "beyond the budget" in str(reason_to_stop(figures, Bounds(kl_budget=1.9)))


def test_weights_are_kept_when_their_kl_will_probably_be_within_the_budget_again() -> None:
    figures = spread_kl(2.6)
    assert may_be_exported(figures, 3, 3.0)
    assert not may_be_exported(figures, 3, 2.9)
    assert may_be_exported(figures, 0, 2.0), "as they came"
    assert may_be_exported(figures, 3, None)


def test_responses_to_one_prompt_do_not_make_the_kl_surer() -> None:
    """Prompt means 1 and 3, whatever the number of responses: a standard error of 1."""
    rows = [rollout(n % 2, logps=[0.0], reference_logps=[-1.0 - 2 * (n % 2)]) for n in range(40)]
    assert measured(rows).kl_error == pytest.approx(1.0)


def test_a_policy_in_order_goes_on() -> None:
    figures = measured([rollout(number) for number in range(10)])
    assert reason_to_stop(figures, Bounds(2.5, 1.5, 2.0, 2.0, 1.0)) is None
    assert reason_to_stop(figures, Bounds()) is None


def lengths(*tokens: int) -> Measure:
    rows = [rollout(at, tokens=list(range(count))) for at, count in enumerate(tokens)]
    return measured(rows)


def test_responses_that_drift_in_length_stop_the_run() -> None:
    """30 tokens each, from 20: 1.5 times as many. From 21 the ratio is less."""
    figures = lengths(*[30] * 10)
    sentence = reason_to_stop(figures, Bounds(length_ratio=1.5, length=20.0))
    assert sentence is not None and "30 tokens on average, 20 at the start" in sentence
    assert reason_to_stop(figures, Bounds(length_ratio=1.5, length=21.0)) is None
    shorter = lengths(*[20] * 10)
    assert reason_to_stop(shorter, Bounds(length_ratio=1.5, length=30.0)) is not None


def test_a_length_that_may_be_chance_stops_nothing() -> None:
    """20 and 40 tokens, five prompts each: 30 with a standard error of 10/3, so 23.3 at least."""
    figures = lengths(*[20, 40] * 5)
    assert figures.length_error == pytest.approx(10 / 3)
    assert reason_to_stop(figures, Bounds(length_ratio=1.5, length=16.0)) is None
    assert reason_to_stop(figures, Bounds(length_ratio=1.5, length=15.0)) is not None


def test_members_that_part_stop_the_run() -> None:
    """Variances 1 and 3, five prompts each: 2 with a standard error of 1/3, so 4/3 at least."""
    figures = measured([rollout(number, variance=1.0 + number % 2 * 2) for number in range(10)])
    assert figures.variance_error == pytest.approx(1 / 3)
    sentence = reason_to_stop(figures, Bounds(variance_ratio=2.0, variance=0.66))
    assert sentence is not None and "disagree 3.0 times as much" in sentence
    assert reason_to_stop(figures, Bounds(variance_ratio=2.0, variance=0.67)) is None
    assert reason_to_stop(figures, Bounds(variance_ratio=2.0, variance=0.0)) is None, "one model"


def test_one_answer_to_few_prompts_is_no_collapse() -> None:
    assert alike_share([rollout(number, text="Yes.") for number in range(7)]) == 0.0
    assert alike_share([rollout(1, text="Yes.") for _ in range(99)]) == 0.0


def test_the_latest_that_is_not_below_the_best_is_kept() -> None:
    """Objectives 1, 2, 2, 0.9: the running mean falls at the end, from 5/3 to 1.475."""
    to_export, model = WeightsToExport(best=True), nn.Linear(1, 1, bias=False)
    for step, objective in enumerate([1.0, 2.0, 2.0, 0.9]):
        nn.init.constant_(model.weight, step)
        to_export.consider(step, measured([rollout(1, reward=objective)] * 2), model)
    assert to_export.step == 2
    to_export.put_back(model)
    assert model.weight.item() == 2


def test_a_difference_within_chance_does_not_hold_back_the_latest() -> None:
    to_export, model = WeightsToExport(best=True), nn.Linear(1, 1)
    for step, level in enumerate([1.0, 0.9]):
        rows = [rollout(1, reward=level + spread) for spread in (-3, 3)]
        to_export.consider(step, measured(rows), model)
    assert to_export.step == 1


def test_without_best_the_latest_is_kept_and_nothing_is_counted_twice() -> None:
    to_export, model = WeightsToExport(best=False), nn.Linear(1, 1)
    for step, objective in ((0, 5.0), (1, 1.0), (1, 9.0)):
        to_export.consider(step, measured([rollout(1, reward=objective)]), model)
    assert (to_export.step, to_export.recent) == (1, [5.0, 1.0])
    again = WeightsToExport(best=False)
    again.restore(to_export.state())
    assert again == to_export or torch.equal(again.weights["weight"], to_export.weights["weight"])
