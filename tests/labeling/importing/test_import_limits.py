"""What a file may cost: everything that is read counts, and nothing grows faster than the file."""

import gzip
import io
import json
import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.importing import ImportRefused, check_file, pairing
from labeling.importing.files import read_records as read_objects
from labeling.importing.lines import reading
from labeling.importing.lines.checking import check_row
from labeling.importing.pairing import pick_pairs
from labeling.importing.reports import KINDS, NoticeCounter, Problem
from labeling.texts.limits import (
    COUNTED_PROBLEMS,
    MAX_COMPARED,
    MAX_CONVERSATION,
    MAX_KEYS,
    MAX_MESSAGES,
    MAX_SHOWN,
    MAX_TAGS,
    MAX_TEXT,
    ON_THE_SERVER,
    UPLOADED,
    FileLimits,
)
from labeling.texts.sameness import SPLIT_MARKS, nfc, response_digest

ROW = b'{"prompt": "One?"}\n'


class Counting(io.BytesIO):
    """A file that knows how many of its bytes were asked for."""

    bytes = 0

    def read(self, *size):
        piece = super().read(*size)
        self.bytes += len(piece)
        return piece


def problem_in(content: bytes, limits: FileLimits = UPLOADED) -> Problem:
    problem = [*read_objects(io.BytesIO(content), limits=limits)][-1][1]
    assert isinstance(problem, Problem)
    return problem


def fault_of(**data) -> tuple[str, str]:
    faults = check_row(7, data)
    assert isinstance(faults, list)
    (fault,) = faults
    assert fault.line == 7 and (fault.advice or fault.field in ("tags",))
    return fault.field, fault.problem


def test_kilobytes_of_packed_newlines_are_given_up_before_they_are_unpacked():
    packed = gzip.compress(b"\n" * 32_000_000)
    assert len(packed) < 33_000
    problem = problem_in(packed)
    assert "are blank" in problem.problem
    assert problem.line < 12_000


def test_blank_lines_count_in_a_plain_file_too():
    file = Counting(b"\n" * 1_000_000)
    with pytest.raises(ImportRefused, match="1 error"):
        check_file(file)
    assert file.bytes < 11_000 + 3 * 2**16


def test_one_blank_line_between_rows_is_fine():
    rows = [*read_objects(io.BytesIO((ROW + b"\n") * 15_000))]
    assert len(rows) == 15_000
    assert all(isinstance(value, dict) for _, value in rows)


def test_a_file_that_unpacks_to_a_hundred_times_its_size_is_refused_beyond_a_megabyte():
    packed = gzip.compress(ROW * 2_000_000)
    problem = problem_in(packed)
    assert problem.problem == "The file unpacks to more than 100 times its size."
    assert problem.line * len(ROW) < 2**20 + 101 * len(packed)
    assert "import_data" in problem.advice


def test_the_command_takes_a_file_that_packs_well_and_the_page_any_small_one():
    packed = gzip.compress(ROW * 100_000)
    limits = FileLimits(max_ratio=ON_THE_SERVER.max_ratio)
    assert check_file(io.BytesIO(packed), limits=limits).rows == 100_000
    assert check_file(io.BytesIO(gzip.compress(ROW * 50_000))).rows == 50_000


def test_lines_are_limited():
    problem = problem_in(ROW * 30, FileLimits(max_lines=20))
    assert (problem.line, problem.problem) == (21, "The file has more than 20 lines.")


def test_a_file_of_faults_is_not_read_to_its_end():
    file = Counting(b"{}\n" * 100_000)
    with pytest.raises(ImportRefused, match=r"more than 10,000 errors") as refused:
        check_file(file)
    assert file.bytes < 3 * (COUNTED_PROBLEMS + 10) + 3 * 2**16
    assert len(refused.value.problems) == 100


@pytest.mark.parametrize("value", ["{}", "[]", "0"])
def test_a_line_of_countless_values_is_refused_before_they_are_made(value, monkeypatch):
    monkeypatch.setattr(reading.json, "loads", lambda *_, **__: pytest.fail("was parsed"))
    line = f'{{"prompt": "Hi?", "x": [{",".join([value] * 150_000)}]}}'
    assert problem_in(line.encode()).problem == "Holds more than 100,000 values."


