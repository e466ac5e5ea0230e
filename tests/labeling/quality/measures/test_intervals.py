"""Intervals by prompt: what must hold for whatever tallies there are."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.quality.measures.intervals import (
    FEWEST_PROMPTS,
    FEWEST_TO_BE_SURE,
    Estimate,
    PairedDifference,
    PromptTally,
    difference_by_prompt,
    interval,
    median_interval,
    share_by_prompt,
    sum_by,
    wilson,
)


def tally(trials: int, share: float, prompts: int) -> PromptTally:
    return PromptTally(round(trials * share * 2) / 2, trials, prompts)


TALLIES = st.lists(
    st.builds(tally, st.integers(0, 5), st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.integers(0, 9)),
    max_size=8,
)
CHANGES = st.lists(
    st.builds(
        lambda trials, sign, prompts: PromptTally(sign * trials, trials, prompts),
        st.integers(1, 4),
        st.sampled_from([-1, 0, 1]),
        st.integers(1, 9),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60)
@given(TALLIES)
def test_a_share_lies_within_its_interval_and_both_within_0_and_1(
    tallies: list[PromptTally],
) -> None:
    estimate = share_by_prompt(tallies)
    if estimate is None:
        assert not any(one.trials and one.prompts for one in tallies)
        return
    assert estimate.low is not None
    assert estimate.high is not None
    assert 0.0 <= estimate.low <= estimate.value + 1e-9
    assert estimate.value <= estimate.high + 1e-9 <= 1.0 + 1e-9
    assert estimate.count == sum(one.trials * one.prompts for one in tallies)
    assert estimate.prompts == sum(one.prompts for one in tallies if one.trials)


@settings(max_examples=40)
@given(TALLIES.flatmap(lambda tallies: st.tuples(st.just(tallies), st.permutations(tallies))))
def test_the_order_of_tallies_makes_no_difference(
    both: tuple[list[PromptTally], list[PromptTally]],
) -> None:
    one, other = both
    assert share_by_prompt(one) == share_by_prompt(other)


@settings(max_examples=40)
@given(TALLIES)
def test_prompts_of_one_tally_may_be_counted_one_by_one(tallies: list[PromptTally]) -> None:
    single = [PromptTally(one.hits, one.trials) for one in tallies for _ in range(one.prompts)]
    assert share_by_prompt(single) == share_by_prompt(tallies)


@given(st.floats(0, 1), st.integers(0, 10_000))
def test_wilsons_interval_holds_the_share_and_is_mirrored_with_it(share: float, count: int) -> None:
    low, high = wilson(share, count)
    assert 0.0 <= low <= share + 1e-9
    assert share - 1e-9 <= high <= 1.0
    mirrored = wilson(1 - share, count)
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high), abs=1e-9)


@given(st.floats(0, 1), st.integers(1, 1_000))
def test_more_trials_make_wilsons_interval_no_wider(share: float, count: int) -> None:
    low, high = wilson(share, count)
    narrower = wilson(share, count + 1)
    assert narrower[1] - narrower[0] <= high - low + 1e-12


def test_of_no_trials_everything_is_possible() -> None:
    assert wilson(0.5, 0) == (0.0, 1.0)
    assert wilson(1.0, -1) == (0.0, 1.0)


def mirror(difference: PairedDifference) -> PairedDifference:
    return PairedDifference(
        -difference.value, -difference.high, -difference.low, difference.error, difference.count
    )


@settings(max_examples=40)
@given(CHANGES)
def test_gains_and_losses_swapped_are_the_same_difference_the_other_way(
    tallies: list[PromptTally],
) -> None:
    one = difference_by_prompt(tallies)
    other = difference_by_prompt([PromptTally(-t.hits, t.trials, t.prompts) for t in tallies])
    assert one is not None
    assert other is not None
    mirrored = mirror(other)
    assert mirrored.value == pytest.approx(one.value)
    assert mirrored.count == one.count
    if sum(t.prompts for t in tallies) < FEWEST_PROMPTS:
        assert (mirrored.low, mirrored.high) == pytest.approx((one.low, one.high))


@settings(max_examples=40)
@given(CHANGES)
def test_a_difference_lies_within_its_interval_and_that_within_minus_1_and_1(
    tallies: list[PromptTally],
) -> None:
    difference = difference_by_prompt(tallies)
    assert difference is not None
    assert -1.0 <= difference.low <= difference.value + 1e-9
    assert difference.value - 1e-9 <= difference.high <= 1.0
    assert difference.error >= 0.0


@pytest.mark.parametrize("gains", range(FEWEST_TO_BE_SURE + 2))
def test_a_difference_of_five_prompts_excludes_nothing_and_of_six_it_may(gains: int) -> None:
    difference = difference_by_prompt([PromptTally(1, 1, gains), PromptTally(0, 1, 10)])
    assert difference is not None
    if gains < FEWEST_TO_BE_SURE:
        assert difference.low <= 0.0 <= difference.high
    else:
        assert difference.low > 0.0


@pytest.mark.parametrize(("gains", "losses"), [(6, 1), (5, 4), (10, 19), (14, 14)])
def test_where_every_prompt_differs_a_difference_is_one_share_said_twice(
    gains: int, losses: int
) -> None:
    """Losses are then all that is no gain: gains − losses = 2 · gains − 1, bounds and all."""
    difference = difference_by_prompt([PromptTally(1, 1, gains), PromptTally(-1, 1, losses)])
    assert difference is not None
    low, high = wilson(gains / (gains + losses), gains + losses)
    assert (difference.low, difference.high) == pytest.approx((2 * low - 1, 2 * high - 1))


def test_without_trials_there_is_no_difference() -> None:
    assert difference_by_prompt([]) is None
    assert difference_by_prompt([PromptTally(0, 0, 5), PromptTally(0, 3, 0)]) is None


def test_a_difference_of_many_prompts_has_the_textbook_error() -> None:
    """400 gains and 200 losses of 1,000 prompts: the variance of one prompt's change is
    0.6 − 0.2², so the error of the mean is √(0.56 / 1000) = 0.0237."""
    tallies = [PromptTally(1, 1, 400), PromptTally(-1, 1, 200), PromptTally(0, 1, 400)]
    difference = difference_by_prompt(tallies)
    assert difference is not None
    assert difference.value == pytest.approx(0.2)
    assert difference.error == pytest.approx(math.sqrt(0.56 / 1000), rel=0.1)
    assert difference.low == pytest.approx(0.2 - 1.96 * difference.error, abs=0.01)


@given(st.lists(st.floats(0, 600), min_size=1, max_size=60))
def test_the_interval_of_a_median_holds_it_and_is_made_of_values(values: list[float]) -> None:
    low, high = median_interval(np.array(values))
    assert low <= float(np.median(values)) <= high
    assert {low, high} <= set(values)


def test_the_interval_of_a_median_is_that_of_the_order_statistics() -> None:
    """Of 100 values: 50 ± 1.96 · √100 / 2 = 40.2 to 59.8, so the 41st and the 61st."""
    assert median_interval(np.arange(100.0)) == (40.0, 60.0)


@pytest.mark.parametrize(
    ("low", "high", "prompts", "value", "excluded"),
    [
        (0.6, 0.8, 30, 0.5, True),
        (0.5, 0.8, 30, 0.5, False),
        (0.2, 0.4, 30, 0.5, True),
        (0.6, 0.8, FEWEST_TO_BE_SURE, 0.5, True),
        (0.6, 0.8, FEWEST_TO_BE_SURE - 1, 0.5, False),
        (None, None, 30, 0.5, False),
    ],
)
def test_what_an_interval_excludes(
    low: float | None, high: float | None, prompts: int, value: float, excluded: bool
) -> None:
    assert Estimate(0.7, low, high, 100, prompts).excludes(value) == excluded


def test_per_cents_are_rounded_and_missing_bounds_stay_missing() -> None:
    whole, open_ = Estimate(0.666, 0.614, 0.718, 9, 9), Estimate(0.5, None, None, 9, 9)
    assert (whole.percent, whole.percent_low, whole.percent_high) == (67, 61, 72)
    assert (open_.percent, open_.percent_low, open_.percent_high) == (50, None, None)


def test_a_measure_that_half_of_the_draws_do_not_define_has_no_interval() -> None:
    rows = np.column_stack([np.arange(40.0), np.ones(40)])

    def undefined_below(least: float):  # type: ignore[no-untyped-def]
        def mean(sums: np.ndarray) -> np.ndarray:
            means = sums[..., 0] / sums[..., 1]
            return np.where(means < least, np.nan, means)

        return mean

    assert interval(rows, undefined_below(0.0)) != (None, None)
    assert interval(rows, undefined_below(40.0)) == (None, None)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-5, 5)), max_size=30))
def test_sums_by_key_are_those_of_a_plain_loop(rows: list[tuple[int, int]]) -> None:
    keys = np.array([key for key, _ in rows], dtype=np.int64)
    values = np.array([[float(value)] for _, value in rows]).reshape(-1, 1)
    expected = [sum(v for k, v in rows if k == key) for key in sorted({k for k, _ in rows})]
    assert sum_by(keys, values).reshape(-1).tolist() == expected
