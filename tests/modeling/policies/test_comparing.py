"""The blind comparison's test: against closed forms, and wrong as seldom as it says."""

import math
import random

import pytest

from modeling.policies.comparing import Outcome, Verdict, judge, running_evidence, win_rate


def log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def tosses(count: int, share: float, seed: int, ties: float = 0.0) -> list[float]:
    rng = random.Random(seed)
    return [0.5 if rng.random() < ties else float(rng.random() < share) for _ in range(count)]


def test_seven_wins_in_a_row_by_hand() -> None:
    """Stakes spread evenly over p in (1/2, 1), each doubled to 2p by a win:
    2 * integral of (2p)^7 from 1/2 to 1 = 2^8 / 8 * (1 - 2^-8) = 31.875."""
    assert math.exp(running_evidence([1.0] * 7)[-1]) == pytest.approx(31.875)


def test_the_interval_is_that_of_the_beta_mixture_for_wins_and_losses() -> None:
    """14 wins, 6 losses: the wealth against m is B(15, 7) / (m^14 (1 - m)^6), and both bounds are
    where it reaches 20."""
    found = win_rate([1.0] * 14 + [0.0] * 6)
    assert found is not None
    assert (found.value, found.n) == (0.7, 20)
    for bound in (found.low, found.high):
        wealth = log_beta(15, 7) - 14 * math.log(bound) - 6 * math.log(1 - bound)
        assert wealth == pytest.approx(math.log(20), abs=1e-6)


def test_a_tie_is_evidence_for_neither() -> None:
    with_ties = running_evidence([1.0, 0.5, 0.5, 1.0])
    assert with_ties[-1] == pytest.approx(running_evidence([1.0, 1.0])[-1])


def test_all_wins_and_no_points_have_an_interval_too() -> None:
    found = win_rate([1.0] * 5)
    assert found is not None
    assert (found.value, found.high) == (1.0, 1.0)
    assert 0.0 < found.low < 1.0
    assert win_rate([]) is None


def test_two_equal_policies_are_told_apart_at_most_one_time_in_ten() -> None:
    """Each side errs at most one time in twenty, though it is looked at again and again."""
    outcomes = [first_verdict(tosses(120, 0.5, seed, ties=0.15), every=5) for seed in range(100)]
    wrong = [o.verdict for o in outcomes if o.verdict != Verdict.UNDECIDED]
    assert wrong.count(Verdict.BETTER) <= 0.05 * 100
    assert wrong.count(Verdict.WORSE) <= 0.05 * 100


def test_the_interval_holds_the_truth_at_whatever_moment() -> None:
    missed = 0
    for seed in range(60):
        points = tosses(150, 0.6, seed)
        intervals = [win_rate(points[:n]) for n in range(2, 151, 4)]
        missed += any(found and not found.low <= 0.6 <= found.high for found in intervals)
    assert missed <= 0.05 * 60 + 3  # two standard errors


def test_a_clear_difference_is_found_before_the_cap() -> None:
    outcomes = [first_verdict(tosses(120, 0.75, seed)) for seed in range(100)]
    assert sum(o.verdict == Verdict.BETTER for o in outcomes) >= 95
    assert sum(o.decided_at for o in outcomes) / 100 < 50
    worse = judge([1 - x for x in tosses(120, 0.75, 1)], cap=120)
    assert worse.verdict == Verdict.WORSE


def test_judgments_between_two_looks_all_count() -> None:
    """Twenty people answered at once: the ten first would have decided, all of them do not."""
    assert judge([1.0] * 10, cap=50).verdict == Verdict.BETTER
    together = judge([1.0] * 10 + [0.0] * 10, cap=50)
    assert (together.verdict, together.decided_at) == (Verdict.OPEN, 0)
    assert together.win_rate is not None and together.win_rate.value == 0.5
    assert together.p_value < 0.05  # it says what was seen at any moment


def test_judgments_beyond_the_cap_change_the_interval_only() -> None:
    early = judge([1.0] * 10, cap=10)
    later = judge([1.0] * 10 + [0.0] * 40, cap=10)
    assert (early.verdict, early.decided_at) == (later.verdict, later.decided_at)
    assert early.verdict == Verdict.BETTER
    assert later.win_rate is not None and later.win_rate.value == 0.2


def first_verdict(points: list[float], every: int = 1) -> Outcome:
    """What somebody comes to who looks after every so many judgments."""
    looks = (judge(points[:n], cap=len(points)) for n in range(every, len(points) + 1, every))
    return next(outcome for outcome in looks if outcome.verdict != Verdict.OPEN)


def test_a_few_judgments_decide_nothing_and_the_cap_ends_it() -> None:
    assert judge([1.0] * 9, cap=50).verdict == Verdict.OPEN
    assert judge([1.0, 0.0] * 25, cap=50).verdict == Verdict.UNDECIDED
    assert judge([], cap=50).verdict == Verdict.OPEN
    assert judge([1.0, 0.0] * 25, cap=50).p_value > 0.05


def test_a_point_outside_0_to_1_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        judge([1.5], cap=10)
