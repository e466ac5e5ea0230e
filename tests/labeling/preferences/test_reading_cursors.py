"""Cursors as texts: what one says it says again, and no other text is taken for one."""

import base64
import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.models import Judgment, Preference, Project
from labeling.preferences.changes import Cursor, CursorRefused, read_cursor
from labeling.preferences.exporting import ExportOptions

PROJECT = cast(Project, SimpleNamespace(pk=7, slug="tea"))
WANTED = {"splits": ["train"], "min_weight": 0.5}


def read(text: str, wanted: dict[str, Any] = WANTED) -> Cursor:
    return read_cursor(text, Preference, PROJECT, wanted)


def written(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@given(st.integers(0, 2**62))
def test_a_cursor_is_read_as_it_was_written(number: int) -> None:
    text = read("").at(number)
    assert read(text).number == number
    assert read(text).at(number) == text
    assert text.replace("-", "").replace("_", "").isalnum(), "it goes into an address as it is"


def test_an_empty_cursor_is_the_beginning() -> None:
    assert read("").number == 0


@given(st.text(max_size=60))
def test_no_other_text_is_taken_for_a_cursor(text: str) -> None:
    if text:
        with pytest.raises(CursorRefused, match=r"^This cursor|^This is no cursor"):
            read(text)


DIGEST = read("").wanted


@pytest.mark.parametrize(
    "values",
    [
        (2, "preference", 7, DIGEST, 1),
        (1, ["preference"], 7, DIGEST, 1),
        (1, "preference", 7, DIGEST, "1"),
        (1, "preference", 7, DIGEST, 1.5),
        (1, "preference", 7, DIGEST, None),
        (1, "preference", 7, DIGEST),
        (1, "preference", 7, DIGEST, 1, 1),
        (),
    ],
)
def test_a_list_that_we_never_wrote_is_refused(values: tuple[Any, ...]) -> None:
    with pytest.raises(CursorRefused, match="This is no cursor"):
        read(written(*values))


@pytest.mark.parametrize(("given", "number"), [(-5, 0), (2**62, 2**62), (2**80, 2**62)])
def test_a_number_stays_within_the_column(given: int, number: int) -> None:
    assert read(written(1, "preference", 7, DIGEST, given)).number == number


def test_a_cursor_belongs_to_its_rows_its_project_and_its_filters() -> None:
    text = read("").at(3)
    with pytest.raises(CursorRefused, match="goes through preferences, not judgments"):
        read_cursor(text, Judgment, PROJECT, WANTED)
    other = cast(Project, SimpleNamespace(pk=8, slug="coffee"))
    with pytest.raises(CursorRefused, match="of another project, not of coffee"):
        read_cursor(text, Preference, other, WANTED)
    with pytest.raises(CursorRefused, match="made with other filters"):
        read(text, {"splits": ["dev"]})


def test_the_order_of_filters_makes_no_difference() -> None:
    text = read("").at(3)
    assert read(text, dict(reversed(WANTED.items()))).number == 3


SPLITS = st.frozensets(st.sampled_from(["train", "dev", "test"]))
FILTERS = st.builds(
    ExportOptions,
    splits=SPLITS,
    min_weight=st.sampled_from([0.0, 0.5]),
    include_ties=st.booleans(),
    include_both_bad=st.booleans(),
    include_excluded=st.booleans(),
)


@given(FILTERS, FILTERS)
def test_options_have_one_cursor_exactly_when_they_choose_the_same_rows(
    one: ExportOptions, other: ExportOptions
) -> None:
    text = read("", one.of_cursor).at(1)
    if one == other:
        assert read(text, other.of_cursor).number == 1
    else:
        with pytest.raises(CursorRefused):
            read(text, other.of_cursor)


def test_how_rows_are_written_is_no_part_of_the_filter() -> None:
    plain, messages = ExportOptions(style="text", after=9), ExportOptions()
    assert plain.of_cursor == messages.of_cursor


@pytest.mark.parametrize(
    ("ties", "both_bad", "kinds"),
    [
        (False, False, ["prefer"]),
        (True, False, ["prefer", "tie"]),
        (False, True, ["prefer", "both_bad"]),
        (True, True, ["prefer", "tie", "both_bad"]),
    ],
)
def test_only_what_names_a_better_one_is_exported_unless_asked_for(
    ties: bool, both_bad: bool, kinds: list[str]
) -> None:
    assert ExportOptions(include_ties=ties, include_both_bad=both_bad).kinds == kinds
