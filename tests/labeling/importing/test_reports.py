"""What an import says: errors, notices and counts, in words, and never without end."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.importing import check_file, reports
from labeling.importing.reports import (
    ImportRefused,
    ImportReport,
    NoticeCounter,
    Problem,
)
from labeling.importing.skipping import SHOWN_SKIPPED, SkippedRows

LINE = Problem(3, "prompt", "Is missing.", "Give one.")


@pytest.mark.parametrize(
    ("problems", "total", "more", "words"),
    [
        ([LINE], 1, {}, "The file was not imported: 1 error found, and nothing was stored."),
        ([LINE] * 2, 2, {}, "The file was not imported: 2 errors found, and nothing was stored."),
        (
            [LINE] * 2,
            1_234,
            {},
            "The file was not imported: 1,234 errors found, and nothing was stored. The first 2 "
            "are shown.",
        ),
        (
            [LINE],
            10_000,
            {"read_on": False},
            "The file was not imported: more than 10,000 errors found, and nothing was stored. "
            "The first 1 are shown.",
        ),
        (
            [LINE],
            5,
            {"nothing_left": True},
            "The file was not imported: all of its rows have errors, so all were skipped.",
        ),
    ],
)
def test_a_refusal_is_one_sentence(
    problems: list[Problem], total: int, more: dict[str, bool], words: str
) -> None:
    refused = ImportRefused(problems, total, **more)
    assert str(refused) == refused.summary == words


def test_rows_can_be_skipped_where_the_file_itself_is_sound() -> None:
    of_file = Problem(0, "file", "Holds no rows.")
    assert ImportRefused([LINE], 1).can_skip
    assert not ImportRefused([LINE, of_file], 2).can_skip
    assert not ImportRefused([LINE], 1, nothing_left=True).can_skip


def test_a_problem_is_said_with_its_advice_where_there_is_one() -> None:
    assert LINE.words == "Is missing. Give one."
    assert Problem(1, "x", "Is odd.").words == "Is odd."


def test_a_report_tells_what_occurred_and_how_many_rows_were_read() -> None:
    assert list(ImportReport().lines()) == [("rows read", 0), ("new prompts", 0)]
    report = ImportReport(rows=3, skipped=1, preferences_new=2)
    assert list(report.lines()) == [
        ("rows read", 3),
        ("new prompts", 0),
        ("preferences stored", 2),
        ("rows with errors, skipped", 1),
    ]


def test_every_count_of_a_report_has_words() -> None:
    counts = {name for name, value in ImportReport().as_dict().items() if type(value) is int}
    assert counts - {"import_id"} == set(reports.WORDS)


def test_a_report_comes_back_from_its_row() -> None:
    report = ImportReport(rows=3, notices=["x: 1 (line 1)"], seconds=0.5)
    assert ImportReport(**report.as_dict()) == report


def test_a_notice_names_its_first_lines_once_each() -> None:
    counter = NoticeCounter()
    for line in (1, 1, 2):
        counter.add("odd", line)
    assert counter.sentences() == ["odd: 3 (lines 1, 2)"]
    for line in range(3, 9):
        counter.add("odd", line)
    assert counter.sentences() == ["odd: 9 (lines 1, 2, 3, 4, 5, …)"]


def test_the_most_frequent_notices_come_first_and_the_rest_is_counted() -> None:
    counter = NoticeCounter()
    for kind in range(25):
        for _ in range(kind + 1):
            counter.add(f"kind {kind}", 1)
    sentences = counter.sentences()
    assert sentences[0] == "kind 24: 25 (line 1)"
    assert sentences[-1] == "… and 5 more kinds of notices"
    assert len(sentences) == reports.SHOWN_NOTICES + 1


def test_kinds_without_end_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "KINDS", 2)
    counter = NoticeCounter()
    for line, kind in enumerate(["a", "b", "c", "d", "a"], start=1):
        counter.add(kind, line)
    assert sorted(counter.sentences()) == [
        "a: 2 (lines 1, 5)", "b: 1 (line 2)", "notices of further kinds: 2 (lines 3, 4)",
    ]  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 9)), max_size=30))
def test_every_notice_is_counted_in_one_sentence(notices: list[tuple[str, int]]) -> None:
    counter = NoticeCounter()
    for kind, line in notices:
        counter.add(kind, line)
    counted = sum(int(sentence.split(": ")[1].split(" ")[0]) for sentence in counter.sentences())
    assert counted == len(notices)


def test_a_skipped_row_is_listed_with_all_that_is_wrong_with_it() -> None:
    skipped = SkippedRows()
    skipped.add([LINE])
    skipped.add([Problem(4, "prompt", "Is empty."), Problem(4, "tags", "Too many.", "Drop some.")])
    assert skipped.lines == [
        {"line": 3, "place": "line 3", "field": "prompt", "problem": "Is missing. Give one."},
        {"line": 4, "place": "line 4", "field": "line",
         "problem": "prompt: Is empty. tags: Too many. Drop some."},
    ]  # fmt: skip
    assert skipped.sentences() == [
        "skipped, prompt: Is missing: 1 (line 3)",
        "skipped, prompt: Is empty: 1 (line 4)",
        "skipped, tags: Too many: 1 (line 4)",
    ]


def test_of_skipped_rows_without_end_the_first_are_listed_and_all_are_counted() -> None:
    skipped = SkippedRows()
    for line in range(SHOWN_SKIPPED + 10):
        skipped.add([Problem(line, "prompt", "x" * 600)])
    assert (skipped.count, len(skipped.lines)) == (SHOWN_SKIPPED + 10, SHOWN_SKIPPED)
    assert len(skipped.problems) == reports.SHOWN_PROBLEMS
    assert len(skipped.lines[0]["problem"]) == 500


@pytest.mark.parametrize("name", [b"x", b"answer"])
def test_half_a_character_in_a_columns_name_is_written_as_an_escape(name: bytes) -> None:
    line = b'{"prompt": "Q", "%s \\ud800": "z"}' % name
    try:
        words = " ".join(check_file(io.BytesIO(line)).notices)
    except ImportRefused as refused:
        words = refused.problems[0].words
    assert f"{name.decode()} \\ud800" in words
    words.encode()
