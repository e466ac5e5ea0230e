"""Whatever a line holds, it is a row or a refusal in words: never an error of the program."""

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.importing import ImportRefused, check_file
from labeling.importing.lines.checking import check_row
from labeling.importing.lines.rows import CheckedRow
from labeling.importing.reports import Problem
from labeling.texts.limits import MAX_TAGS

TRIPLE = {"prompt": "Why?", "chosen": "a", "rejected": "b"}
EXPORTED = TRIPLE | {"provenance": "unanimous", "settled_at": "2026-01-01T00:00:00Z"}
GROUP = {"prompt": "Why?", "responses": ["a", {"text": "b"}]}
FIELDS = (
    "prompt", "chosen", "rejected", "responses", "kind", "target", "strength", "weight",
    "vote_share", "agreement", "judgments", "split", "provenance", "arm", "round", "settled_at",
    "fingerprint", "votes_chosen", "votes_tie", "excluded", "excluded_reason", "tags", "model",
    "chosen_model", "system", "tools", "chat_template_kwargs", "score_chosen", "score_rejected",
)  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2**40)
    | st.floats()
    | st.sampled_from(["", "x", "user", "assistant", "tie", "dev", "Human: a\n\nAssistant:", "\0"])
)
KEYS = st.sampled_from(["role", "content", "text", "extra", "model", "tool_calls", "type", "name"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300)
@given(
    st.sampled_from([TRIPLE, EXPORTED, GROUP, {"prompt": "Why?"}]),
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=3),
)
def test_any_line_is_a_row_or_a_refusal(base: dict[str, Any], more: dict[str, Any]) -> None:
    problems: list[Problem] = []
    rows = 0
    try:
        rows = check_file(io.BytesIO(json.dumps(base | more).encode())).rows
    except ImportRefused as refused:
        problems = refused.problems
    assert rows == (0 if problems else 1)
    assert all(problem.field and problem.problem for problem in problems)


def problems_of(data: dict[str, Any]) -> list[Problem]:
    row = check_row(1, data)
    return row if isinstance(row, list) else []


def row_of(data: dict[str, Any]) -> CheckedRow:
    row = check_row(1, data)
    assert isinstance(row, CheckedRow), row
    return row


@pytest.mark.parametrize("provenance", [[], {}, ["unanimous"], 1, True])
def test_a_provenance_that_is_no_text_is_a_field_like_any_other(provenance: Any) -> None:
    row = row_of(TRIPLE | {"provenance": provenance, "settled_at": "2026"})
    assert row.opinion is not None
    assert not row.opinion.is_settled


def test_a_tag_of_an_export_that_has_no_end_is_refused_in_words() -> None:
    (problem,) = problems_of(EXPORTED | {"tags": "a" * 200_000})
    assert problem.field == "tags"
    assert problem.words.endswith("one of the tags has no end. Write a list of texts.")


def test_tags_of_an_export_are_words_and_those_of_others_a_list() -> None:
    assert row_of(EXPORTED | {"tags": 'one,"two, three"'}).tags == ["one", "two, three"]
    (problem,) = problems_of(TRIPLE | {"tags": "one,two"})
    assert problem.words == "Must be a list of texts, not a text."


def test_tags_come_once_each_and_without_white_space_around_them() -> None:
    assert row_of(TRIPLE | {"tags": [" a ", "b", "a", ""]}).tags == ["a", "b"]


def test_more_tags_than_are_kept_are_refused() -> None:
    tags = [str(number) for number in range(MAX_TAGS)]
    assert row_of(TRIPLE | {"tags": tags}).tags == tags
    (problem,) = problems_of(TRIPLE | {"tags": [*tags, "one more"]})
    assert problem.problem == "101 tags; at most 100 are kept."


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"weight": 0}, "0 is not between 0.0001 and 1."),
        ({"weight": 1.5}, "1.5 is not between 0.0001 and 1."),
        ({"weight": True}, "Must be a number, not true or false."),
        ({"target": 2}, "2 is not between 0 and 1."),
        ({"strength": 4}, "4 is not between 0 and 3."),
        ({"excluded": "yes"}, "Must be true or false, not a text."),
    ],
)
def test_a_number_beyond_its_limits_is_named_with_them(data: dict[str, Any], words: str) -> None:
    (problem,) = problems_of(TRIPLE | data)
    assert (problem.field, problem.problem) == (next(iter(data)), words)


@pytest.mark.parametrize("votes", [-1, 1.5, 2**15, "3"])
def test_votes_of_an_export_are_whole_numbers_that_the_columns_hold(votes: Any) -> None:
    (problem,) = problems_of(EXPORTED | {"votes_chosen": votes})
    assert problem.field == "votes_chosen"


def test_a_line_that_is_no_export_brings_neither_votes_nor_split() -> None:
    more = {"votes_chosen": 3, "split": "dev", "vote_share": 0.5}
    exported, own = row_of(EXPORTED | more), row_of(TRIPLE | more)
    assert exported.opinion is not None
    assert own.opinion is not None
    assert (exported.opinion.votes[0], exported.opinion.split) == (3, "dev")
    assert (own.opinion.votes[0], own.opinion.split) == (0, "")


def test_an_exclusion_without_a_reason_says_where_it_comes_from() -> None:
    row = row_of(TRIPLE | {"excluded": True})
    assert row.opinion is not None
    assert row.opinion.excluded_reason == "Was excluded in the export that it came with."


def test_a_reason_longer_than_the_column_is_refused() -> None:
    assert not problems_of(TRIPLE | {"excluded": True, "excluded_reason": "x" * 300})
    (problem,) = problems_of(TRIPLE | {"excluded": True, "excluded_reason": "x" * 301})
    assert problem.problem == "301 characters; at most 300 are kept."
