"""What a source is: the columns it is known by, its name, and what its records become."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from labeling.importing.lines.message_fields import Tell
from labeling.texts.metadata import is_personal

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
    # Of our own exports: what stands beside the triple is read as in any line of one.
    is_export: bool = False
    # What a reader does not use is kept as metadata. `keeps` are columns that are kept although
    # they are read, `leaves` are left out: they repeat what the row says, or are too large.
    keeps: frozenset[str] = frozenset()
    leaves: frozenset[str] = frozenset()
    sides: tuple[str, str] | None = None  # a column with one of these in its name is a response's
    keeps_others: bool = True
    others: Callable[[Data], Data] | None = None  # what is kept of a record's prompt, where not so

    def keeps_column(self, name: str) -> bool:
        """Whether the column becomes metadata, of the prompt or of a response."""
        is_read = name in self.needs or name in self.uses
        is_kept = self.keeps_others and (not is_read or name in self.keeps)
        return is_kept and name not in self.leaves and not is_personal(name)

    def about_prompt(self, data: Data) -> Data:
        """What is kept of the record as metadata of its prompt. Of records that are read together,
        their reader says which is about what."""
        if self.others is not None:
            return self.others(data)
        if self.group is not None:
            return {}
        return {
            name: value
            for name, value in data.items()
            if self.keeps_column(name) and not (self.sides and side_of(name, self.sides))
        }


def side_of(name: str, sides: tuple[str, str]) -> str:
    """Which of the two sides the name of a column speaks of; empty for neither, and for both."""
    named = [side for side in sides if side in name.replace("-", "_").split("_")]
    return named[0] if len(named) == 1 else ""


def columns(text: str) -> frozenset[str]:
    """Names of columns, written with blanks between them."""
    return frozenset(text.split())
