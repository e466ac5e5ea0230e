"""What rounds came to is read by name, whatever their rows lack, and written as it always was."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeling.run_data.rounds import BlindResult, GoldMeans, RoundResults, WinRate

DECIDED = {
    "verdict": "better",
    "p_value": 0.03,
    "decided_at": 40,
    "win_rate": {"value": 0.7, "low": 0.55, "high": 0.82, "n": 40},
}
shares = st.floats(0, 1)
win_rates = st.builds(WinRate, shares, shares, shares, st.integers(1, 5000))
blind_results = st.builds(
    BlindResult,
    st.sampled_from(["better", "worse", "undecided", "open"]),
    shares,
    st.integers(0, 5000),
    st.none() | win_rates,
)
scores = st.floats(-1e6, 1e6)
golds = st.builds(GoldMeans, scores, scores)


@given(st.none() | golds, st.none() | blind_results)
def test_what_is_written_is_read_again(gold: GoldMeans | None, blind: BlindResult | None) -> None:
    results = RoundResults(gold=gold, blind=blind)
    assert RoundResults.read_stored(json.loads(json.dumps(results.as_json()))) == results


def test_the_json_is_flat_with_the_gold_first() -> None:
    """So it was when each part was written by itself."""
    results = RoundResults.read_stored({"gold": {"current": 0.5, "new": 0.75}} | DECIDED)
    assert json.dumps(results.as_json()) == (
        '{"gold": {"current": 0.5, "new": 0.75}, "verdict": "better", "p_value": 0.03, '
        '"decided_at": 40, "win_rate": {"value": 0.7, "low": 0.55, "high": 0.82, "n": 40}}'
    )


def test_a_comparison_that_nobody_judged_says_so_with_a_null() -> None:
    written = RoundResults(blind=BlindResult("undecided", 1.0, 0, None)).as_json()
    assert written == {"verdict": "undecided", "p_value": 1.0, "decided_at": 0, "win_rate": None}


@pytest.mark.parametrize("nothing", [{}, None, [], "better", {"gold": None}, {"verdict": None}])
def test_a_row_that_says_nothing_is_a_round_without_results(nothing: object) -> None:
    results = RoundResults.read_stored(nothing)
    assert results == RoundResults()
    assert results.as_json() == {}, "and stays the empty JSON that queries look for"


@pytest.mark.parametrize("half", [{"value": 0.7, "low": 0.5, "high": 0.8}, {"n": 3}, [], "70 %"])
def test_half_a_win_rate_is_none(half: object) -> None:
    blind = RoundResults.read_stored(DECIDED | {"win_rate": half}).blind
    assert blind is not None
    assert (blind.verdict, blind.win_rate, blind.decided_at) == ("better", None, 40)


@pytest.mark.parametrize("half", [{"current": 0.5}, {"new": 0.5}, {"current": None, "new": 1.0}])
def test_one_mean_alone_is_no_gold(half: dict[str, Any]) -> None:
    assert RoundResults.read_stored({"gold": half}).gold is None


def test_a_verdict_of_an_earlier_version_needs_no_figures() -> None:
    blind = RoundResults.read_stored({"verdict": "worse"}).blind
    assert blind == BlindResult("worse", None, None, None)
