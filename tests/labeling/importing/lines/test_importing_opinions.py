"""What a triple says beyond its texts: absent values, contradictions, ratings, odd dialogues."""

import io
import json
from typing import Any

import pytest

from labeling.importing import ImportOptions, import_file
from labeling.importing.lines.checking import check_row
from labeling.importing.lines.rows import CheckedRow
from labeling.importing.reports import NoticeCounter
from tests.factories import make_project

TRIPLE = {"prompt": "Tea?", "chosen": "Yes.", "rejected": "No."}


def read(**more: Any) -> tuple[Any, list[str]]:
    notices = NoticeCounter()
    row = check_row(1, TRIPLE | more, notices)
    return row, notices.sentences()


def fault(**more: Any) -> str:
    row, _ = read(**more)
    assert isinstance(row, list), row
    return f"{row[0].field}: {row[0].words}"


def test_null_means_absent_in_every_optional_field() -> None:
    names = (
        "chosen_model rejected_model strength weight target kind tags model responses excluded "
        "excluded_reason score_chosen vote_share agreement votes_tie split unknown"
    )
    row, notices = read(**dict.fromkeys(names.split()))
    assert row == read()[0]
    assert notices == []


def test_a_row_with_null_for_the_answers_is_one_with_responses() -> None:
    row = check_row(1, {"prompt": "Tea?", "responses": ["a"], "chosen": None, "rejected": None})
    assert isinstance(row, CheckedRow)
    assert row.shape == "prompts with responses"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"target": 0.3}, "target: 0.3 says that rejected is better"),
        ({"target": 0.5, "kind": "prefer"}, "target: 0.5 says that neither is better"),
        ({"target": 1.0, "kind": "tie"}, "target: 1 says that one is better"),
        ({"target": 0.0, "kind": "both_bad"}, "target: 0 says that one is good"),
        ({"strength": 2, "kind": "tie"}, "strength: 2 says that chosen is better"),
        ({"strength": -2}, "strength: -2 is negative, which says that rejected is the better one"),
        ({"excluded": "yes"}, "excluded: Must be true or false, not a text."),
    ],
)
def test_what_contradicts_itself_is_refused_in_words(more: dict[str, Any], words: str) -> None:
    assert fault(**more).startswith(words)


def test_a_target_of_a_half_and_equal_ratings_are_ties_and_are_told() -> None:
    row, notices = read(target=0.5)
    assert (row.opinion.kind, notices) == ("tie", ["targets of 0.5, taken as ties: 1 (line 1)"])
    row, notices = read(score_chosen=7.0, score_rejected=7)
    assert (row.opinion.kind, row.opinion.target) == ("tie", 0.5)
    assert notices == [
        "score_chosen and score_rejected read to tell ties, kept as metadata of the responses: "
        "1 (line 1)",
        "equal score_chosen and score_rejected, taken as ties: 1 (line 1)",
    ]


def test_ratings_against_the_choice_are_told_and_the_choice_stays() -> None:
    row, notices = read(**{"chosen-rating": 2, "rejected-rating": 5})
    assert row.opinion.kind == "prefer"
    notice = "rejected-rating above chosen-rating, taken as chosen and rejected say: 1 (line 1)"
    assert notice in notices


def test_a_model_may_be_a_number_or_a_long_path() -> None:
    path = f"/checkpoints/{'a' * 300}"
    row, _ = read(chosen_model=3, rejected_model=path)
    assert [response.source for response in row.responses] == ["3", path]
    assert "at most 500" in fault(chosen_model="a" * 501)


def said(*turns: str) -> str:
    return "".join(f"\n\n{turn}" for turn in turns)


H, A = "Human: Is it raining?", "Assistant: It is."
ODD = [
    ((H, H, A), "Turns 1 and 2 are both Human's."),
    ((H, "Assistant:", H, A), "Turn 2, Assistant's, is empty."),
    ((H, A, H), "It ends with Human's turn, not with Assistant's."),
]


@pytest.mark.parametrize(("turns", "words"), ODD)
def test_a_dialogue_that_is_none_says_why(turns: tuple[str, ...], words: str) -> None:
    problems = check_row(1, {"chosen": said(*turns), "rejected": said(*turns, "…")})
    assert isinstance(problems, list)
    assert (problems[0].field, problems[0].problem) == ("chosen", f"Is no whole dialogue. {words}")


@pytest.mark.django_db
def test_odd_dialogues_are_skipped_with_a_count_and_the_others_come_in() -> None:
    sound = {"chosen": said(H, A), "rejected": said(H, "Assistant:")}
    longer = {"chosen": said(H, A, H, A), "rejected": said(H, A)}
    odd = [{"chosen": said(*turns), "rejected": said(*turns)} for turns, _ in ODD]
    content = "\n".join(json.dumps(row) for row in [sound, longer, *odd]).encode()
    report = import_file(
        make_project(),
        None,
        io.BytesIO(content),
        name="dialogues",
        options=ImportOptions(skip_bad=True),
    )
    assert (report.rows, report.preferences_new, report.skipped) == (1, 1, 4)
    assert [row["line"] for row in report.skipped_lines] == [2, 3, 4, 5]
    assert "There are 3 messages before chosen and 1 before" in report.skipped_lines[0]["problem"]


def test_the_space_after_a_speaker_is_no_part_of_a_turn_and_all_else_is() -> None:
    row = check_row(1, {"prompt": "Human:   indented\n\nAssistant:"})
    assert isinstance(row, CheckedRow)
    assert row.messages == [{"role": "user", "content": "  indented"}]
