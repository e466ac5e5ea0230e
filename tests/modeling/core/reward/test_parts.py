"""What the trainings of a run learn from: nested subsets, bootstraps, empty draws."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modeling.core.fitting.frozen import bootstrap_factors
from modeling.core.fitting.frozen_choice import LayerChoice, fit_heads
from modeling.core.fitting.frozen_fit import Pairs
from modeling.core.reward.bootstrap import bootstrap_weight
from modeling.core.reward.parts import (
    TrainingPart,
    head_weights,
    part_groups,
    parts_of,
    sees_everything,
)
from modeling.core.reward.phases import phases_of
from modeling.core.texts.groups import LabeledPair, PromptGroup


def group(number: int, split: str = "train", target: float = 1.0) -> PromptGroup:
    pair = LabeledPair(str(number), 0, 1, target, 0.5, 0.0)
    return PromptGroup((("user", f"question {number}"),), split, ["a", "b"], [pair])


GROUPS = [*(group(number) for number in range(30)), group(30, "dev"), group(31, "test")]


def config(**changes: Any) -> Any:
    common = {"members": 1, "bootstrap": True, "learning_curve": (), "method": "finetune"}
    return SimpleNamespace(**common | {"epochs": None} | changes)


def drew_nothing(seed_limit: int = 500) -> int:
    """A seed for which member 1 draws neither of the first two prompts."""
    return next(
        seed
        for seed in range(seed_limit)
        if not any(bootstrap_weight(seed, 1, one.prompt) for one in GROUPS[:2])
    )


@given(seed=st.integers(0, 99), small=st.floats(0.01, 0.98), more=st.floats(0.01, 0.99))
def test_a_larger_fraction_has_every_prompt_of_a_smaller_one(
    seed: int, small: float, more: float
) -> None:
    large = min(0.99, small + more)
    subsets = []
    for share in (small, large):
        groups, train = part_groups(GROUPS, TrainingPart("curve/x", fraction=share), seed)
        assert groups == GROUPS
        assert len(train) == max(1, round(share * 30))
        assert all(GROUPS[at].split == "train" for at in train)
        subsets.append(set(train))
    assert subsets[0] <= subsets[1]


def test_the_model_sees_every_train_prompt_once() -> None:
    assert part_groups(GROUPS, TrainingPart(), 0) == (GROUPS, list(range(30)))


@given(seed=st.integers(0, 99), member=st.integers(1, 3))
def test_a_members_comparisons_weigh_as_often_as_it_drew_their_prompt(
    seed: int, member: int
) -> None:
    weighed, train = part_groups(GROUPS, TrainingPart("m", member, has_bootstrap=True), seed)
    for at, (before, after) in enumerate(zip(GROUPS, weighed, strict=True)):
        times = bootstrap_weight(seed, member, before.prompt)
        if before.split == "train":
            assert (at in train) == (times > 0)
        if at in train:
            assert after.comparisons[0].weight == 0.5 * times
        else:
            assert after == before


def test_a_member_that_drew_nothing_sees_everything_once() -> None:
    seed, two = drew_nothing(), [*GROUPS[:2], *GROUPS[30:]]
    assert sees_everything(two, seed, 1)
    assert part_groups(two, TrainingPart("m", 1, has_bootstrap=True), seed) == (two, [0, 1])


def test_a_draw_of_nothing_but_ties_is_a_draw_of_nothing() -> None:
    drawn = [one for one in GROUPS[:30] if bootstrap_weight(0, 1, one.prompt)]
    left_out = [one for one in GROUPS[:30] if not bootstrap_weight(0, 1, one.prompt)]
    ties = [group(int(one.comparisons[0].id), target=0.5) for one in drawn]
    assert sees_everything([*ties, *left_out], 0, 1)
    assert not sees_everything([*ties, *left_out, drawn[0]], 0, 1)
    held_out = [group(int(one.comparisons[0].id), "dev") for one in drawn]
    assert sees_everything(held_out, 0, 1), "nothing is learned from held-out prompts"


def test_heads_have_the_weights_of_their_bootstraps() -> None:
    weights = head_weights(GROUPS, 3, 7)
    assert weights == [
        [float(bootstrap_weight(7, head, one.prompt)) for head in range(3)] for one in GROUPS
    ]
    assert head_weights(GROUPS, 1, 7) is None


def test_a_head_that_drew_nothing_is_fitted_to_everything() -> None:
    """With weights of zero alone the fit has no loss, and L-BFGS no direction."""
    seed, two = drew_nothing(), GROUPS[:2]
    weights = head_weights(two, 2, seed)
    assert weights is not None
    assert [row[1] for row in weights] == [1.0, 1.0]
    training: Any = SimpleNamespace(
        data=SimpleNamespace(head_weights=weights), groups=two, split=lambda _name: [0, 1]
    )
    factors = bootstrap_factors(training)
    assert factors[1].tolist() == [1.0, 1.0]
    table = torch.randn(4, 1, 3, generator=torch.Generator().manual_seed(0))
    ones = torch.ones(2)
    pairs = Pairs(torch.tensor([0, 2]), torch.tensor([1, 3]), ones, ones, 0 * ones, torch.arange(2))
    how: Any = SimpleNamespace(label_smoothing=0.0, ties="half", tie_weight=0.0)
    heads, biases = fit_heads(table, LayerChoice((0,), 0.1, []), pairs, how, factors[1:])
    assert heads.isfinite().all() and biases.isfinite().all()
    assert heads.any()


def test_a_runs_trainings_are_in_order_and_named_for_people() -> None:
    parts = parts_of(config(members=3, learning_curve=(0.25, 0.5)))
    assert [part.name for part in parts] == [
        *("model", "members/1", "members/2", "curve/0.25", "curve/0.5")
    ]
    assert [part.words for part in parts] == [
        *("the model", "member 1", "member 2", "25% of the data", "50% of the data")
    ]
    assert [part.leaves_model for part in parts] == [True, True, True, False, False]
    assert [part.share for part in parts] == [1.0, 0.632, 0.632, 0.25, 0.5]
    alone = parts_of(config(members=2, bootstrap=False))
    assert alone[1].share == 1.0, "without a bootstrap it sees each prompt once"


@pytest.mark.parametrize("method", ["finetune", "frozen"])
def test_phases_are_those_of_each_part(method: str) -> None:
    phases = phases_of(config(members=2, learning_curve=(0.5,), method=method), GROUPS)
    of_part = {
        part: [phase.name for phase in phases if phase.part == part]
        for part in ("model", "members/1", "curve/0.5", "")
    }
    fitted = ["reading", "fitting"] if method == "frozen" else ["training", "evaluating"]
    assert of_part == {
        "model": ["loading the model", "preparing the texts", *fitted, "saving and checking"],
        "members/1": ["loading the model", *fitted, "saving and checking"],
        "curve/0.5": ["loading the model", *fitted],
        "": ["reporting"],
    }
    assert all(phase.cost > 0 for phase in phases)
