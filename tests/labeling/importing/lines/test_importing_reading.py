"""Every way in which a file's bytes can be wrong, and the line that is named for it."""

import gzip
import io

import pytest

from labeling.importing import ImportRefused, Problem, check_file
from labeling.importing.files import read_records as read_objects
from labeling.importing.lines import reading
from labeling.texts.limits import FileLimits

GOOD = b'{"prompt": "One?"}\n'


def read(content: bytes, **options):
    return [*read_objects(io.BytesIO(content), **options)]


def problem_in(content: bytes, **options) -> Problem:
    """The last thing read, which must be a problem."""
    problem = read(content, **options)[-1][1]
    assert isinstance(problem, Problem)
    return problem


def test_lines_keep_their_numbers_past_blank_ones():
    assert read(b'\n{"prompt": "One?"}\n  \n\n{"prompt": "Two?"}') == [
        (2, {"prompt": "One?"}),
        (5, {"prompt": "Two?"}),
    ]


def test_a_byte_order_mark_is_no_part_of_the_first_line():
    assert read(b"\xef\xbb\xbf" + GOOD) == [(1, {"prompt": "One?"})]


def test_windows_line_ends_are_fine():
    assert read(b'{"prompt": "One?"}\r\n{"prompt": "Two?"}\r\n')[1] == (2, {"prompt": "Two?"})


def test_gzip_is_unpacked_whatever_the_file_is_called():
    assert read(gzip.compress(GOOD * 3))[2] == (3, {"prompt": "One?"})


def test_several_gzip_members_are_one_file():
    assert len(read(gzip.compress(GOOD) + gzip.compress(GOOD))) == 2


def test_a_gzip_file_that_is_cut_short_says_after_which_line():
    packed = gzip.compress(b"".join(b'{"prompt": "%d?"}\n' % n for n in range(20_000)))
    problem = problem_in(packed[: len(packed) // 2])
    assert problem.problem == "The gzip file is cut short."
    assert problem.line > 1_000


def test_damaged_gzip_is_told_apart_from_a_short_one():
    packed = bytearray(gzip.compress(GOOD * 1000))
    packed[len(packed) // 2] ^= 0xFF
    assert "damaged" in problem_in(bytes(packed)).problem


def test_a_gzip_bomb_stops_at_the_limit():
    bomb = gzip.compress(GOOD * 100_000)
    assert len(bomb) < 100_000
    problem = problem_in(bomb, limits=FileLimits(max_bytes=200_000))
    assert "more than 200,000 bytes when unpacked" in problem.problem
    assert len(read(bomb, limits=FileLimits(max_bytes=200_000))) < 12_000


def test_a_line_without_end_stops_at_the_limit(monkeypatch):
    monkeypatch.setattr(reading, "MAX_LINE_BYTES", 1000)
    problem = problem_in(GOOD + b"x" * 5000)
    assert (problem.line, "longer than" in problem.problem) == (2, True)


def test_nan_means_null_as_pandas_writes_it():
    assert read(b'{"prompt": "One?", "model": NaN}\n') == [(1, {"prompt": "One?", "model": None})]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"PAR1\x15\x04\x15", "Parquet is damaged"),
        (b"PK\x03\x04rest", "zip archive is damaged"),
        (b"\x28\xb5\x2f\xfd\x24", "Zstandard file is cut short"),
        (gzip.compress(b"PAR1\x15", mtime=0), "Parquet is damaged"),
        (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git LFS"),
        (b"\n<!DOCTYPE html>\n<html><body>Sign in</body></html>\n", "web page"),
        ('{"prompt": "One?"}\n'.encode("utf-16"), "UTF-16"),
        ('{"prompt": "One?"}\n'.encode("utf-16-be"), "UTF-16"),
        ('{"prompt": "One?"}\n'.encode("utf-32"), "UTF-32"),
        (bytes(3000), "NUL bytes"),
        (b'{"prompt": {"0": "One?", "1": "Two?"}}\n', "column by column"),
    ],
)
def test_another_format_is_named_in_one_error_that_says_what_to_do(content, name):
    for skip_bad in (False, True):
        with pytest.raises(ImportRefused) as refused:
            check_file(io.BytesIO(content), skip_bad=skip_bad)
        (problem,) = refused.value.problems
        assert name in problem.problem
        assert (problem.field, bool(problem.advice)) == ("file", True)


def test_lines_that_end_with_a_carriage_return_alone_are_read():
    assert read(b'{"prompt": "One?"}\r{"prompt": "Two?"}\r')[1] == (2, {"prompt": "Two?"})


def test_a_list_among_rows_is_one_bad_row():
    assert [type(value) for _, value in read(b"[1]\n" + GOOD)] == [Problem, dict]


def test_invalid_utf8_names_line_and_byte():
    problem = problem_in(GOOD + b'{"prompt": "caf\xe9"}\n')
    assert (problem.line, problem.problem) == (2, "Not valid UTF-8 (byte 16 of the line).")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"prompt": "One?"', "Not valid JSON"),
        (b"{'prompt': 'One?'}", "Not valid JSON"),
        (b'{"prompt": -Infinity}', "-Infinity is no JSON number"),
        (b'"One?"', "not a text"),
        (b"[1, 2]", "not a list"),
        (b"7", "not a number"),
        (b"null", "not null"),
        (b"[" * 100_000, "Nested too deeply"),
        (b'{"n": ' + b"9" * 5000 + b"}", "Not valid JSON"),
    ],
)
def test_what_is_no_json_object_is_named(line, words):
    problem = problem_in(GOOD + line + b"\n")
    assert problem.line == 2
    assert words in problem.problem


def test_a_bad_line_does_not_hide_the_ones_after_it():
    kinds = [type(value) for _, value in read(GOOD + b"nonsense\n" + GOOD)]
    assert kinds == [dict, Problem, dict]


@pytest.mark.parametrize("content", [b"", b"\n \n", gzip.compress(b"", mtime=0)])
def test_a_file_without_rows_is_refused(content):
    with pytest.raises(ImportRefused) as refused:
        check_file(io.BytesIO(content))
    assert refused.value.problems[0].problem == "Holds no rows."


def test_a_hundred_errors_are_shown_and_all_are_counted():
    with pytest.raises(ImportRefused) as refused:
        check_file(io.BytesIO(b'{"prompt": 1}\n' * 250))
    assert (len(refused.value.problems), refused.value.total) == (100, 250)
    assert "250 errors" in refused.value.summary
