"""What is guessed of a file whose shape nobody knows, what a person's choices make of it, and how
rows would look."""

import io
import json
from typing import Any

import pytest

from labeling.importing.guessing import (
    guess_higher_is_better,
    guess_labeler_per_verdict,
    guess_meanings,
    guess_roles,
)
from labeling.importing.roles import mapping_of, meanings_of, roles_of
from labeling.importing.sampling import SAMPLED_RECORDS, Sample, sample_of, shown_rows
from labeling.importing.sources.mapping import ColumnMapping, MappingRefused
from tests.labeling.importing.test_mapping import ROWS, THREE_PEOPLE, as_file


def sample(*rows: Any) -> Sample:
    return sample_of(as_file(rows), "rows.jsonl")


# The sample


def test_columns_are_named_with_paths_into_them() -> None:
    row = {
        "meta": {"topic": "x", "by": {"name": "y"}},
        "answers": [{"text": "a"}, {"text": "b", "score": 1}],
        "log": [{"role": "user", "content": "Hi"}],
        "two": ["p", "q"],
        "nothing": None,
        "five": [1, 2, 3, 4, 5],
    }
    assert [column.path for column in sample(row).columns] == [
        *("meta.topic", "meta.by.name", "answers[].text", "answers[].score", "log"),
        *("two", "two[0]", "two[1]", "nothing", "five"),
    ]


def test_a_name_that_no_path_can_reach_is_not_offered() -> None:
    assert [column.path for column in sample({"a": {"b.c": 1, "d": 2}}).columns] == ["a.d"]


def test_examples_differ_and_are_cut() -> None:
    rows = [{"q": text} for text in ("x" * 500, "x" * 500, "", "y\n z", "w")]
    assert sample(*rows).columns[0].examples == [f"{'x' * 120}…", "y z"]


def test_values_of_a_verdict_are_collected_from_columns_and_lists() -> None:
    columns = sample({"v": [1, 2], "w": "Left"}, {"v": [1.0, None], "w": "right"}).columns
    assert {column.path: column.words for column in columns if "[" not in column.path} == {
        "v": ["1", "2"],
        "w": ["left", "right"],
    }


@pytest.mark.parametrize("values", [range(31), [{"a": [1]}], ["x" * 61]])
def test_a_column_with_too_many_or_too_long_values_has_none_to_choose_from(values: Any) -> None:
    assert all(not one.words for one in sample(*({"v": [value]} for value in values)).columns[:1])


def test_a_sample_ends_after_its_records_and_passes_over_faulty_ones() -> None:
    lines = [b"nonsense\n", *[b'{"q": 1}\n'] * (SAMPLED_RECORDS + 1)]
    records = sample_of(io.BytesIO(b"".join(lines)), "rows.jsonl").records
    assert len(records) == SAMPLED_RECORDS
    assert int(records[0][0]) == 2


@pytest.mark.parametrize("content", [b"", b"PAR1", b"\x00\xff"])
def test_what_cannot_be_read_has_no_records(content: bytes) -> None:
    assert sample_of(io.BytesIO(content), "rows").records == []


# Guesses


@pytest.mark.parametrize(
    ("row", "roles"),
    [
        (
            {
                "query": "Why?",
                "answer_2": "No.",
                "answer_1": "Yes.",
                "model_1": "m",
                "model_2": "n",
            },
            "query=prompt answer_1=response_a answer_2=response_b model_1=model_a model_2=model_b",
        ),
        (
            {
                "query": "Do it",
                "left": "A b",
                "right": "C d",
                "rank_left": 1,
                "rank_right": 2,
            },
            "query=prompt left=response_a right=response_b rank_left=score_a rank_right=score_b",
        ),
        (
            {"task": "Do it", "all": [{"output": "A b", "score": 0.5, "model": "m"}], "topic": "x"},
            "task=prompt all[].output=response_list all[].score=score_list "
            "all[].model=model_list topic=tags",
        ),
        ({"system": "Be brief", "question": "Why?"}, "question=prompt system=system"),
        ({"n": 1, "id": "x-1"}, ""),
        ({}, ""),
    ],
)
def test_columns_are_guessed_by_names_and_contents(row: dict[str, Any], roles: str) -> None:
    guessed = dict(pair.split("=") for pair in roles.split())
    assert guess_roles(sample(row)) == guessed