def test_signs_within_texts_are_no_values():
    text = '{"a": [1, 2]}, ' * 20_000
    rows = [*read_objects(io.BytesIO(json.dumps({"prompt": text}).encode()))]
    assert rows == [(1, {"prompt": text})]


@pytest.mark.parametrize(
    ("data", "field", "words"),
    [
        ({"prompt": "x" * (MAX_TEXT + 1)}, "prompt", "1,200,001 characters"),
        (
            {"prompt": "Hi?", "responses": ["ok", "x" * (MAX_TEXT + 1)]},
            "responses[1]",
            "at most 1,200,000 can be shown",
        ),
        (
            {"prompt": [{"role": "user", "content": "x"}] * (MAX_MESSAGES + 1)},
            "prompt",
            "1,001 messages; at most 1,000",
        ),
        (
            {"prompt": [{"role": "user", "content": "x" * 400_000}] * 4},
            "prompt",
            "4 messages of 1,600,000 characters",
        ),
        (
            {"prompt": "\n\nHuman: a\n\nAssistant: b" * 600 + "\n\nHuman: c\n\nAssistant:"},
            "prompt",
            "1,201 messages",
        ),
        ({"prompt": "Hi?"} | {f"k{n}": 1 for n in range(MAX_KEYS)}, "line", "201 fields"),
        ({"prompt": "Hi?", "tags": ["t"] * (MAX_TAGS + 1)}, "tags", "101 tags"),
    ],
)
def test_what_no_page_can_show_is_refused_with_its_field(data, field, words):
    found_field, problem = fault_of(**data)
    assert found_field == field
    assert words in problem


def test_a_row_of_101_long_messages_is_refused_in_words():
    row = {"prompt": [{"role": "user", "content": "*a_ " * 30_000}] * 101}
    with pytest.raises(ImportRefused) as refused:
        check_file(io.BytesIO(json.dumps(row).encode()))
    (problem,) = refused.value.problems
    assert (problem.line, problem.field) == (1, "prompt")
    assert "101 messages of 12,120,000 characters" in problem.problem


def test_whatever_is_let_in_can_be_shown():
    assert MAX_SHOWN >= MAX_CONVERSATION + MAX_COMPARED * MAX_TEXT


def test_a_deeply_nested_role_is_a_fault_like_any_other():
    role = json.loads("[" * 900 + "]" * 900)
    assert fault_of(prompt=[{"role": role, "content": "x"}])[0] == "prompt[0].role"


def test_unknown_fields_under_ever_new_names_are_counted_together():
    notices = NoticeCounter()
    for line in range(3 * KINDS):
        check_row(line, {"prompt": "Hi?", f"field {line}": 1}, notices)
    assert len(notices._counts) == KINDS + 1


def test_drawing_pairs_stops_when_there_are_enough(monkeypatch):
    looks = 0

    def counted(sequence):
        nonlocal looks
        looks += 1
        return reversed(sequence)

    monkeypatch.setattr(pairing, "reversed", counted, raising=False)
    assert len(pick_pairs(range(1000), 3, seed="x")) == 3
    assert looks == 1


MARKS = [chr(code) for code in range(0x300, 0x1B00) if unicodedata.combining(chr(code))]


@given(st.text(st.sampled_from([*MARKS, *map(chr, SPLIT_MARKS), "a", "é", "한", "x"])))
def test_the_composed_form_is_unicodes(text):
    long = text + "a" + "".join(reversed(text * 9))
    assert nfc(long) == unicodedata.normalize("NFC", long)


def test_a_hundred_thousand_marks_on_one_letter_come_to_the_composition_in_order(monkeypatch):
    """Python inserts them one after the other: the square of their number, if out of order."""
    given_texts = []

    def normalize(form, text):
        given_texts.append(text)
        return text

    monkeypatch.setattr(unicodedata, "normalize", normalize)
    marks = ["\u0301", "\u0316", "\u0f73"] * 33_000
    random.Random(1).shuffle(marks)
    response_digest("a" + "".join(marks))
    classes = [*map(unicodedata.combining, given_texts[0])][1:]
    assert classes == sorted(classes)
