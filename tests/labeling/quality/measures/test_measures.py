"""Agreement between labelers, against worked examples from the literature."""

from typing import Literal

import krippendorff
import numpy as np
import pytest

from labeling.quality.measures import coefficients
from labeling.quality.measures.intervals import interval, sum_by, wilson

# Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), example C: four observers,
# twelve units, values 1 to 5, 0 where an observer gave none.
KRIPPENDORFF_2011 = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
        [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
    ]
)

# Fleiss, "Measuring nominal scale agreement among many raters", Psychological Bulletin 76 (1971):
# 30 patients, 6 psychiatrists, 5 diagnoses. The paper gives kappa 0.430.
FLEISS_1971 = np.array(
    [
        [0, 0, 0, 6, 0], [0, 3, 0, 0, 3], [0, 1, 4, 0, 1], [0, 0, 0, 0, 6], [0, 3, 0, 3, 0],
        [2, 0, 4, 0, 0], [0, 0, 4, 0, 2], [2, 0, 3, 1, 0], [2, 0, 0, 4, 0], [0, 0, 0, 0, 6],
        [1, 0, 0, 5, 0], [1, 1, 0, 4, 0], [0, 3, 3, 0, 0], [1, 0, 0, 5, 0], [0, 2, 0, 3, 1],
        [0, 0, 5, 0, 1], [3, 0, 0, 1, 2], [5, 1, 0, 0, 0], [0, 2, 0, 4, 0], [1, 0, 2, 0, 3],
        [0, 0, 0, 0, 6], [0, 1, 0, 5, 0], [0, 2, 0, 1, 3], [2, 0, 0, 4, 0], [1, 0, 0, 4, 1],
        [0, 5, 0, 1, 0], [4, 0, 0, 0, 2], [0, 2, 0, 4, 0], [1, 0, 5, 0, 0], [0, 0, 0, 0, 6],
    ]
)  # fmt: skip

# Wikipedia, "Fleiss' kappa", worked example: 10 subjects, 14 raters, 5 categories, kappa 0.210.
FOURTEEN_RATERS = np.array(
    [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]
)  # fmt: skip

MIRROR = (6, 5, 4, 3, 2, 1, 0)


def counted(ratings: np.ndarray, values: list[int]) -> np.ndarray:
    """(units, values) from (observers, units)."""
    return np.stack([(ratings == value).sum(axis=0) for value in values], axis=1)


def random_counts(seed: int, units: int = 200, values: int = 7) -> np.ndarray:
    rng = np.random.default_rng(seed)
    middle = rng.integers(0, values, size=units)
    said = np.clip(middle[:, None] + rng.integers(-2, 3, size=(units, 3)), 0, values - 1)
    return np.stack([(said == value).sum(axis=1) for value in range(values)], axis=1)


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815)])
def test_alpha_of_krippendorffs_own_example(
    level: Literal["nominal", "ordinal"], published: float
) -> None:
    counts = counted(KRIPPENDORFF_2011, [1, 2, 3, 4, 5])
    assert coefficients.alpha(counts, level) == pytest.approx(published, abs=0.0005)


@pytest.mark.parametrize("seed", range(5))
def test_the_sums_behind_alphas_interval_give_the_packages_alpha(seed: int) -> None:
    counts = random_counts(seed)
    counts[:20] = np.minimum(counts[:20], 1)  # fewer judgments on some units
    expected = krippendorff.alpha(
        value_counts=counts[counts.sum(axis=1) >= 2],
        value_domain=list(range(7)),
        level_of_measurement="ordinal",
    )
    comparable = counts[counts.sum(axis=1) >= 2]
    mine = coefficients._ordinal_alpha(coefficients._coincidences(comparable).sum(axis=0))
    assert float(mine) == pytest.approx(expected, abs=1e-9)


def test_fleiss_kappa_of_his_own_example() -> None:
    assert FLEISS_1971.sum(axis=1).tolist() == [6] * 30
    assert coefficients.fleiss(FLEISS_1971) == pytest.approx(0.430, abs=0.0005)


def test_fleiss_kappa_of_fourteen_raters() -> None:
    assert coefficients.fleiss(FOURTEEN_RATERS) == pytest.approx(0.210, abs=0.0005)


def test_cohens_kappa_of_two_readers_of_grant_proposals() -> None:
    # Wikipedia, "Cohen's kappa": 50 proposals, observed 0.70, by chance 0.50, kappa 0.40.
    assert coefficients.cohen(np.array([[20, 5], [10, 15]])) == pytest.approx(0.4)


def test_cohens_kappa_of_his_own_example() -> None:
    # Cohen, "Weighted kappa", Psychological Bulletin 70 (1968), 200 cases: unweighted 0.492.
    table = np.array([[88, 10, 2], [14, 40, 6], [18, 10, 12]])
    assert coefficients.cohen(table) == pytest.approx(0.492, abs=0.0005)


def test_per_cent_agreement_is_the_share_of_agreeing_pairs_of_judgments() -> None:
    # A A B: one of three pairs; B B: one of one.
    assert coefficients.percent(np.array([[2, 1], [0, 2]])) == pytest.approx(2 / 4)


