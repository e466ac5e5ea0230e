"""JSON bodies: what is taken, what is refused, and that what is taken comes through unchanged."""

import io
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings
from rest_framework.exceptions import ParseError

from labeling.api.conventions.parsers import MOST_LEVELS, BodyTooLarge, PlainJSONParser

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | TEXTS
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


def parse(body: bytes) -> Any:
    return PlainJSONParser().parse(io.BytesIO(body))


def nested(levels: int) -> bytes:
    """A number inside this many lists."""
    return b"[" * levels + b"1" + b"]" * levels


@given(VALUES)
def test_what_is_sent_arrives_as_it_is(value: Any) -> None:
    for escaped in (True, False):
        assert parse(json.dumps(value, ensure_ascii=escaped).encode()) == value


def test_depth_has_a_limit_which_is_still_taken() -> None:
    assert parse(nested(MOST_LEVELS - 1)) is not None
    with pytest.raises(ParseError, match=f"nested more than {MOST_LEVELS} levels deep"):
        parse(nested(MOST_LEVELS))


def test_what_python_cannot_nest_is_refused_in_words() -> None:
    with pytest.raises(ParseError, match="nested"):
        parse(nested(100_000))


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_constants_that_are_no_json_are_named(constant: str) -> None:
    with pytest.raises(ParseError, match=f"{constant} is no JSON number"):
        parse(f'{{"weight": {constant}}}'.encode())


@pytest.mark.parametrize("number", [b"1e999", b"-1e999"])
def test_a_number_that_becomes_infinite_is_refused(number: bytes) -> None:
    with pytest.raises(ParseError, match="A number is too large"):
        parse(b'{"a": [' + number + b"]}")


def test_the_largest_finite_number_is_taken() -> None:
    assert parse(b"1.7976931348623157e308") == math.nextafter(math.inf, 0)


@pytest.mark.parametrize("text", ["\\u0000", "a\\ud800", "\\udfff b"])
@pytest.mark.parametrize("body", ['["{}"]', '{{"{}": 1}}', '{{"a": {{"b": ["{}"]}}}}'])
def test_a_text_that_cannot_be_stored_is_refused_as_value_and_as_key(body: str, text: str) -> None:
    with pytest.raises(ParseError, match="NUL character or half a character"):
        parse(body.format(text).encode())


def test_two_halves_of_a_character_are_one() -> None:
    assert parse(b'"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


@pytest.mark.parametrize("body", [b"", b"{", b"{'a': 1}", b"[1,]", b"\xff", b"\xef\xbb\xbf{}"])
def test_what_is_no_json_in_utf8_is_refused_and_says_why(body: bytes) -> None:
    with pytest.raises(ParseError, match="The body is not valid JSON in UTF-8: "):
        parse(body)


def test_a_body_of_just_the_limit_is_taken(settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 2**20
    body = b'"' + b"x" * (2**20 - 2) + b'"'
    assert len(parse(body)) == 2**20 - 2
    with pytest.raises(BodyTooLarge, match="larger than 1 MB: send it in parts"):
        parse(body + b" ")
