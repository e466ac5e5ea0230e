"""Sources that say who judged hand the names over, with what else they know of a judgment."""

import io
import json
from typing import Any

import pytest

from labeling.importing import preview_rows
from tests.labeling.importing.sources.inputs import INPUTS, TASK, picked, talk


def people(*records: dict[str, Any]) -> list[str]:
    """Who is named, row by row; empty where nobody is."""
    content = "\n".join(json.dumps(record) for record in records).encode()
    rows = preview_rows(io.BytesIO(content), 100)
    return [row.opinion.said[0].labeler if row.opinion.said else "" for row in rows if row.opinion]


NAMED = {
    "Argilla records": ["1", "2", "1"],
    "Argilla records, as a data set": ["1", "2"],
    "Chatbot Arena conversations": None,
    "Community Alignment": ["x", "x", "x"],
    "Label Studio tasks": ["3", "3"],
    "Label Studio, one annotation to a row": ["3"],
    "MT-bench human judgments": None,
    "MultiPref": ["1", "2", "3"],
    "Potato items and annotations": None,
    "PRISM conversations": None,
    "PRISM utterances": None,
    "Summarize from feedback, comparisons": ["w", "v"],
}


@pytest.mark.parametrize("name", NAMED)
def test_a_source_that_knows_who_judged_names_them(name: str) -> None:
    names = people(*INPUTS[name].records)
    assert names
    assert all(names)
    if NAMED[name] is not None:
        assert names[: len(NAMED[name])] == NAMED[name]


@pytest.mark.parametrize("name", sorted(INPUTS.keys() - NAMED.keys()))
def test_no_other_source_invents_a_person(name: str) -> None:
    assert not any(people(*INPUTS[name].records))


def said(record: dict[str, Any]) -> Any:
    content = json.dumps(record).encode()
    (row, *_) = preview_rows(io.BytesIO(content), 1)
    assert row.opinion is not None
    return row.opinion.said[0]


def test_label_studio_tells_the_side_the_time_and_how_long_it_took() -> None:
    mark = picked("right", lead_time=12.5, created_at="2026-01-31T12:00:00.5Z")
    vote = said({"id": 1, "data": TASK, "annotations": [mark]})
    assert (vote.shown_first, vote.seconds) == (-1, 12.5)
    assert vote.judged_at == "2026-01-31T12:00:00.500000+00:00"


def test_a_person_given_as_an_object_is_their_address() -> None:
    mark = picked("left", completed_by={"id": 3, "email": "ana@example.org"})
    assert said({"id": 1, "data": TASK, "annotations": [mark]}).labeler == "ana@example.org"


def test_a_time_that_is_none_is_left_out_and_refuses_nothing() -> None:
    mark = picked("left", lead_time=-3, created_at="last week")
    vote = said({"id": 1, "data": TASK, "annotations": [mark]})
    assert (vote.seconds, vote.judged_at) == (None, "")


def test_the_arena_has_model_a_on_the_left() -> None:
    record = {
        "conversation_a": talk("Q", "A"), "conversation_b": talk("Q", "B"), "model_a": "m",
        "model_b": "n", "winner": "model_b", "judge": "arena_user_1", "turn": 1, "anony": True,
        "tstamp": 1682351591.5,
    }  # fmt: skip
    vote = said(record)
    assert (vote.labeler, vote.shown_first) == ("arena_user_1", -1)
    assert vote.judged_at.startswith("2023-04-24T")


def test_comparia_names_its_visitors() -> None:
    record = INPUTS["ComparIA votes"].records[0] | {"visitor_id": "v-1"}
    assert people(record) == ["v-1"]
