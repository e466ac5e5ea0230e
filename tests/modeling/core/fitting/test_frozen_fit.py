"""The head on fixed features is the minimum it claims to be, and is chosen on prompts left out."""

import math

import pytest
import torch

from modeling.core.fitting.frozen_choice import (
    LayerChoice,
    choose,
    count_fits,
    fit_head,
    fit_heads,
    is_clearly_lower,
)
from modeling.core.fitting.frozen_fit import FOLDS, Pairs, cross_validate, fit, fold_of, scale_of
from modeling.run_data.train_reward import TrainRewardConfig

CONFIG = TrainRewardConfig(base_model="any", tie_weight=0.0)


def pairs_of(count: int, target: float = 1.0) -> Pairs:
    """Text 2k against text 2k + 1, each pair of a prompt of its own."""
    at, ones = torch.arange(count), torch.ones(count)
    return Pairs(2 * at, 2 * at + 1, target * ones, ones, 0 * ones, at)


def drawn_pairs(count: int, truth: torch.Tensor, seed: int) -> tuple[torch.Tensor, Pairs]:
    """Features of 2 * count texts, and judgments drawn as Bradley and Terry have it."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(2 * count, len(truth), generator=generator)
    delta = (features[::2] - features[1::2]) @ truth
    won = torch.rand(count, generator=generator) < torch.sigmoid(delta)
    pairs = pairs_of(count)
    return features, Pairs(
        torch.where(won, pairs.i, pairs.j),
        torch.where(won, pairs.j, pairs.i),
        *(pairs.target, pairs.weight, pairs.margin, pairs.prompt),
    )


def test_one_feature_has_the_minimum_of_the_textbook() -> None:
    """Three of four pairs with a difference of 1 are won, one is lost.

    Without a penalty the loss -3/4 log s(w) - 1/4 log s(-w) is lowest where s(w) = 3/4:
    w = log 3 = 1.0986. With l2 = 0.1 the derivative s(w) - 3/4 + 0.1 w is zero at w = 0.7369.
    """
    features = torch.tensor([[1.0], [0.0]] * 3 + [[0.0], [1.0]])
    assert fit(features, pairs_of(4), 0.0, CONFIG).item() == pytest.approx(math.log(3), abs=1e-3)
    weights = fit(features, pairs_of(4), 0.1, CONFIG).item()
    assert 1 / (1 + math.exp(-weights)) - 0.75 + 0.1 * weights == pytest.approx(0, abs=1e-5)
    assert weights == pytest.approx(0.7369, abs=1e-3)


def test_a_tie_and_a_weight_of_zero_pull_nowhere() -> None:
    features = torch.tensor([[1.0], [0.0], [5.0], [0.0]])
    both = Pairs(*(getattr(pairs_of(2), name) for name in Pairs.__dataclass_fields__))
    weightless = both.reweighted(torch.tensor([1.0, 0.0]))
    alone = fit(features[:2], pairs_of(1), 0.1, CONFIG)
    assert fit(features, weightless, 0.1, CONFIG) == pytest.approx(alone, abs=1e-5)
    assert fit(features[:2], pairs_of(1, target=0.5), 0.1, CONFIG).item() == 0.0


def test_it_finds_the_direction_judgments_were_drawn_from() -> None:
    truth = torch.tensor([2.0, -1.0, 0.0, 0.5])
    features, pairs = drawn_pairs(4000, truth, seed=1)
    weights = fit(features, pairs, 1e-4, CONFIG)
    assert weights == pytest.approx(truth, abs=0.2)


def test_unfolding_the_scale_changes_no_reward() -> None:
    features = torch.randn(50, 3) * torch.tensor([1.0, 100.0, 0.01]) + 7
    scale = scale_of(features)
    weights = torch.tensor([[1.0, -2.0, 3.0]])
    raw, bias = scale.unfold(weights)
    expected = scale.apply(features) @ weights.T
    assert features @ raw.T + bias == pytest.approx(expected, abs=1e-3)


def test_a_constant_feature_gets_no_weight() -> None:
    features = torch.cat([torch.randn(20, 1), torch.full((20, 1), 3.0)], 1)
    scaled = scale_of(features).apply(features)
    assert scaled[:, 1].abs().max() == 0
    raw, _ = scale_of(features).unfold(torch.ones(2))
    assert raw[1] == 0


def test_folds_are_of_whole_prompts_and_even() -> None:
    prompts = torch.tensor([number // 3 for number in range(60)])
    folds = fold_of(prompts, 0)
    assert all(len(set(folds[prompts == prompt].tolist())) == 1 for prompt in range(20))
    assert torch.bincount(folds, minlength=FOLDS).tolist() == [12] * FOLDS
    assert not torch.equal(folds, fold_of(prompts, 1))


def test_noise_wants_a_strong_penalty_and_a_clear_case_a_weak_one() -> None:
    strengths = (1.0, 1e-2, 1e-4)
    noise, pairs = drawn_pairs(100, torch.zeros(60), seed=2)
    clear, certain = drawn_pairs(400, torch.tensor([6.0, 0.0]), seed=3)

    def strongest(features: torch.Tensor, among: Pairs) -> float:
        scaled = scale_of(features).apply(features)
        trials = cross_validate(scaled, among, CONFIG, strengths)
        return min(trials, key=lambda trial: trial["loss"])["l2"]

    assert strongest(noise, pairs) == 1.0
    assert strongest(clear, certain) == 1e-4


def test_held_out_accuracy_of_noise_is_a_half() -> None:
    """What a leak between folds would show as far more."""
    features, pairs = drawn_pairs(1500, torch.zeros(200), seed=4)
    trials = cross_validate(features / 200**0.5, pairs, CONFIG, (1e-4,))
    assert trials[0]["accuracy"] == pytest.approx(0.5, abs=0.04)


def test_the_layer_that_knows_is_chosen() -> None:
    features, pairs = drawn_pairs(300, torch.tensor([3.0, 0.0]), seed=5)
    table = torch.stack([torch.randn(600, 2), features, torch.randn(600, 2)], 1)  # (N, 3, 2)
    calls = []
    choice = choose(table, (2, 4, 6), pairs, CONFIG, lambda: calls.append(1))
    assert 1 in choice.columns
    assert [trial["layers"] for trial in choice.trials] == [[2], [4], [6], [2, 4, 6]]
    assert min(choice.trials, key=lambda t: t["loss"])["accuracy"] > 0.8
    assert len(calls) == count_fits(3)


def test_layers_that_are_alike_are_read_together_and_one_that_is_clearly_better_alone() -> None:
    """The luckiest of several layers that know the same is no better than the others."""
    truth = torch.tensor([1.0, -1.0])
    features, pairs = drawn_pairs(300, truth, seed=7)
    generator = torch.Generator().manual_seed(8)
    noise = torch.randn(600, 3, 2, generator=generator)
    alike = choose(features[:, None] + 0.5 * noise, (1, 2, 3), pairs, CONFIG)
    assert alike.columns == (0, 1, 2)
    one_knows = torch.cat((features[:, None], torch.randn(600, 7, 2, generator=generator)), 1)
    assert choose(one_knows, tuple(range(8)), pairs, CONFIG).columns == (0,)


def test_clearly_lower_is_by_more_than_a_standard_error() -> None:
    """Differences 1, 1, 0, 0: mean 1/2, deviation 1/2, standard error 1/4. Differences 1, -1, 0, 0:
    mean 0. Differences 1, 0, 0, 0: mean 1/4, deviation sqrt(3)/4, standard error sqrt(3)/8 = 0.217.
    Differences 1, -1, 1, 0: mean 1/4, deviation 0.829, standard error 0.415."""
    zero = torch.zeros(4)
    for differences, expected in (
        ([1.0, 1.0, 0.0, 0.0], True),
        ([1.0, -1.0, 0.0, 0.0], False),
        ([1.0, 0.0, 0.0, 0.0], True),
        ([1.0, -1.0, 1.0, 0.0], False),
        ([0.0, 0.0, 0.0, 0.0], False),
    ):
        assert is_clearly_lower(zero, torch.tensor(differences)) is expected


def test_heads_differ_by_their_bootstrap_and_agree_without_one() -> None:
    features, pairs = drawn_pairs(200, torch.tensor([1.0, -1.0]), seed=6)
    table = features[:, None]
    choice = LayerChoice((0,), 0.01, [])
    weights, biases = fit_head(table, choice, pairs, CONFIG)
    ones, some = torch.ones(200), (torch.arange(200) % 2).float()
    many, many_biases = fit_heads(table, choice, pairs, CONFIG, [ones, some])
    assert torch.equal(many[0], weights)
    assert torch.equal(many_biases[0], biases)
    assert (many[1] - weights).abs().max() > 1e-3
