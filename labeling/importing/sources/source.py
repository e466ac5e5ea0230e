"""What a source is: the columns it is known by, its name, and what its records become."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from labeling.importing.lines.message_fields import Tell

Data: TypeAlias = dict[str, Any]  # a record, without what is null
Row: TypeAlias = dict[str, Any]  # of ours: prompt, responses, or chosen and rejected


@dataclass(frozen=True, kw_only=True)
class Source:
    """One kind of record. `needs` are the columns that it always has, and `fits` looks closer."""

    name: str
    meaning: str  # what becomes of a record, and what is better, in a few words
    needs: frozenset[str]
    uses: frozenset[str] = frozenset()  # further columns that are read, or say nothing of their own
    fits: Callable[[Data], bool] = lambda _: True
    # From all records of one group: a single one where there is no `group`. Raises Wrong.
    rows: Callable[[Sequence[Data], Tell], Iterable[Row]]
    group: Callable[[Data], str] | None = None
    # Of a shape with common columns: a record with further ones that look like answers or opinions
    # is of something else, and they are not left out.
    is_strict: bool = False
    is_ours: bool = False  # our own shape: its rows are read as they are


def columns(text: str) -> frozenset[str]:
    """Names of columns, written with blanks between them."""
    return frozenset(text.split())
