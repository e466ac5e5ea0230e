"""Predictions at their edges: ties, equal rewards, ensembles, bands, names of slices, no rows."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeling.measures.predictions import (
    BANDS,
    LONGEST,
    MARGIN_BINS,
    STRONGEST,
    Prediction,
    accuracy_of,
    by_slice,
    compare,
    evaluate,
    headline_of,
    length_band,
    length_correlation,
    longer_point,
    margin_histogram,
    newest_slice,
    paired,
    predictions_of,
    prompt_key,
    read_predictions,
    slice_table,
    strength_band,
)


def row(delta: float = 1.0, **fields: Any) -> Prediction:
    fields = {"id": "1", "split": "test", "prompt": "p"} | fields
    return Prediction(reward_chosen=delta, reward_rejected=0.0, **fields)


@pytest.mark.parametrize(
    ("delta", "target", "point"),
    [
        (1.0, 1.0, 1.0),
        (-1.0, 1.0, 0.0),
        (-1.0, 0.0, 1.0),  # most judgments went to the other one
        (1.0, 0.4, 0.0),
        (0.0, 1.0, 0.5),
        (0.0, 0.5, None),
        (9.0, 0.5, None),
    ],
)
def test_a_point_is_given_for_the_judged_order(
    delta: float, target: float, point: float | None
) -> None:
    assert row(delta, target=target).point == point


@given(st.floats(-9, 9), st.floats(0, 1))
def test_a_pair_that_is_turned_round_has_the_same_point(delta: float, target: float) -> None:
    turned = Prediction("1", "test", 0.0, delta, target=1.0 - target)
    if (1.0 - target > 0.5) != (target > 0.5) and 1.0 - target != 0.5:
        assert turned.point == row(delta, target=target).point


def test_margins_are_the_members_or_the_model_itself() -> None:
    members: dict[str, Any] = {"members_chosen": (2.0, 0.5), "members_rejected": (1.0, 1.0)}
    assert row(**members).margins == [1.0, -0.5]
    assert row(target=0.0, **members).margins == [-1.0, 0.5]
    assert row(0.7).margins == [0.7]


def test_members_that_do_not_match_are_no_silent_cut() -> None:
    with pytest.raises(ValueError, match="shorter"):
        _ = row(members_chosen=(1.0, 2.0), members_rejected=(1.0,)).margins


@pytest.mark.parametrize(
    ("target", "by", "point"), [(1.0, 30, 1.0), (0.0, -30, 0.0), (0.5, 30, None)]
)
def test_the_longer_one_is_seen_from_the_judged_winner(
    target: float, by: int, point: float | None
) -> None:
    one = row(target=target, chosen_length=40, rejected_length=10)
    assert (one.longer_by, longer_point(one)) == (by, point)


def test_two_of_one_length_are_half_a_win_for_length() -> None:
    assert longer_point(row(chosen_length=7, rejected_length=7)) == 0.5


@pytest.mark.parametrize(
    ("longest", "band"),
    [
        (0, BANDS[0][1]),
        (199, BANDS[0][1]),
        (200, BANDS[1][1]),
        (799, BANDS[1][1]),
        (800, BANDS[2][1]),
        (1999, BANDS[2][1]),
        (2000, LONGEST),
        (10**9, LONGEST),
    ],
)
def test_a_band_of_length_ends_before_the_next_begins(longest: int, band: str) -> None:
    assert length_band(row(chosen_length=longest)) == band
    assert length_band(row(rejected_length=longest)) == band


@pytest.mark.parametrize(
    ("strength", "band"),
    [
        (None, "not given"),
        (0.0, "slightly better"),
        (1.49, "slightly better"),
        (1.5, "better"),
        (-2.0, "better"),
        (2.5, STRONGEST),
        (-3.0, STRONGEST),
    ],
)
def test_strength_has_the_same_band_on_both_sides(strength: float | None, band: str) -> None:
    assert strength_band(row(strength=strength)) == band


def test_slices_are_sorted_by_size_and_by_number_and_not_by_letter() -> None:
    rows = [
        row(round=number, chosen_length=length, slices={"tag": [f"tag {number}"]})
        for number, length in [(10, 5000), (2, 900), (None, 10), (9, 300)]
    ]
    table = slice_table(rows)
    assert [line["name"] for line in table["round"]] == ["imported", "2", "9", "10"]
    assert [line["name"] for line in table["length"]] == [name for _, name in BANDS] + [LONGEST]
    assert [line["name"] for line in table["tag"]] == ["tag 10", "tag 2", "tag 9", "tag None"]


@given(st.lists(st.text(max_size=8), min_size=1, max_size=6, unique=True))
def test_a_tag_may_be_any_text(tags: list[str]) -> None:
    table = slice_table([row(slices={"tag": tags})])
    assert {line["name"] for line in table["tag"]} == set(tags)


def test_a_row_without_names_of_a_kind_is_in_no_slice_of_it() -> None:
    assert "tag" not in by_slice([row()])
    assert by_slice([row(slices={"tag": []})])["tag"] == {}


def test_slices_of_ties_alone_have_no_line() -> None:
    assert slice_table([row(target=0.5)])["length"] == []


@pytest.mark.parametrize(
    ("splits", "headline"),
    [(["train"], ""), (["train", "dev"], "dev"), (["dev", "test"], "test"), ([], "")],
)
def test_the_headline_is_never_what_the_model_learned_from(
    splits: list[str], headline: str
) -> None:
    rows = [row(split=split) for split in splits]
    assert headline_of(rows) == (headline, [one for one in rows if one.split == headline])


def test_a_split_of_ties_alone_is_no_headline() -> None:
    assert headline_of([row(target=0.5), row(split="dev")])[0] == "dev"


def test_the_newest_round_counts_even_if_it_is_the_first() -> None:
    old, new = row(arm="random", round=0), row(arm="random", round=3)
    assert newest_slice([old, new]) == [new]
    assert newest_slice([old]) == [old]
    assert newest_slice([row(arm="chosen", round=3), row(arm="random", round=None)]) == []
    assert newest_slice([row(arm="random", round=9, split="train"), old]) == [old]


def test_a_correlation_counts_each_pair_both_ways_round() -> None:
    pairs = [(1.0, 10), (-2.0, -20)]
    rows = [row(delta, chosen_length=100 + by, rejected_length=100) for delta, by in pairs]
    assert length_correlation(rows) == pytest.approx(1.0)
    turned = [
        Prediction("1", "test", 0.0, delta, chosen_length=100, rejected_length=100 + by)
        for delta, by in pairs
    ]
    assert length_correlation(turned) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "rows",
    [[], [row(0.0, chosen_length=9)], [row(1.0, chosen_length=5, rejected_length=5)]],
    ids=["no rows", "equal rewards", "equal lengths"],
)
def test_what_does_not_vary_has_no_correlation(rows: list[Prediction]) -> None:
    assert length_correlation(rows) is None


def test_margins_beyond_the_reach_are_counted_at_the_end() -> None:
    rows = [row(0.1) for _ in range(199)] + [row(1000.0)]
    histogram = margin_histogram(rows)
    assert sum(histogram["counts"]) == 200
    assert len(histogram["counts"]) == MARGIN_BINS == len(histogram["edges"]) - 1
    assert histogram["edges"][-1] < 1000


def test_margins_of_equal_rewards_have_a_width_all_the_same() -> None:
    histogram = margin_histogram([row(0.0), row(0.0)])
    assert (histogram["edges"][0], histogram["edges"][-1]) == (-1.0, 1.0)
    assert sum(histogram["counts"]) == 2


def test_ties_have_no_margin() -> None:
    assert margin_histogram([row(3.0, target=0.5)]) == {"edges": [], "counts": []}


def test_nothing_held_out_is_no_evaluation() -> None:
    assert evaluate([]) == evaluate([row(split="train")]) == {}


def test_a_newest_round_of_ties_has_no_figure() -> None:
    tie = row(target=0.5, arm="random", round=4)
    assert evaluate([row(), tie])["newest"] is None


def test_models_without_a_common_row_are_not_compared() -> None:
    assert paired([row(id="1")], {"2": row(id="2")}) == []
    assert compare([]) is None
    assert compare([(row(target=0.5), row(target=0.5))]) is None


def test_an_order_of_rows_changes_no_accuracy() -> None:
    rows = [row(1.0 if at % 3 else -1.0, id=str(at), prompt=str(at // 2)) for at in range(30)]
    assert accuracy_of(rows) == accuracy_of(rows[::-1])


@given(st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)), max_size=4))
def test_a_prompts_key_is_short_and_its_own(messages: list[tuple[str, str]]) -> None:
    key = prompt_key(messages)
    assert len(key) == 16 and key == prompt_key([list(one) for one in messages])
    assert key != prompt_key([*messages, ("user", "more")])


def test_a_key_tells_role_and_text_apart() -> None:
    assert prompt_key([("a", "b")]) != prompt_key([("ab", "")])
    assert prompt_key([("a", "b"), ("c", "d")]) != prompt_key([("a", "bcd")])


def test_unknown_fields_are_passed_over_and_a_prompt_is_the_rows_own_by_default() -> None:
    stored = {"id": "7", "split": "dev", "reward_chosen": 1.0, "reward_rejected": 0.0, "new": 1}
    assert predictions_of([stored]) == [Prediction("7", "dev", 1.0, 0.0, prompt="7")]


def test_a_run_that_left_nothing_has_no_predictions(tmp_path: Any) -> None:
    assert read_predictions(tmp_path / "predictions.jsonl") == []
    empty = tmp_path / "empty.jsonl"
    empty.write_text("\n\n")
    assert read_predictions(empty) == []
