"""Appended lines: what is not as it was written counts as not written."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeling.core.program.checked_lines import append_rows, checked_row, read_rows

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUE = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
ROW = st.dictionaries(TEXT.filter(lambda key: key != "check_sum"), VALUE | st.lists(VALUE))


def written(path: Path, *rows: dict[str, Any]) -> Path:
    append_rows(path, rows)
    return path


@given(rows=st.lists(ROW, max_size=5))
def test_rows_come_back_as_they_were_given(
    rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Line separators of Unicode, quotes and NUL are part of a text, not the end of a line."""
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    append_rows(path, rows[:2])
    append_rows(path, rows[2:])
    assert read_rows(path) == rows


def test_a_file_that_is_not_there_has_no_rows(tmp_path: Path) -> None:
    assert read_rows(tmp_path / "none.jsonl") == []


def test_a_line_cut_anywhere_is_removed_and_the_next_one_is_whole(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole.jsonl", {"n": 1}, {"n": 2, "text": "é"}).read_bytes()
    first = whole.index(b"\n") + 1
    for length in range(first, len(whole)):
        path = tmp_path / "cut.jsonl"
        path.write_bytes(whole[:length])
        assert read_rows(path) == [{"n": 1}]
        append_rows(path, [{"n": 3}])
        assert read_rows(path) == [{"n": 1}, {"n": 3}]


def test_one_other_bit_anywhere_in_a_line_loses_that_line_alone(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", {"n": 1}, {"reward": 1.25, "id": "a"}, {"n": 3})
    whole = path.read_bytes()
    start, end = whole.index(b"\n") + 1, whole.rindex(b"\n", 0, -1)
    for at in range(start, end):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        rows = read_rows(path)
        assert rows[0] == {"n": 1}, at
        assert rows[-1] == {"n": 3}, at
        assert {"reward": 1.25, "id": "a"} not in rows, at


@pytest.mark.parametrize(
    "line",
    [b"", b"null", b"[1]", b'"text"', b"{", b"\xff", b'{"a": 1, "check_sum": 1}', b"[" * 9999],
)
def test_what_is_no_row_is_none(line: bytes) -> None:
    assert checked_row(line) is None


def test_a_line_of_a_finished_file_needs_no_check_sum() -> None:
    assert checked_row(b'{"id": "a"}') == {"id": "a"}
    assert checked_row(b'{"id": "a", "check_sum": null}') == {"id": "a"}
