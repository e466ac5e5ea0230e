"""Records out of Parquet and Arrow files, a few rows in memory at a time.

pyarrow is loaded here and not at the top: the web process needs it only while such a file is read.
"""

import base64
import math
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import IO, Any

from labeling.importing.files.budget import Budget
from labeling.importing.files.faults import Unreadable, in_megabytes
from labeling.importing.files.kinds import Kind
from labeling.importing.files.places import ROW
from labeling.importing.files.texts import Numbered
from labeling.importing.lines import reading
from labeling.importing.reports import Problem
from labeling.texts.limits import MAX_VALUES

# Few, since each may be large: a file can say the same long text once for all of its rows.
ROWS_AT_ONCE = 50
AGAIN = "Copy or download it again, or write it out anew."


def read_columns(file: IO[bytes], budget: Budget, kind: Kind) -> Iterator[Numbered]:
    """The rows of a Parquet or Arrow file. `file` must be seekable, but for an Arrow stream."""
    import pyarrow

    number = 0
    try:
        for batch in _batches(file, budget, kind):
            budget.spend("rows", batch.nbytes, packed=True)
            for row in _rows(batch):
                number += 1
                budget.count_line()
                yield number, ROW, row
    except (pyarrow.ArrowException, OSError, ValueError, MemoryError) as fault:
        words = " ".join(str(fault).split())[:200].rstrip(".")
        problem = f"{kind.value} is damaged or cut short after row {number:,} ({words})."
        raise Unreadable(problem[0].upper() + problem[1:], AGAIN) from None


def _batches(file: IO[bytes], budget: Budget, kind: Kind) -> Iterator[Any]:
    """Of a few rows each."""
    import pyarrow

    if kind == Kind.PARQUET:
        import pyarrow.parquet

        table = pyarrow.parquet.ParquetFile(file)
        groups = map(table.metadata.row_group, range(table.metadata.num_row_groups))
        # What the file says of itself, before any of it takes memory.
        budget.spend("pages", sum(group.total_byte_size for group in groups), packed=True)
        yield from table.iter_batches(batch_size=ROWS_AT_ONCE, use_threads=False)
        return
    if kind == Kind.ARROW_FILE:
        reader = pyarrow.ipc.open_file(file)
        batches = (reader.get_batch(index) for index in range(reader.num_record_batches))
    else:
        batches = iter(pyarrow.ipc.open_stream(file))
    for batch in batches:
        # An Arrow file may say that a text begins where there is no memory: nothing has looked yet.
        batch.validate(full=True)
        for start in range(0, batch.num_rows, ROWS_AT_ONCE):
            yield batch.slice(start, ROWS_AT_ONCE)


def _rows(batch: Any) -> Iterator[dict[str, Any] | Problem]:
    try:
        rows = batch.to_pylist()
    except UnicodeDecodeError:
        if batch.num_rows == 1:
            yield Problem(0, ROW, "Holds text that is no valid UTF-8.", "Write it out as UTF-8.")
            return
        for index in range(batch.num_rows):
            yield from _rows(batch.slice(index, 1))
        return
    for row in rows:
        yield _as_json(row)


def _as_json(row: dict[str, Any]) -> dict[str, Any] | Problem:
    """The row in values that JSON has."""
    values = _Values()
    plain: dict[str, Any] = values.plain(row)
    if values.count > MAX_VALUES:
        problem = f"Holds more than {MAX_VALUES:,} values."
        return Problem(0, ROW, problem, "Write fewer responses and fields in one row.")
    if values.characters > reading.MAX_LINE_BYTES:
        problem = f"This row is longer than {in_megabytes(reading.MAX_LINE_BYTES)}."
        return Problem(0, ROW, problem, "Split what it holds into several rows.")
    return plain


class _Values:
    """Turns values as Arrow has them into those of JSON, and counts them."""

    def __init__(self) -> None:
        self.count = 0
        self.characters = 0

    def plain(self, value: Any) -> Any:
        self.count += 1
        if self.count > MAX_VALUES:
            return None
        if isinstance(value, str):
            self.characters += len(value)
            return value
        if isinstance(value, dict):
            return {str(key): self.plain(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.plain(inner) for inner in value]
        return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None  # what pandas writes where there is nothing
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value
