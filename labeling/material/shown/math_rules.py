"""Formulas in Markdown: `$…$`, `$$…$$`, `\\(…\\)`, `\\[…\\]` and `\\begin{x}…\\end{x}` are kept
as they are written, so that emphasis and escapes do not tear them apart; the page draws them, or
leaves them as they are (static/js/labeling/math.js).

Money is no formula: a `$` opens one only before a sign that is not white space, and closes it only
after one and not before a digit.
"""

import re
from collections.abc import MutableMapping
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

MAX_LENGTH = 5_000  # characters of one formula; a lone sign must not search the whole text
PAIRS = {"\\(": "\\)", "\\[": "\\]", "$$": "$$"}
ENVIRONMENT = re.compile(r"\\begin\{([A-Za-z]+\*?)\}")


def add_math(parser: MarkdownIt) -> None:
    """Adds the rules: before `escape`, which would eat the backslash, and before lists and such."""
    parser.inline.ruler.before("escape", "math", _inline)
    parser.block.ruler.before(
        "fence", "math_block", _block, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )


def _inline(state: StateInline, silent: bool) -> bool:
    source, start = state.src, state.pos
    opening = source[start : start + 2]
    if environment := ENVIRONMENT.match(source, start):
        end = _end_of_environment(source, environment, state.env)
        size, is_display = 0, True
    elif opening in PAIRS:
        end = _closing(source, start + 2, PAIRS[opening])
        size, is_display = 2, opening != "\\("
    elif opening[:1] == "$":
        end, size, is_display = _closing_dollar(source, start), 1, False
    else:
        return False
    if end < 0 or not source[start + size : end].strip():
        return False
    if not silent:
        token = state.push("math_display" if is_display else "math", "span", 0)
        token.content = source[start : end + size]
    state.pos = end + size
    return True


def _end_of_environment(source: str, begin: re.Match[str], env: MutableMapping[str, Any]) -> int:
    """Where the environment ends, with those of the same name inside it; -1 if it does not. Each
    sign on the way is a step of the text's budget (labeling/material/shown/rendering.py)."""
    name, start = begin[1], begin.end()
    blank = source.find("\n\n", start, start + MAX_LENGTH)
    limit = blank if blank >= 0 else start + MAX_LENGTH
    depth = 1
    for sign in re.compile(rf"\\(begin|end)\{{{re.escape(name)}\}}").finditer(source, start, limit):
        env["work"].spend()
        depth += 1 if sign[1] == "begin" else -1
        if depth == 0:
            return sign.end()
    return -1


def _closing(source: str, start: int, sign: str) -> int:
    """Where the sign stands next; -1 if a blank line comes first."""
    limit = start + MAX_LENGTH
    blank = source.find("\n\n", start, limit)
    return source.find(sign, start, blank if blank >= 0 else limit)


def _closing_dollar(source: str, start: int) -> int:
    """Where the formula that opens with a single `$` ends; -1 if it is none."""
    if source[start + 1 : start + 2].isspace() or source[start - 1 : start].isalnum():
        return -1
    end = start
    while True:
        end = _closing(source, end + 1, "$")
        if end < 0 or "\n" in source[start:end]:
            return -1
        if source[end - 1] == "\\":
            continue
        is_closing = not source[end - 1].isspace() and not source[end + 1 : end + 2].isdigit()
        return end if is_closing and source[end + 1 : end + 2] != "$" else -1


def _block(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """A display formula on lines of its own."""
    if state.is_code_block(first):
        return False
    begin = state.bMarks[first] + state.tShift[first]
    opening = state.src[begin : begin + 2]
    if environment := ENVIRONMENT.match(state.src, begin):
        return _environment_block(state, first, last, environment, silent)
    if opening not in ("$$", "\\["):
        return False
    closing = PAIRS[opening]
    for line in range(first, min(last, first + 200)):
        text = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].rstrip()
        body = text[2:] if line == first else text
        if line > first and (not text or state.sCount[line] < state.blkIndent):
            return False
        if closing in body:
            if not body.endswith(closing) or body.index(closing) != len(body) - 2:
                return False
            return _add_block(state, first, line, silent)
    return False


def _environment_block(
    state: StateBlock, first: int, last: int, begin: re.Match[str], silent: bool
) -> bool:
    end = _end_of_environment(state.src, begin, state.env)
    line = first
    while end >= 0 and line < last and state.eMarks[line] < end:
        line += 1
        if line < last and state.sCount[line] < state.blkIndent:
            return False
    if end < 0 or line >= last or state.src[end : state.eMarks[line]].strip():
        return False
    return _add_block(state, first, line, silent)


def _add_block(state: StateBlock, first: int, line: int, silent: bool) -> bool:
    content = state.getLines(first, line + 1, state.blkIndent, False).strip()
    if not content[2:-2].strip():
        return False
    if not silent:
        token = state.push("math_block", "div", 0)
        token.content = content
        token.map = [first, line + 1]
        state.line = line + 1
    return True
