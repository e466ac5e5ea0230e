"""What is said of one labeler, what is refused, and how reliable a simulated one turns out."""

import numpy as np
import pytest

from labeling.quality.measures import dawid_skene, one_labeler
from labeling.quality.measures.dawid_skene import Choices, LabelerReliability
from labeling.quality.measures.intervals import Estimate, Refusal


def simulate(
    seed: int, skills: list[float], biases: list[float] | None = None, pairs: int = 500
) -> tuple[Choices, np.ndarray]:
    """Three labelers judge each pair, as the model says people do."""
    rng = np.random.default_rng(seed)
    truth = rng.random(pairs) < 0.5
    who = np.concatenate([rng.choice(len(skills), 3, replace=False) for _ in range(pairs)])
    pair = np.repeat(np.arange(pairs), 3)
    on_left = rng.random(len(pair)) < 0.5
    side = np.where(truth[pair] == on_left, 1, -1)
    odds = np.array(skills)[who] + np.array(biases or [0.0] * len(skills))[who] * side
    right = rng.random(len(pair)) < 1 / (1 + np.exp(-odds))
    return Choices(pair, who, np.where(right, truth[pair], ~truth[pair]), on_left), truth


def estimate(choices: Choices, count: int, **more: object) -> list[LabelerReliability]:
    pairs = int(choices.pair.max()) + 1
    return dawid_skene.estimate_reliabilities(choices, count, pairs, **more).labelers  # type: ignore[arg-type]


def test_pace_is_the_median_so_that_a_lunch_break_does_not_count() -> None:
    pace = one_labeler.pace([10.0] * 15 + [20.0] * 14 + [3600.0])
    assert isinstance(pace, Estimate)
    assert pace.value == 15.0
    assert (pace.low, pace.high) == (10.0, 20.0)


@pytest.mark.parametrize(
    ("measure", "needed"),
    [
        (lambda n: one_labeler.pace([5.0] * n), 20),
        (lambda n: one_labeler.agreement_with_others([1] * n, [1] * n, list(range(n))), 20),
        (lambda n: one_labeler.gold_accuracy([True] * n), 10),
        (lambda n: one_labeler.retest([True] * n), 10),
        (lambda n: one_labeler.position_bias([True] * n), 30),
        (lambda n: one_labeler.length_bias([True] * n), 30),
    ],
)
def test_each_measure_is_refused_below_its_number_and_says_what_is_missing(measure, needed) -> None:
    refused = measure(needed - 1)
    assert isinstance(refused, Refusal)
    assert f"Needs {needed}" in refused.reason and f"there are {needed - 1}" in refused.reason
    assert isinstance(measure(needed), Estimate)


def test_agreement_with_others_counts_their_judgments_and_draws_prompts() -> None:
    agreement = one_labeler.agreement_with_others([2, 0] * 20, [2, 1] * 20, list(range(20)) * 2)
    assert isinstance(agreement, Estimate)
    assert agreement.value == pytest.approx(40 / 60)
    assert agreement.prompts == 20


def test_judgments_that_nobody_shares_do_not_count_towards_agreement() -> None:
    assert isinstance(
        one_labeler.agreement_with_others([0] * 99, [0] * 99, list(range(99))), Refusal
    )


def test_a_side_habit_is_told_from_chance() -> None:
    habit = one_labeler.position_bias([True] * 45 + [False] * 15)
    chance = one_labeler.position_bias([True] * 33 + [False] * 27)
    assert isinstance(habit, Estimate) and isinstance(chance, Estimate)
    assert habit.excludes(0.5) and not chance.excludes(0.5)


def test_skills_and_habits_are_recovered() -> None:
    choices, _ = simulate(1, [2.0] * 6 + [0.0, 0.0, -1.5], [0.0] * 6 + [0.0, 3.0, 0.0], pairs=900)
    estimates = estimate(choices, 9)
    for good in estimates[:6]:
        assert 0.75 < good.accuracy < 0.97
        assert good.left_low < 0.5 < good.left_high
    guesser, left_handed, inverted = estimates[6:]
    assert guesser.low < 0.5 < guesser.high
    assert left_handed.left_low > 0.75
    assert inverted.high < 0.4
    assert min(one.weight for one in estimates[:6]) > 0.5 > max(one.weight for one in estimates[6:])


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    skills = list(np.linspace(0.0, 2.2, 12))
    truth = 1 / (1 + np.exp(-np.array(skills)))
    covered = [
        one.low <= known <= one.high
        for seed in range(25)
        for one, known in zip(estimate(simulate(seed, skills)[0], 12), truth, strict=True)
    ]
    assert 0.90 <= np.mean(covered) <= 0.99


def test_weights_settle_more_pairs_rightly_than_a_majority() -> None:
    choices, truth = simulate(2, [2.0] * 6 + [0.0] * 4, pairs=800)
    weight = np.array([one.weight for one in estimate(choices, 10)])
    vote = np.where(choices.chose_first, 1.0, -1.0)
    majority = np.bincount(choices.pair, weights=vote) > 0
    weighted = np.bincount(choices.pair, weights=vote * weight[choices.labeler]) > 0
    assert (weighted == truth).mean() > (majority == truth).mean() + 0.03


def test_without_shared_pairs_everybody_weighs_the_same_and_nobody_is_known() -> None:
    rng = np.random.default_rng(0)
    choices = Choices(
        np.arange(300), rng.integers(0, 3, 300), rng.random(300) < 0.9, rng.random(300) < 0.5
    )
    estimates = estimate(choices, 4)
    assert [one.is_known for one in estimates] == [False] * 4
    assert [one.weight for one in estimates] == [1.0] * 4


def test_a_newcomer_stands_between_the_best_and_the_worst() -> None:
    choices, _ = simulate(3, [2.0] * 5 + [0.0])
    estimates = estimate(choices, 7)
    assert estimates[5].weight < estimates[6].weight < max(one.weight for one in estimates[:5])
    assert not estimates[6].is_known


def test_known_answers_tell_right_from_wrong_where_the_majority_is_wrong() -> None:
    choices, truth = simulate(4, [2.0, 2.0, -2.0, -2.0, -2.0, -2.0], pairs=400)
    gold = {pair: bool(truth[pair]) for pair in range(200)}
    estimates = estimate(choices, 6, gold=gold)
    assert min(one.accuracy for one in estimates[:2]) > 0.75
    assert max(one.accuracy for one in estimates[2:]) < 0.25


def test_no_choices_at_all_is_no_error() -> None:
    nothing = np.array([], dtype=np.int64)
    estimates = dawid_skene.estimate_reliabilities(
        Choices(nothing, nothing, nothing.astype(bool), nothing.astype(bool)), 2, 0
    )
    assert [one.weight for one in estimates.labelers] == [1.0, 1.0]


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="columns of different lengths"):
        Choices(np.arange(2), np.arange(3), np.ones(2, bool), np.ones(2, bool))


def test_log_odds_of_votes_add_up_to_a_posterior() -> None:
    # Two votes of log-odds 1.1 for the first, one against: odds e^1.1.
    chance = dawid_skene.posterior_of_pair(np.array([1, 1, -1]), np.array([1.1, 1.1, 1.1]))
    assert chance == pytest.approx(np.exp(1.1) / (1 + np.exp(1.1)))
    assert dawid_skene.posterior_of_pair(np.array([0]), np.array([2.0])) == 0.5
