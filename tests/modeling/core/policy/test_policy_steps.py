"""The maths of an update and its plan: rates, minibatches, signals, prompts of a step."""

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modeling.core.losses.kl import token_kl
from modeling.core.policy import update
from modeling.core.policy.gradient import prompts_of_step
from modeling.core.policy.health import error_by_prompt
from modeling.core.policy.offline import plan
from modeling.core.policy.phases import phases_of
from modeling.core.policy.pool import first_best, pool_prompts, rewards_of
from modeling.core.policy.rollouts import Rollout
from modeling.core.policy.task import LEAST_HELD_OUT, PolicyPrompt, encode_all, hold_out
from modeling.core.policy.update import (
    as_metrics,
    fit_values,
    make_signal,
    minibatches,
    not_finite,
    pad_rows,
    rate_factor,
)
from modeling.core.policy_models.rewards import (
    FrozenReward,
    Shaping,
    flat_rewards_warning,
)
from modeling.core.program.errors import ProgramError
from modeling.core.program.parallel import Processes


def config(**changes: Any) -> Any:
    common = {"seed": 0, "warmup": 0.0, "schedule": "linear", "minibatches": 1, "batch_size": 4}
    return SimpleNamespace(**common | {"epochs": 2, "pool_prompts": 3} | changes)


@given(total=st.integers(1, 300), warmup=st.floats(0, 0.99), linear=st.booleans())
def test_the_rate_rises_once_falls_once_and_is_never_zero(
    total: int, warmup: float, linear: bool
) -> None:
    how = config(warmup=warmup, schedule="linear" if linear else "constant")
    rates = [rate_factor(how, total, step) for step in range(total)]
    assert all(0 < rate <= 1 for rate in rates)
    top = round(warmup * total)
    assert all(a < b for a, b in pairwise(rates[:top]))
    assert all(a >= b for a, b in pairwise(rates[top:]))
    if top < total:
        assert rates[top] == 1.0


@given(count=st.integers(1, 50), parts=st.integers(1, 6), label=st.text(max_size=5))
def test_minibatches_hold_every_number_once_in_equal_parts(
    count: int, parts: int, label: str
) -> None:
    dealt = list(minibatches(config(minibatches=parts), count, label))
    assert sorted(number for part in dealt for number in part) == list(range(count))
    assert len(dealt) == parts
    assert max(map(len, dealt)) - min(map(len, dealt)) <= 1
    assert dealt == list(minibatches(config(minibatches=parts), count, label))


