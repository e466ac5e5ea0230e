"""The weighted majority: what must hold for whatever votes there are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.preferences.settling import Settlement, Vote, vote_on, weigh

WEIGHTS = st.sampled_from([0.05, 0.1, 0.25, 0.3, 0.7, 1.0])
DIRECTED = st.builds(Vote, st.sampled_from([1, -1]), st.none() | st.integers(0, 3), WEIGHTS)
OTHERS = st.builds(Vote, st.sampled_from([0, None]), st.none(), WEIGHTS)
VOTES = st.lists(DIRECTED | OTHERS, min_size=1, max_size=20)


def figures(settlement: Settlement) -> dict[str, object]:
    """Rounded: the same weights in another order have sums with other last digits."""
    return {
        name: round(value, 9) if isinstance(value, float) else value
        for name, value in vars(settlement).items()
    }


@given(VOTES.flatmap(lambda votes: st.tuples(st.just(votes), st.permutations(votes))))
def test_the_order_of_votes_makes_no_difference(both: tuple[list[Vote], list[Vote]]) -> None:
    one, other = both
    assert figures(weigh(one)) == figures(weigh(other))


def test_half_of_the_weight_is_no_majority_of_both_bad_in_any_order() -> None:
    """0.3 + 0.7 of 2.0: their sums differ in the last digit by the order they are added in."""
    bad, good = [Vote(None, None, 0.3), Vote(None, None, 0.7)], [Vote(1, None, 0.3)]
    rest = Vote(1, None, 0.7)
    for votes in ([good[0], *bad, rest], [good[0], bad[0], rest, bad[1]], [*good, rest, *bad]):
        assert weigh(votes).kind == "prefer"


@given(VOTES)
def test_figures_stay_within_what_the_columns_take(votes: list[Vote]) -> None:
    settlement = weigh(votes)
    assert 0.0 <= settlement.target <= 1.0
    assert 0.0001 <= settlement.weight <= 1.0
    assert 0.0 <= settlement.vote_share <= 1.0
    assert settlement.strength is None or 0.0 <= settlement.strength <= 3.0
    counts = (settlement.votes_first, settlement.votes_second, settlement.votes_tie)
    assert sum(counts) + settlement.votes_both_bad == len(votes)


@given(VOTES)
def test_the_target_is_on_the_side_of_the_verdict(votes: list[Vote]) -> None:
    settlement = weigh(votes)
    if settlement.kind == "prefer":
        assert settlement.target > 0.5
        assert settlement.direction in (1, -1)
    if settlement.kind == "tie":
        assert settlement.target == pytest.approx(0.5)
    if settlement.kind != "prefer":
        assert settlement.direction == 0
        assert settlement.strength is None


@given(VOTES, st.integers(2, 4))
def test_the_same_votes_again_change_the_counts_alone(votes: list[Vote], times: int) -> None:
    once, often = figures(weigh(votes)), figures(weigh(votes * times))
    for name in ("votes_first", "votes_second", "votes_tie", "votes_both_bad"):
        count = once.pop(name)
        assert isinstance(count, int)
        assert often.pop(name) == times * count
    assert once == often


@given(VOTES)
def test_one_more_vote_for_the_winner_turns_nothing(votes: list[Vote]) -> None:
    before = weigh(votes)
    if before.kind == "prefer":
        after = weigh([*votes, Vote(before.direction, None, 1.0)])
        assert (after.kind, after.direction) == ("prefer", before.direction)
        assert after.target >= before.target - 1e-9


@given(VOTES)
def test_unanimous_are_those_of_whom_nobody_said_otherwise(votes: list[Vote]) -> None:
    settlement = weigh(votes)
    is_unanimous = len({vote.direction for vote in votes}) == 1
    assert (settlement.provenance == "unanimous") == is_unanimous


class Judged:
    """As much of a judgment as a vote is read from."""

    def __init__(self, kind: str, tiers: list[list[int]], strength: int | None = None) -> None:
        self.kind, self.tiers, self.strength, self.reliability = kind, tiers, strength, 0.5


@given(
    st.lists(st.integers(1, 99), unique=True, min_size=2, max_size=9).flatmap(
        lambda ids: st.tuples(st.just(ids), st.lists(st.integers(1, 3), min_size=len(ids),
                                                     max_size=len(ids)))
    )
)  # fmt: skip
def test_a_ranking_says_of_every_two_what_its_tiers_say(
    ranked: tuple[list[int], list[int]],
) -> None:
    ids, places = ranked
    tiers = [[one for one, place in zip(ids, places, strict=True) if place == tier]
             for tier in sorted(set(places))]  # fmt: skip
    judgment = Judged("prefer" if len(tiers) > 1 else "tie", tiers)
    place_of = dict(zip(ids, places, strict=True))
    for first in ids:
        for second in ids:
            vote = vote_on((first, second), judgment)  # type: ignore[arg-type]
            ahead = place_of[second] - place_of[first]
            assert vote.direction == (ahead > 0) - (ahead < 0)
            assert vote.weight == 0.5


def test_both_bad_says_nothing_of_which_is_better() -> None:
    vote = vote_on((1, 2), Judged("both_bad", [[1, 2]]))  # type: ignore[arg-type]
    assert (vote.direction, vote.strength) == (None, None)


def test_a_strength_is_of_a_direction_alone() -> None:
    tie = vote_on((1, 2), Judged("tie", [[1, 2]], 2))  # type: ignore[arg-type]
    choice = vote_on((1, 2), Judged("prefer", [[1], [2]], 2))  # type: ignore[arg-type]
    assert (tie.strength, choice.strength) == (None, 2)
