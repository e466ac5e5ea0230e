"""What changed between two texts: nothing is lost, nothing is made up, little is repeated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.material import diffs
from labeling.material.diffs import DiffLine, diff_lines

LINES = st.lists(st.sampled_from(["a", "b", "c", "", "  a"]), max_size=12).map("\n".join)


def side(lines: list[DiffLine], kind: str) -> list[str]:
    return [line.text for line in lines if line.kind in ("same", kind)]


@given(LINES, LINES)
def test_both_texts_can_be_read_off_the_whole_change(old: str, new: str) -> None:
    before, after = old.splitlines(), new.splitlines()
    lines = diff_lines(old, new, context=100)
    if before == after:
        assert [line.kind for line in lines] in ([], ["same"], ["gap"])
    else:
        assert (side(lines, "removed"), side(lines, "added")) == (before, after)


@given(LINES, LINES, st.integers(0, 3))
def test_a_gap_stands_for_the_lines_that_are_left_out(old: str, new: str, context: int) -> None:
    lines = diff_lines(old, new, context)
    gaps = sum(line.count for line in lines if line.kind == "gap")
    assert len(side(lines, "removed")) + gaps == len(old.splitlines())
    assert len(side(lines, "added")) + gaps == len(new.splitlines())
    assert all(line.count >= 2 for line in lines if line.kind == "gap"), "one line is shown"


@given(LINES)
def test_what_has_not_changed_is_neither_removed_nor_added(text: str) -> None:
    assert {line.kind for line in diff_lines(text, text)} <= {"same", "gap"}


@given(LINES, LINES)
def test_the_way_back_removes_what_was_added(old: str, new: str) -> None:
    there, back = diff_lines(old, new, 100), diff_lines(new, old, 100)
    assert len(side(there, "added")) == len(side(back, "removed"))


def test_two_lines_around_a_change_are_shown() -> None:
    old = "\n".join("abcdefghij")
    assert diff_lines(old, old.replace("f", "F")) == [
        DiffLine("gap", "", 3),
        DiffLine("same", "d"),
        DiffLine("same", "e"),
        DiffLine("removed", "f"),
        DiffLine("added", "F"),
        DiffLine("same", "g"),
        DiffLine("same", "h"),
        DiffLine("gap", "", 2),
    ]


@pytest.mark.parametrize(
    ("old", "new", "kinds"),
    [("", "", []), ("", "a", ["added"]), ("a", "", ["removed"]), ("a", "a\n", ["same"])],
)
def test_the_least_texts(old: str, new: str, kinds: list[str]) -> None:
    assert [line.kind for line in diff_lines(old, new)] == kinds


def test_beyond_the_limit_all_lines_that_differ_are_removed_and_added(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(diffs, "COMPARED_LINES", 3)
    lines = diff_lines("head\na\nx\nb\ny\ntail", "head\nA\nx\nB\ny\nz\ntail")
    assert [line.kind for line in lines] == ["same", *["removed"] * 4, *["added"] * 5, "same"]
