"""A reward model's figures as its page shows them: bins, margins, slices, two versions."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeling.measures.predictions import MARGIN_BINS, Prediction, margin_histogram
from modeling.pages.reward_models import report
from modeling.pages.reward_models.gate_report import NO_CHECKS, ModelStanding, gate_report
from modeling.reward_models.accuracy import Accuracy
from modeling.run_data.stored import Evaluation

bins = st.lists(
    st.fixed_dictionaries(
        {"confidence": st.floats(0.5, 1), "accuracy": st.floats(0, 1), "n": st.integers(0, 40)}
    ),
    max_size=20,
)


def evaluation(**figures: Any) -> Evaluation:
    return Evaluation.read_stored(figures)


@given(bins)
def test_joined_bins_keep_every_comparison_and_the_mean(parts: list[dict[str, float]]) -> None:
    wide = report._wide_enough(parts)
    assert sum(part["n"] for part in wide) == sum(part["n"] for part in parts)
    for key in ("confidence", "accuracy"):
        before, after = (sum(p[key] * p["n"] for p in each) for each in (parts, wide))
        assert after == pytest.approx(before, abs=1e-6)
    if len(wide) > 1:
        assert min(part["n"] for part in wide) >= report.FEWEST_PER_POINT


@given(bins)
def test_joining_bins_leaves_what_was_measured_as_it_was(parts: list[dict[str, float]]) -> None:
    before = [dict(part) for part in parts]
    report._wide_enough(parts)
    assert parts == before


def test_the_surest_claims_are_drawn_although_they_are_few() -> None:
    parts = [
        {"confidence": 0.6, "accuracy": 0.6, "n": 30},
        {"confidence": 0.8, "accuracy": 0.8, "n": 30},
        {"confidence": 0.99, "accuracy": 0.0, "n": 6},
    ]
    spec = report.reliability_chart(evaluation(calibration={"reliability": parts}))
    assert spec is not None
    assert spec["series"][0]["data"] == [60.0, 66.7]
    assert spec["series"][1]["data"] == [60.0, 83.2]


@pytest.mark.parametrize("parts", [None, [], [{"confidence": 0.9, "accuracy": 1.0, "n": 50}]])
def test_one_bin_is_no_diagram(parts: Any) -> None:
    assert report.reliability_chart(evaluation(calibration={"reliability": parts})) is None


def test_every_margin_is_either_right_or_wrong() -> None:
    rows = [Prediction(str(at), "test", at / 7, 0.0) for at in range(-20, 40)]
    spec = report.margin_chart(evaluation(margins=margin_histogram(rows)))
    assert spec is not None
    right, wrong = (series["data"] for series in spec["series"])
    assert len(right) == len(wrong) == MARGIN_BINS
    assert sum(right) + sum(wrong) == len(rows)
    assert all(not (one and other) for one, other in zip(right, wrong, strict=True))
    assert (sum(wrong), sum(right)) == (20, 40)


def test_no_margins_are_no_chart() -> None:
    assert report.margin_chart(evaluation()) is None
    assert report.margin_chart(evaluation(margins={"edges": [], "counts": []})) is None


def test_a_kind_with_one_name_tells_nothing_apart() -> None:
    line = {"name": "a", "value": 0.7, "low": 0.6, "high": 0.8, "n": 30}
    one = evaluation(
        slices={"tag": [line], "arm": [line, line | {"name": "b"}], "new kind": [line]}
    )
    assert [title for title, _ in report.slice_figures(one)] == ["How the pair was drawn"]


def test_of_very_many_tags_the_first_are_shown() -> None:
    lines = [{"name": str(at), "value": 0.5, "n": 1} for at in range(report.MOST_TAGS + 5)]
    [(_, rows)] = report.slice_figures(evaluation(slices={"tag": lines}))
    assert [name for name, _ in rows] == [str(at) for at in range(report.MOST_TAGS)]
    assert rows[0][1] == Accuracy(value=0.5, low=None, high=None, n=1, split="")


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([], ""),
        ([{"role": "user"}], ""),
        ([{"content": "first"}, {"content": " last \n line "}], "last line"),
        ([{"content": "ä" * report.EXCERPT}], "ä" * report.EXCERPT),
        ([{"content": "ä" * (report.EXCERPT + 1)}], "ä" * report.EXCERPT + "…"),
    ],
)
def test_an_excerpt_is_the_beginning_of_the_last_turn(messages: Any, words: str) -> None:
    assert report.excerpt_of(messages) == words


def pair(
    number: int, new: float, old: float, split: str = "test", **fields: Any
) -> tuple[Prediction, Prediction]:
    key = {"id": str(number), "split": split, "prompt": str(number)} | fields
    new_row, old_row = (
        Prediction(reward_chosen=at, reward_rejected=0.0, **key) for at in (new, old)
    )
    return new_row, old_row


def test_two_versions_are_counted_in_four_ways() -> None:
    pairs = [pair(1, 1, 1), pair(2, 1, -1), pair(3, 1, -2), pair(4, -1, 1), pair(5, -1, -1)]
    both = report.compare_versions(pairs)
    assert (both.both_right, both.only_new, both.only_old, both.both_wrong) == (1, 2, 1, 1)
    assert both.count == 5 and both.is_too_few
    assert both.difference is not None and both.difference["value"] == pytest.approx(0.2)
    assert [key for key, _, _ in both.changed] == ["3", "2", "4"], "the largest turn first"


def test_equal_rewards_are_not_right() -> None:
    both = report.compare_versions([pair(1, 0, 1)])
    assert (both.both_right, both.only_old) == (0, 1)


def test_only_decided_comparisons_of_the_test_split_count() -> None:
    pairs = [pair(1, 1, -1, "dev"), pair(2, 1, -1, "train"), pair(3, 1, -1, target=0.5)]
    both = report.compare_versions(pairs)
    assert (both.count, both.compared, both.difference, both.changed) == (0, [], None, [])
    assert both.slices == []


def test_slices_of_two_versions_are_those_with_several_names() -> None:
    pairs = [pair(at, 1, -1, round=at % 2, arm="random") for at in range(8)]
    assert [title for title, _ in report.compare_versions(pairs).slices] == ["Round"]


CHECK = {"name": "Length", "passed": True, "text": "Fine."}
GOOD = Accuracy(value=0.8, low=0.7, high=0.9, n=200, split="test")


def test_a_model_that_the_gate_has_not_seen_is_not_known() -> None:
    said = gate_report(None, GOOD)
    assert (said.standing, said.checks) == (ModelStanding.UNKNOWN, [])
    assert said.sentences[-1] == "The gate has not looked at it yet."
    assert said.sentences[0] == "80.0 % right on 200 test comparisons: better than tossing a coin."


def test_a_model_without_anything_held_out_says_so() -> None:
    assert gate_report({}, None).sentences[0] == "Nothing was held out to measure it on."


def test_what_failed_stays_failed_however_good_it_looks() -> None:
    said = gate_report({"passed": False, "checks": [CHECK], "reason": "Worse."}, GOOD)
    assert (said.standing, said.tone, said.reason) == (ModelStanding.FAILED, "danger", "Worse.")


def test_a_model_is_clear_when_every_check_was_judged() -> None:
    assert gate_report({"passed": True, "checks": [CHECK]}, GOOD).standing == ModelStanding.CLEAR
    assert gate_report({"passed": True, "checks": []}, GOOD).standing == ModelStanding.PARTLY


@pytest.mark.parametrize(
    ("unjudged", "standing"),
    [("Length", ModelStanding.PARTLY), ("Test split", ModelStanding.UNKNOWN)],
)
def test_a_check_that_was_not_judged_is_named(unjudged: str, standing: ModelStanding) -> None:
    checks = [CHECK | {"name": "Slices"}, CHECK | {"name": unjudged, "passed": None}]
    said = gate_report({"passed": True, "checks": checks}, GOOD)
    assert said.standing == standing
    assert said.sentences[1:] == [
        f"1 of 2 checks could not be judged: {unjudged}.",
        "What cannot be judged lets a model pass.",
    ]


@pytest.mark.parametrize("name", NO_CHECKS)
def test_a_rule_is_not_counted_among_the_checks(name: str) -> None:
    checks = [CHECK, CHECK | {"name": name, "passed": None}]
    said = gate_report({"passed": True, "checks": checks}, GOOD)
    assert (said.judgeable, said.not_judged) == ([CHECK], [])