def test_names_in_another_language_are_guessed_by_contents_and_what_they_share() -> None:
    rows = [
        {
            "Ticket": f"T-{number}",
            "Kundenfrage": f"Wie oft soll ich Pflanze {number} giessen?",
            "Antwort (links)": f"Einmal pro Woche, Pflanze {number}.",
            "Antwort (rechts)": f"Jeden Tag, {number}.",
            "Bot L": "bot-1",
            "Bot R": "bot-2",
        }
        for number in range(4)
    ]
    assert guess_roles(sample(*rows)) == {
        "Kundenfrage": "prompt",
        "Antwort (links)": "response_a",
        "Antwort (rechts)": "response_b",
    }


def test_responses_may_share_the_last_word_of_their_names() -> None:
    row = {"frage": "Was ist das?", "gute Antwort": "Ein Hund.", "schlechte Antwort": "Ein Haus."}
    assert guess_roles(sample(row)) == {
        "frage": "prompt",
        "gute Antwort": "response_a",
        "schlechte Antwort": "response_b",
    }


def test_short_answers_that_differ_are_still_answers() -> None:
    rows = [
        {"question": "Why?", "human answer": one, "bot": two} for one, two in ("ab", "cd", "ef")
    ]
    assert guess_roles(sample(*rows)) == {
        "question": "prompt",
        "human answer": "response_a",
        "bot": "response_b",
    }


def test_peoples_columns_with_the_values_of_a_verdict_are_its_votes() -> None:
    rows = [
        {"prompt": "Q", "reply_a": "X y", "reply_b": "Z w", "ana": a, "ben": b, "id": a}
        for a, b in ((1, 2), (2, 0), (0, 1))
    ]
    roles = guess_roles(sample(*rows))
    assert [path for path, role in roles.items() if role == "verdict"] == ["ana", "ben"]


def test_a_first_row_without_responses_does_not_hide_that_they_are_lists() -> None:
    rows = [{**ROWS[0], "outputs": None, "by": None}, *ROWS]
    assert guess_roles(sample(*rows))["outputs"] == "response_list"


def test_one_list_of_votes_is_guessed_and_its_items_are_not() -> None:
    assert guess_roles(sample(*ROWS)) == {
        "task": "prompt",
        "outputs": "response_list",
        "by": "model_list",
        "people": "verdict",
    }


@pytest.mark.parametrize(
    ("words", "meanings"),
    [
        ("0 1 2", "0=tie 1=first 2=second"),
        ("0 2", "0=tie 2=second"),
        ("1", "1=first"),
        ("a b tie", "a=first b=second tie=tie"),
        ("model_a model_b", "model_a=first model_b=second"),
        ("left neither perhaps", "left=first neither=both_bad"),
        ("7 8 9", ""),
        ("", ""),
    ],
)
def test_values_of_a_verdict_are_guessed(words: str, meanings: str) -> None:
    assert guess_meanings(words.split()) == dict(one.split("=") for one in meanings.split())


def test_ranks_count_from_the_best() -> None:
    assert guess_higher_is_better(["score_a"])
    assert not guess_higher_is_better(["answers[].rank"])


# Choices


def test_a_mapping_makes_the_choices_that_make_it() -> None:
    again = mapping_of(roles_of(THREE_PEOPLE), meanings_of(THREE_PEOPLE), higher_is_better=True)
    assert again == THREE_PEOPLE
    pair = ColumnMapping(
        prompt="q",
        system="s",
        responses=("x", "y"),
        models=("m", "n"),
        scores=("k", "l"),
        higher_is_better=False,
        tags=("t", "u"),
    )
    assert mapping_of(roles_of(pair), {}, higher_is_better=False) == pair


@pytest.mark.parametrize(
    ("roles", "words"),
    [
        ({"x": "response_a"}, "No column is the prompt"),
        ({"q": "prompt", "r": "prompt"}, "Prompt is chosen for 2 columns: q, r."),
        ({"q": "prompt", "x": "response_b"}, "Response B is chosen and Response A is not."),
        (
            {"q": "prompt", "x": "response_a", "y": "response_list"},
            "Both All responses (a list) and Response A are chosen",
        ),
        ({"q": "prompt", "x": "winner"}, "“winner” is nothing that a column can be."),
    ],
)
def test_choices_that_contradict_each_other_are_refused(roles: dict[str, str], words: str) -> None:
    with pytest.raises(MappingRefused) as refused:
        mapping_of(roles, {}, higher_is_better=True)
    assert words in str(refused.value)


# How rows would look


