"""Very long texts come in pieces: all of it, in few blocks of bounded size, and once."""

import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.material.shown.showing import show
from labeling.texts.limits import MAX_TEXT
from labeling.texts.pieces import PIECE_CHARACTERS, PIECE_LINES, WHOLE_UP_TO, cut, in_pieces
from tests.factories import make_comparison, make_member, make_project

MILLION = 1_000_000
SHAPES = {
    "one paragraph": "words and more of them " * (MILLION // 23),
    "many paragraphs": ("A paragraph of a few words.\n\n" * (MILLION // 29)),
    "code": "```python\n" + "if x < 1 & y:\n    return\n" * (MILLION // 24) + "```",
    "one very long line": "x" * MILLION,
    "a table": "| a | b |\n|---|---|\n" + "| cell | words |\n" * (MILLION // 17),
    "nothing but line ends": "\n" * MILLION,
}


def texts_of(html: str) -> list[str]:
    return [unescape(text) for text in re.findall(r'<span class="piece[^"]*">([^<]*)</span>', html)]


@pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES)
def test_a_million_characters_come_whole_in_bounded_pieces(text: str) -> None:
    pieces = texts_of(in_pieces(text))
    assert "".join(pieces) == text
    assert max(map(len, pieces)) <= PIECE_CHARACTERS
    assert len(pieces) <= 2 * (MILLION // PIECE_CHARACTERS) + 700


def test_a_piece_has_few_lines() -> None:
    text = "Line\n" * 20_000
    assert max(piece.count("\n") for piece in cut(text)) == PIECE_LINES
    assert {piece[-1] for piece in cut(text)} == {"\n"}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["\n", " ", "word ", "x" * 3_000, "e\u0301", "👩\u200d🍳", "<&>"])),
    st.integers(1, 9),
)
def test_no_character_is_lost_or_twice(units: list[str], times: int) -> None:
    text = "".join(units) * 40 * times
    assert "".join(cut(text)) == text


@pytest.mark.parametrize("sign", ["👩\u200d👩\u200d👧", "e\u0301", "❤\ufe0f"])
def test_no_sign_is_torn_apart(sign: str) -> None:
    for shift in range(len(sign)):
        pieces = list(cut("a" * shift + sign * 8_000))
        assert all(piece.startswith(sign) and piece.endswith(sign) for piece in pieces[1:])


def test_a_text_of_usual_length_is_one_piece() -> None:
    text = "word\n" * (WHOLE_UP_TO // 5)
    assert in_pieces(text) == text


@pytest.mark.django_db
def test_the_page_holds_a_long_text_once(client: Client) -> None:
    project = make_project()
    long = "word " * (MAX_TEXT // 5 - 10)
    make_comparison(project, (long + "left end", long + "right end"))
    client.force_login(make_member(project))
    html = client.get(reverse("label", args=[project.slug])).content.decode()
    assert len(html) < 2 * MAX_TEXT + 100_000
    assert [html.count(end) for end in ("left end", "right end")] == [1, 1]
    assert html.count('<span class="piece') < 1_300


def test_what_is_shown_plain_is_the_same_raw() -> None:
    texts = show([{"role": "user", "content": "**x** " * 20_000}], ["**bold**"])
    assert texts.last.is_plain
    assert unescape("".join(texts_of(texts.last.raw_html))) == texts.last.raw
    assert not texts.responses[0].is_plain