def test_one_judgment_agrees_with_nobody() -> None:
    with_single = np.concatenate([FLEISS_1971, np.array([[1, 0, 0, 0, 0]])])
    assert coefficients.fleiss(with_single) == coefficients.fleiss(FLEISS_1971)
    assert coefficients.alpha(with_single) == coefficients.alpha(FLEISS_1971)
    with pytest.raises(ValueError, match="no unit has two judgments"):
        coefficients.percent(np.array([[1, 0]]))


def test_when_the_first_is_always_better_full_agreement_is_not_called_chance() -> None:
    counts, prompts = np.zeros((40, 7), dtype=int), np.arange(40)
    counts[:, 5] = 2  # two labelers, the same strength for the first response, every time
    assert np.isnan(coefficients.alpha(counts))
    assert coefficients.alpha_estimate(counts, prompts) is None
    both, twice = coefficients.both_ways(counts, prompts, MIRROR)
    estimate = coefficients.alpha_estimate(both, twice)
    assert estimate is not None
    assert (estimate.value, estimate.prompts) == (1.0, 40)


def test_agreement_does_not_depend_on_which_response_is_called_the_first() -> None:
    counts, prompts = random_counts(3), np.arange(200)
    flipped = counts.copy()
    flipped[::2] = flipped[::2, ::-1]
    one, other = (
        coefficients.alpha_estimate(*coefficients.both_ways(table, prompts, MIRROR))
        for table in (counts, flipped)
    )
    assert one is not None and other is not None
    assert one.value == pytest.approx(other.value)


def test_strength_counts_a_near_miss_less_than_a_contradiction() -> None:
    near = np.array([[0, 0, 0, 0, 1, 1, 0], [1, 1, 0, 0, 0, 0, 0]] * 10)
    far = np.array([[1, 0, 0, 0, 0, 0, 1], [0, 1, 0, 0, 0, 1, 0]] * 10)
    assert coefficients.fleiss(near) == pytest.approx(coefficients.fleiss(far), abs=0.2)
    assert coefficients.alpha(near) > 0.5 > 0 > coefficients.alpha(far)


def test_interval_of_alpha_covers_alpha_of_many_more_units() -> None:
    truth = coefficients.alpha(random_counts(99, units=40_000))
    covered = 0
    for seed in range(60):
        estimate = coefficients.alpha_estimate(random_counts(seed, units=120), np.arange(120))
        assert estimate is not None and estimate.low is not None and estimate.high is not None
        covered += estimate.low <= truth <= estimate.high
    assert covered >= 52  # 95 % of 60 is 57; 52 is three standard deviations below


def test_units_of_one_prompt_are_drawn_together() -> None:
    counts = random_counts(1)
    alone = coefficients.fleiss_estimate(counts, np.arange(200))
    clustered = coefficients.fleiss_estimate(np.repeat(counts, 5, axis=0), np.repeat(range(200), 5))
    assert alone is not None and clustered is not None
    assert clustered.prompts == 200
    assert (clustered.low, clustered.high) == pytest.approx((alone.low, alone.high))


def test_too_few_prompts_give_a_coefficient_without_an_interval_and_a_share_with_a_wide_one() -> (
    None
):
    counts, prompts = random_counts(1, units=29), np.arange(29)
    estimate = coefficients.fleiss_estimate(counts, prompts)
    assert estimate is not None
    assert (estimate.low, estimate.high, estimate.prompts) == (None, None, 29)
    share = coefficients.percent_estimate(counts, prompts)
    assert share is not None
    assert (share.low, share.high) == wilson(share.value, 29)


def test_a_coefficient_that_no_draw_changes_is_not_certain() -> None:
    counts = np.array([[3, 0], [0, 3]] * 30)
    estimate = coefficients.fleiss_estimate(counts, np.arange(60))
    assert estimate is not None
    assert (estimate.value, estimate.low, estimate.high) == (1.0, None, None)


def test_cohen_over_pairs_of_labelers_is_weighted_by_what_they_share() -> None:
    # 50 units of the pair with kappa 0.4 and 50 of a pair that always agrees: 0.7.
    table = np.zeros((100, 2, 2, 2), dtype=int)
    said = [(0, 0)] * 20 + [(0, 1)] * 5 + [(1, 0)] * 10 + [(1, 1)] * 15
    for unit, (one, other) in enumerate(said):
        table[unit, 0, one, other] = 1
        table[50 + unit, 1, one, one] = 1
    estimate = coefficients.cohen_estimate(table, np.arange(100))
    assert estimate is not None
    assert estimate.value == pytest.approx(0.7)


def test_a_bootstrap_of_a_mean_has_the_textbook_width() -> None:
    values = np.random.default_rng(0).normal(size=400)
    sums = np.stack([values, np.ones(400)], axis=1)
    low, high = interval(sums, lambda s: s[..., 0] / s[..., 1])
    assert low is not None and high is not None
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)


def test_rows_of_one_prompt_are_summed() -> None:
    summed = sum_by(np.array([7, 3, 7]), np.array([[1.0], [2.0], [3.0]]))
    assert summed.tolist() == [[2.0], [4.0]]
