"""Many rows in one request: all of them are taken, or none and each fault is named by its row."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from labeling.importing.reports import Problem

MOST_ROWS = 10_000
SHOWN_FAULTS = 100
ROWS = "rows"


@dataclass(frozen=True)
class RowFault:
    """What is wrong with one row of the body. Rows are counted from 0."""

    index: int
    field: str
    problem: str

    @classmethod
    def of(cls, problem: Problem) -> "RowFault":
        """The fault that the importer's check has found in the row of this index."""
        return cls(int(problem.line), problem.field, problem.words)


class RowsRefused(ValueError):
    """Some rows are at fault, and nothing was stored."""

    def __init__(self, faults: Sequence[RowFault]) -> None:
        self.total = len(faults)
        self.faults = faults[:SHOWN_FAULTS]
        first = faults[0]
        others = f" {self.total - 1:,} more faults are in `errors`." if self.total > 1 else ""
        super().__init__(
            f"Nothing was stored: row {first.index}, {first.field}: {first.problem}{others}"
        )


def rows_in(request: Request) -> list[Any]:
    """The rows of the body `{"rows": [...]}`."""
    body = request.data
    if not isinstance(body, Mapping) or set(body) != {ROWS} or not isinstance(body[ROWS], list):
        raise ValidationError({ROWS: 'Send an object with a list of rows: {"rows": [...]}.'})
    rows: list[Any] = body[ROWS]
    if not rows:
        raise ValidationError({ROWS: "Is empty: send at least one row."})
    if len(rows) > MOST_ROWS:
        problem = f"{len(rows):,} rows; at most {MOST_ROWS:,} go into one request."
        raise ValidationError({ROWS: f"{problem} Send them in parts, or as a file to imports/."})
    return rows


def refuse_faults(faults: Iterable[RowFault]) -> None:
    if listed := sorted(faults, key=lambda fault: fault.index):
        raise RowsRefused(listed)


def body_of_rows(
    name: str, row: type[serializers.BaseSerializer[Any]]
) -> serializers.Serializer[Any]:
    """Describes a body with such rows for the schema."""
    return inline_serializer(name, {ROWS: row(many=True, help_text=f"1 to {MOST_ROWS:,}.")})
