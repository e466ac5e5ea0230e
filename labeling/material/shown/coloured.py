"""Code in colours: which languages, and when it is left as it is.

A lexer is a list of regular expressions, and nobody can stop one that backtracks: of the five
hundred in Pygments, a few take minutes over a page of blanks. So only languages that people meet
are coloured, never what looks like a storm of one sign, and a lexer that takes long between two
of its words is left.
"""

import re
import time
import zlib

from django.utils.html import escape
from pygments.formatters import HtmlFormatter
from pygments.lexers import find_lexer_class_by_name, get_lexer_by_name
from pygments.util import ClassNotFound

LONGEST = 20_000  # characters of one block
CALM = 500  # below this no lexer of the list takes long
LONG_BLANK = re.compile(r"\s{300}")
LONG_LINE = re.compile(r"[^\n]{3000}")
MOST_REPETITION = 25  # times that zlib makes it smaller; code by people comes to 3 to 10
# Of CPU. Twenty thousand characters take a tenth of it, unless somebody has written them for that.
BRAKE_SECONDS = 0.25
FORMATTER = HtmlFormatter(nowrap=True)

LEXERS = frozenset(
    """
    ada awk bash batch c clojure cmake common-lisp console cpp csharp css cuda dart delphi diff
    django docker elixir erlang fortran fsharp glsl go graphql groovy haskell html html+django http
    ini java javascript json jsx julia kotlin less lua make markdown matlab mysql nasm nginx nixos
    objective-c ocaml perl php postgresql powershell prolog properties protobuf pycon python python2
    ruby rust scala scheme scss solidity splus sql sqlite3 swift terraform tex toml tsx typescript
    verilog vhdl vim xml yaml zig
    """.split()  # noqa: SIM905 (a list of a hundred strings is no easier to read)
)


class TookLong(Exception):
    """The lexer has used up its time on this block."""


def colour(code: str, language: str) -> str:
    """The code's HTML, coloured where the language is known; never guessed. Raises TookLong."""
    name = _lexer_name(language)
    if name is None or not _is_tame(code):
        return escape(code)
    end = time.thread_time() + BRAKE_SECONDS
    tokens = []
    for token in get_lexer_by_name(name).get_tokens(code):
        if time.thread_time() > end:
            raise TookLong
        tokens.append(token)
    pieces: list[str] = []
    FORMATTER.format(tokens, _Into(pieces))
    return "".join(pieces)


class _Into:
    """A file that keeps what is written."""

    def __init__(self, pieces: list[str]) -> None:
        self.write = pieces.append


def _lexer_name(language: str) -> str | None:
    try:
        lexer = find_lexer_class_by_name(language) if language else None
    except ClassNotFound:
        return None
    name = lexer.aliases[0] if lexer and lexer.aliases else None
    return name if name in LEXERS else None


def _is_tame(code: str) -> bool:
    """Whether the code is short, or of a normal length without long repetition. A text that repeats
    itself costs most lexers the square of its length."""
    if len(code) <= CALM:
        return True
    if len(code) > LONGEST or LONG_BLANK.search(code) or LONG_LINE.search(code):
        return False
    packed = zlib.compress(code.encode(errors="replace"), 1)
    return len(code) <= MOST_REPETITION * len(packed)
