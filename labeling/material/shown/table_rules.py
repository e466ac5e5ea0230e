"""Tables in Markdown: a row with more cells than the head keeps them all.

The parser drops what is beyond the last column. That is how a cell like `a|b` in code loses half of
itself, since only `\\|` is a pipe inside a cell. Here the last cell takes the rest of its row.
"""

from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, table
from markdown_it.rules_block.table import escapedSplit
from markdown_it.token import Token


def add_whole_rows(parser: MarkdownIt) -> None:
    parser.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})


def _table(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    before = len(state.tokens)
    is_table = table(state, first, last, silent)
    if is_table and not silent:
        _keep_rest_of_rows(state, state.tokens[before:])
    return is_table


def _keep_rest_of_rows(state: StateBlock, tokens: Sequence[Token]) -> None:
    row: list[Token] = []
    for token in tokens:
        if token.type == "tr_open":
            row = []
        elif token.type == "inline":
            row.append(token)
        elif token.type == "tr_close" and row and row[0].map:
            cells = _cells(state, row[0].map[0])
            if len(cells) > len(row):
                row[-1].content = "|".join(cells[len(row) - 1 :]).strip()


def _cells(state: StateBlock, line: int) -> list[str]:
    begin, end = state.bMarks[line] + state.tShift[line], state.eMarks[line]
    cells = escapedSplit(state.src[begin:end].strip())
    if cells and cells[0] == "":
        cells.pop(0)
    if cells and cells[-1] == "":
        cells.pop()
    return cells