def test_responses_stand_in_the_order_of_the_file_with_their_votes() -> None:
    first, second, third = shown_rows(sample(*ROWS), THREE_PEOPLE)
    assert [(one.letter, one.response.text, one.votes) for one in first.answers] == [
        ("A", "Plum.", 2),
        ("B", "Rain.", 1),
    ]
    assert first.verdict == "3 votes: A is better 2, B is better 1"
    assert [(one.response.text, one.votes) for one in second.answers] == [("Sand.", 0), ("Oak.", 3)]
    assert third.verdict == "3 votes: A is better 1, B is better 1, tie 1"
    assert (first.place, first.messages[0]["content"]) == ("line 1", "Name a fruit.")


def test_a_single_vote_is_said_without_its_count() -> None:
    (row,) = shown_rows(sample({**ROWS[0], "people": [2]}), THREE_PEOPLE)
    assert row.verdict == "B is better"


def test_scores_are_shown_as_the_file_has_them() -> None:
    mapping = ColumnMapping(
        prompt="q", responses=("x", "y"), scores=("k", "l"), higher_is_better=False
    )
    (row,) = shown_rows(sample({"q": "Q", "x": "X", "y": "Y", "k": 2, "l": 1.5}), mapping)
    assert row.verdict == "Scores: A 2, B 1.5"
    assert [one.response.text for one in row.answers] == ["X", "Y"]


def test_a_row_that_cannot_be_read_says_why_beside_those_that_can() -> None:
    rows = [{**ROWS[0], "people": [7]}, {**ROWS[0], "task": 7}, ROWS[1]]
    wrong, other, sound = shown_rows(sample(*rows), THREE_PEOPLE)
    assert [one.field for one in wrong.problems] == ["people[0]"]
    assert [one.field for one in other.problems] == ["prompt"]
    assert not sound.problems


def test_only_the_first_five_rows_are_shown() -> None:
    assert len(shown_rows(sample(*ROWS, *ROWS), THREE_PEOPLE)) == 5


def test_whole_conversations_as_responses_are_shown_by_their_answers() -> None:
    head = [{"role": "user", "content": "Hi"}]
    mapping = ColumnMapping(prompt="q", responses=("x", "y"), verdicts=("v",), second=("b",))
    answers = [[*head, {"role": "assistant", "content": text}] for text in ("One", "Two")]
    (row,) = shown_rows(sample({"q": head, "x": answers[0], "y": answers[1], "v": "b"}), mapping)
    assert [one.response.text for one in row.answers] == ["One", "Two"]
    assert json.dumps(row.messages) == json.dumps(head)


# Who gave the verdicts


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"votes": [1, 2, 1]}, {"votes": [2, 2, 2]}], True),
        ([{"votes": [1, 2, 1]}, {"votes": [2, 2]}], False),
        ([{"votes": [1]}, {"votes": [2]}], False),
        ([{"vote_ana": 1, "vote_ben": 2}, {"vote_ana": 2, "vote_ben": 1}], True),
        ([{"vote": 1}, {"vote": 2}], False),
        ([{"vote": 1, "annotator_id": 5}, {"vote": 2, "annotator_id": 6}], False),
    ],
)
def test_places_of_verdicts_are_people_where_there_are_as_many_in_every_row(
    rows: list[dict[str, Any]], expected: bool
) -> None:
    both = sample(*({"prompt": "Q", "responses": ["a b", "c d"], **row} for row in rows))
    assert guess_labeler_per_verdict(both, guess_roles(both)) is expected


@pytest.mark.parametrize("name", ["annotator", "worker_id", "judge", "rater"])
def test_a_column_that_names_people_is_guessed(name: str) -> None:
    rows = ({"q": "Q", "a": "x y", "b": "z", "winner": side, name: who} for side, who in PEOPLE)
    roles = guess_roles(sample(*rows))
    assert (roles[name], roles["winner"]) == ("labeler", "verdict")


PEOPLE = [("a", "w-1"), ("b", "w-2"), ("a", "w-3")]


def test_choices_of_people_make_a_mapping_and_come_back() -> None:
    roles = {"p": "prompt", "r": "response_list", "v": "verdict", "w": "labeler"}
    meanings = {"1": "first", "2": "second"}
    mapping = mapping_of(roles, meanings, higher_is_better=True, labeler_per_verdict=True)
    assert (mapping.labelers, mapping.labeler_per_verdict) == (("w",), False)
    assert roles_of(mapping) == roles
    del roles["w"]
    mapping = mapping_of(roles, meanings, higher_is_better=True, labeler_per_verdict=True)
    assert mapping.labeler_per_verdict