@given(count=st.integers(1, 30), size=st.integers(1, 7), epochs=st.integers(1, 3))
def test_a_plan_has_every_item_once_in_each_epoch(count: int, size: int, epochs: int) -> None:
    batches = plan(count, config(batch_size=size, epochs=epochs))
    per_epoch = -(-count // size)
    assert len(batches) == epochs * per_epoch
    for epoch in range(epochs):
        part = batches[epoch * per_epoch : (epoch + 1) * per_epoch]
        assert sorted(item for batch in part for item in batch) == list(range(count))
        assert all(len(batch) == size for batch in part[:-1])


def prompts(count: int) -> list[PolicyPrompt]:
    return [
        PolicyPrompt(f"q{number}", (("user", f"question {number}"),), (number + 1,), False)
        for number in range(count)
    ]


@given(count=st.integers(1, 20), wanted=st.integers(1, 25))
def test_all_prompts_come_before_one_comes_again(count: int, wanted: int) -> None:
    every = prompts(count)
    size = min(count, wanted)
    per_pass = count // size
    for turn in range(2):
        ids = [
            prompt.id
            for step in range(turn * per_pass, (turn + 1) * per_pass)
            for prompt in prompts_of_step(every, wanted, config(), step)
        ]
        assert len(ids) == len(set(ids)) == per_pass * size


@given(count=st.integers(0, 60), wanted=st.integers(1, 40))
def test_held_out_prompts_are_not_trained_on_and_at_most_a_fifth(count: int, wanted: int) -> None:
    every = prompts(count)
    train, held_out, warning = hold_out(every, wanted)
    if warning is None:
        assert LEAST_HELD_OUT <= len(held_out) <= min(wanted, count // 5)
        assert not {p.id for p in train} & {p.id for p in held_out}
        assert len(train) + len(held_out) == count
    else:
        assert train == every
        assert warning.startswith(f"Only {count} prompts:")
    assert hold_out(every[::-1], wanted)[1] == held_out, "by text, whatever the order"


def test_a_prompt_that_is_held_out_stays_so_when_others_come() -> None:
    held = {prompt.id for prompt in hold_out(prompts(40), 8)[1]}
    more = {prompt.id for prompt in hold_out(prompts(41), 8)[1]}
    assert len(held & more) >= 7


def test_a_context_without_room_for_a_prompt_is_refused() -> None:
    actor: Any = None
    with pytest.raises(ProgramError, match="context of 100 tokens has no room") as caught:
        encode_all(actor, [], config(max_length=100, max_new_tokens=93))
    assert caught.value.hint == "Set max_new_tokens to at most 50."


@given(rows=st.lists(st.lists(st.floats(-5, 5), max_size=5), min_size=1, max_size=5))
def test_padded_rows_hold_their_values_and_zeros(rows: list[list[float]]) -> None:
    values, mask = pad_rows(rows)
    assert values.shape == mask.shape == (len(rows), max(1, *map(len, rows)))
    for row, padded, real in zip(rows, values, mask, strict=True):
        assert padded[real].tolist() == pytest.approx(row)
        assert not padded[~real].any()


def rollout(prompt: str, reward: float, logps: list[float], reference: list[float]) -> Rollout:
    return Rollout(
        prompt,
        (1,),
        list(range(len(logps))),
        logps,
        True,
        "",
        reward=reward,
        reference_logps=reference,
    )


ROLLOUTS = [
    rollout("a", 1.0, [-1.0, -2.0], [-1.5, -1.0]),
    rollout("a", 3.0, [-1.0], [-1.0]),
    rollout("b", 0.0, [-0.5, -0.5, -0.5], [-1.0, -1.0, -1.0]),
    rollout("b", 2.0, [-2.0], [-1.0]),
]


def task(**changes: Any) -> Any:
    how = config(kl_estimator="k1", gamma=1.0, gae_lambda=1.0, whiten=False, **changes)
    return SimpleNamespace(config=how, shaping=Shaping(), group=Processes())


def test_the_signal_of_rloo_is_the_penalised_reward_less_the_others() -> None:
    """KL (k1) of each: -0.5, 0, 1.5, -1; at a coefficient of 2 rewards are 2, 3, -3, 4."""
    signal = make_signal(task(), None, 2.0, ROLLOUTS)
    assert signal.advantages.tolist() == [-1.0, 1.0, -7.0, 7.0]
    assert signal.values is None and signal.returns is None
    assert signal.mask.sum(1).tolist() == [2, 1, 3, 1]


def test_the_signal_of_ppo_has_the_kl_at_each_token_and_the_reward_at_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With values of zero, gamma and lambda 1, advantages are what is still to come."""
    zeros = [[0.0] * len(one.tokens) for one in ROLLOUTS]
    monkeypatch.setattr(update, "read_values", lambda *_: zeros)
    value: Any = object()
    signal = make_signal(task(), value, 2.0, ROLLOUTS)
    for one, advantages in zip(ROLLOUTS, signal.advantages, strict=True):
        kl = token_kl(torch.tensor(one.logps), torch.tensor(one.reference_logps), "k1")
        rewards = -2.0 * kl
        rewards[-1] += one.reward
        naive = rewards.flip(0).cumsum(0).flip(0)
        assert advantages[: len(naive)].tolist() == pytest.approx(naive.tolist())
        assert not advantages[len(naive) :].any()
    assert torch.equal(signal.returns, signal.advantages)  # type: ignore[arg-type]


def test_values_are_put_on_the_line_of_least_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values 1, 2 | 3 | 5, 4, 3 | 0 against rewards 1, 1, 3, 0, 0, 0, 2, by numpy's polyfit."""
    values = [[1.0, 2.0], [3.0], [5.0, 4.0, 3.0], [0.0]]
    monkeypatch.setattr(update, "read_values", lambda *_: values)
    model: Any = torch.nn.Module()
    model.score = torch.nn.Linear(3, 1)
    before = model.score.weight.detach().clone(), model.score.bias.detach().clone()
    fit_values(task(), model, ROLLOUTS)
    x = torch.tensor([1.0, 2.0, 3.0, 5.0, 4.0, 3.0, 0.0])
    y = torch.tensor([1.0, 1.0, 3.0, 0.0, 0.0, 0.0, 2.0])
    design = torch.stack([x, torch.ones(7)], 1)
    slope, intercept = torch.linalg.lstsq(design, y[:, None]).solution[:, 0]
    assert torch.allclose(model.score.weight, before[0] * slope, atol=1e-5)
    assert torch.allclose(model.score.bias, before[1] * slope + intercept, atol=1e-5)


def test_values_that_tell_nothing_become_the_mean_reward(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(update, "read_values", lambda *_: [[7.0, 7.0], [7.0], [7.0] * 3, [7.0]])
    model: Any = torch.nn.Module()
    model.score = torch.nn.Linear(2, 1, bias=False)
    fit_values(task(), model, ROLLOUTS)
    assert not model.score.weight.any()
    assert model.score.bias.item() == pytest.approx(7 / 7)


def test_only_ppo_has_figures_of_values() -> None:
    sums = dict.fromkeys(update.SUMS, 1.0)
    assert "loss/value" not in as_metrics(sums, [1.0])
    assert as_metrics(sums, [1.0, 2.0])["val/grad_norm"] == 2.0


def test_the_first_step_is_not_blamed_on_the_learning_rate() -> None:
    assert "no learning rate is to blame" in not_finite(0).hint
    assert not_finite(3).hint == "Lower the learning rate. Nothing of this step was saved."
    assert not_finite(3).where == "step 4"


def test_errors_count_prompts_and_not_responses() -> None:
    """Means 1 and 3: a deviation of sqrt(2), by two prompts an error of 1."""
    one, two = (1,), (2,)
    assert error_by_prompt([one, one, two, two], [0.0, 2.0, 2.0, 4.0]) == pytest.approx(1.0)
    assert error_by_prompt([one, one], [0.0, 2.0]) == pytest.approx(1.0), "its responses have to do"
    assert error_by_prompt([one], [5.0]) == 0.0


def test_the_pools_prompts_are_drawn_by_the_seed_and_at_most_all() -> None:
    every = prompts(10)
    drawn = pool_prompts(every, config())
    assert len({prompt.id for prompt in drawn}) == 3
    assert drawn == pool_prompts(every, config())
    assert drawn != pool_prompts(every, config(seed=1))
    assert len(pool_prompts(every, config(pool_prompts=99))) == 10
    assert rewards_of([ROLLOUTS[:2], ROLLOUTS[2:]]).tolist() == [[1.0, 3.0], [0.0, 2.0]]


@given(values=st.lists(st.floats(-100, 100), min_size=1, max_size=8))
def test_the_best_is_the_first_of_those_that_rounding_cannot_tell_apart(
    values: list[float],
) -> None:
    at = first_best(values)
    slack = 1e-5 * max(map(abs, values)) + 1e-7
    assert values[at] >= max(values) - slack - 1e-12
    assert all(value < values[at] + slack for value in values[:at])


def test_phases_follow_from_what_is_to_be_done() -> None:
    def names(**how: Any) -> list[str]:
        common = {"eval_responses": 2, "prompts_per_step": 4, "responses_per_prompt": 2, "steps": 3}
        common |= {"best_of": 4, "distill": True, "is_online": False}
        settings = config(**common | how)
        return [phase.name for phase in phases_of(settings, 10, 4, 20)]

    start, end = ["loading the models", "measuring the start"], ["measuring the end", "exporting"]
    assert names(algorithm="ppo", is_online=True) == [*start, "learning values", "improving", *end]
    assert names(algorithm="rloo", is_online=True) == [*start, "improving", *end]
    assert names(algorithm="dpo") == [*start, "reading the reference", "improving", *end]
    assert names(algorithm="best_of_n") == [*start, "sampling", "improving", *end]
    assert names(algorithm="best_of_n", distill=False) == [*start, "sampling"]


@given(rewards=st.lists(st.floats(-50, 50), min_size=2, max_size=20))
def test_rewards_are_scaled_by_what_the_reference_writes(rewards: list[float]) -> None:
    shaping = Shaping(penalty=0.5).scaled_to(rewards)
    scaled = torch.tensor([shaping(reward, True) for reward in rewards], dtype=torch.float64)
    assert scaled.mean().item() == pytest.approx(0.0, abs=1e-6)
    if flat_rewards_warning(rewards) is None:
        assert scaled.std(correction=0).item() == pytest.approx(1.0, abs=1e-6)
    else:
        assert shaping.std == 1.0
    assert shaping(3.0, False) == pytest.approx(shaping(3.0, True) - 0.5)


def test_a_reward_that_tells_nothing_apart_is_said() -> None:
    sentence = flat_rewards_warning([2.0, 2.0 + 1e-9, 2.0])
    assert sentence is not None
    assert sentence.startswith(
        "The reward model gives all 3 responses to held-out prompts the same reward, 2 (they "
        "differ by 1e-09, which is rounding)"
    )
    assert flat_rewards_warning([]) is None


def test_a_reward_that_is_no_number_names_its_text() -> None:
    frozen = FrozenReward.__new__(FrozenReward)
    rewards = torch.tensor([1.0, float("nan"), float("inf")])
    spread = torch.zeros(3)
    scores = SimpleNamespace(rewards=rewards, spread=lambda: spread)
    frozen.scorer = SimpleNamespace(scores=lambda _texts: scores)  # type: ignore[assignment]
    texts = [((("user", f"question {n}"),), f"answer {n}") for n in range(3)]
    with pytest.raises(ProgramError, match="not a finite number") as caught:
        frozen.score(texts)
    assert caught.value.where == "prompt 'question 1', response 'answer 1'"
