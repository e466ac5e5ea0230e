"""A program's result.json: how it is written, and how one is read that an earlier version wrote.

A program names every field. A reader must take what lies in databases and in the folders of
finished runs: fields that came later are missing there, and others have gone since.
"""

from copy import copy
from dataclasses import dataclass, field, fields
from typing import Any, Self

EARLIER, ONLY_WHERE, PART = "earlier", "only_where", "part"


def earlier(value: object) -> dict[str, Any]:
    """Metadata of a field: the value to read where a stored result lacks the field, or holds null
    or something of another kind. A field without it is read as null there."""
    return {EARLIER: value}


def part(kind: "type[Stored]") -> dict[str, Any]:
    """Metadata of a field that holds figures with names of their own."""
    return {PART: kind}


ONLY_IF_KNOWN = {ONLY_WHERE: True}  # metadata of a field that the JSON lacks where it is null


@dataclass(frozen=True, kw_only=True)
class Stored:
    """JSON that lies in a row or a file, of this version or an earlier one."""

    @classmethod
    def names(cls) -> list[str]:
        return [one.name for one in fields(cls)]

    def as_json(self) -> dict[str, Any]:
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        only_where = {one.name for one in fields(self) if ONLY_WHERE in one.metadata}
        return {
            name: value.as_json() if isinstance(value, Stored) else value
            for name, value in values.items()
            if value is not None or name not in only_where
        }

    @classmethod
    def read_stored(cls, stored: object) -> Self:
        """Reads a stored result and never refuses it. Fields that this version does not know are
        left out; `earlier` fills in what is missing."""
        known = stored if isinstance(stored, dict) else {}
        values: dict[str, Any] = {}
        for one in fields(cls):
            value = known.get(one.name)
            if PART in one.metadata:
                value = one.metadata[PART].read_stored(value)
            elif EARLIER in one.metadata and not _is_like(value, one.metadata[EARLIER]):
                value = copy(one.metadata[EARLIER])
            values[one.name] = value
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class RunResult(Stored):
    """What every program says at its end."""

    warnings: list[str] = field(metadata=earlier([]))  # sentences for people
    seconds: float | None  # from the start of the program
    config: dict[str, Any] = field(metadata=earlier({}))  # nulls replaced by what they stood for


def _is_like(value: object, other: object) -> bool:
    """Whether the value is of the kind that the field has."""
    if isinstance(other, int):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, type(other))
