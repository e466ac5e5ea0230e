"""A very long text in pieces, so that a browser lays out only what is in view.

One paragraph of a million characters is laid out as a whole or not at all, which takes minutes.
Cut into blocks of a screen or two (`.piece` in static/css/components.css) it takes a second, and
those out of view can wait until somebody scrolls there. The pieces put together are the text, to
the last character.
"""

import unicodedata
from collections.abc import Iterator

from django.utils.html import escape

WHOLE_UP_TO = 50_000  # characters; a browser lays out as many at once without a pause
AT_ONCE_UP_TO = 400_000  # of such pieces; of more only those in view
PIECE_CHARACTERS = 4_000
PIECE_LINES = 60
MOST_BY_LINES = 600  # pieces of a text whose lines are short: the box of each costs something too
# What belongs to the sign before it: joiners and the choice between its looks.
JOINERS = {"\u200c", "\u200d", "\ufe0e", "\ufe0f"}
LONGEST_SIGN = 40  # characters that may make up one sign on screen


def in_pieces(text: str) -> str:
    """The text's HTML: one text if it is short, else pieces, each a block. A piece that ends inside
    a line says so by its class."""
    if len(text) <= WHOLE_UP_TO:
        return escape(text)
    on_sight = " on-sight" if len(text) > AT_ONCE_UP_TO else ""
    return "".join(_block(piece, on_sight) for piece in cut(text))


def _block(piece: str, on_sight: str) -> str:
    classes = f"piece{on_sight}{'' if piece.endswith(chr(10)) else ' goes-on'}"
    return f'<span class="{classes}">{escape(piece)}</span>'


def cut(text: str) -> Iterator[str]:
    """Pieces of at most PIECE_CHARACTERS that end with a line where they can, else with a word."""
    most_lines = max(PIECE_LINES, text.count("\n") // MOST_BY_LINES)
    start = 0
    while start < len(text):
        end = _end_of_piece(text, start, most_lines)
        yield text[start:end]
        start = end


def _end_of_piece(text: str, start: int, most_lines: int) -> int:
    limit = start + PIECE_CHARACTERS
    lines = text[start:limit].split("\n", most_lines)
    if len(lines) > most_lines:
        return min(start + sum(map(len, lines[:-1])) + most_lines, limit)
    if limit >= len(text):
        return len(text)
    for sign in ("\n", " "):
        place = text.rfind(sign, start + PIECE_CHARACTERS // 2, limit)
        if place >= 0:
            return place + 1
    return _before_sign(text, limit)


def _before_sign(text: str, place: int) -> int:
    """A place at or before this one where no sign is torn apart."""
    for end in range(place, place - LONGEST_SIGN, -1):
        is_joined = text[end] in JOINERS or text[end - 1] == "\u200d"
        if not is_joined and not unicodedata.combining(text[end]):
            return end
    return place
