"""Rows as the bytes of a file: JSON lines, CSV or Parquet, however many there are."""

import csv
import io
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

from labeling.preferences.shapes.pairs import MESSAGES, ColumnType, Row
from labeling.preferences.shapes.parquet import parquet_file
from labeling.preferences.shapes.styles import OF_TEMPLATES

Columns: TypeAlias = Mapping[str, ColumnType]

# A spreadsheet takes a cell that begins with one of these for a formula, also in their wide forms
# and after white space that it leaves out. The apostrophe is here so that it can be taken off
# again: every cell that begins with one had it put in front.
FORMULA_STARTS = tuple("=+-@\t\r＝＋－＠'")
GZIP = 31  # zlib's word for a whole gzip file


def json_lines(rows: Iterable[Row]) -> Iterator[bytes]:
    for row in rows:
        yield _json_line(row)


def _json_line(row: Row) -> bytes:
    try:
        return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:
        # A number beyond 64 bits, or what is nested deeper than 254 levels: the standard library
        # writes the same bytes, in six times the time.
        return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def csv_lines(rows: Iterable[Row], columns: Columns) -> Iterator[bytes]:
    """The names of the columns, then a record for each row. What is no text, number or truth value
    is written as JSON; nothing, as an empty cell."""
    names = [*columns, *(OF_TEMPLATES if _holds_messages(columns) else ())]
    yield _record(names)
    for row in rows:
        yield _record([_cell(row[name]) if name in row else "" for name in names])


def _holds_messages(kind: ColumnType) -> bool:
    if isinstance(kind, Mapping):
        return any(map(_holds_messages, kind.values()))
    return bool(kind == MESSAGES)


def _record(cells: list[str]) -> bytes:
    line = io.StringIO()
    # A cell with one of the two characters of this line end is quoted: no text is cut in two.
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().encode()


def _cell(value: Any) -> str:
    if isinstance(value, str):
        # A line feed is no start by itself: dialogues of HH-RLHF begin with two.
        is_formula = value.lstrip("\n").startswith(FORMULA_STARTS)
        return "'" + value if is_formula else value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def packed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks as one gzip file. It names no time, so equal rows are equal bytes."""
    packing = zlib.compressobj(wbits=GZIP)
    for chunk in chunks:
        if some := packing.compress(chunk):
            yield some
    yield packing.flush()


@dataclass(frozen=True)
class FileFormat:
    """How rows become a file. `needs_plain`: each column has one type for the whole file, so that
    a message is a role and a content and no more."""

    write: Callable[[Iterable[Row], Columns], Iterator[bytes]]
    content_type: str
    needs_plain: bool = False


# By the end of a file's name.
FORMATS = {
    "jsonl": FileFormat(lambda rows, _: json_lines(rows), "application/x-ndjson"),
    "jsonl.gz": FileFormat(lambda rows, _: packed(json_lines(rows)), "application/gzip"),
    "csv": FileFormat(csv_lines, "text/csv; charset=utf-8"),
    "csv.gz": FileFormat(
        lambda rows, columns: packed(csv_lines(rows, columns)), "application/gzip"
    ),
    "parquet": FileFormat(parquet_file, "application/vnd.apache.parquet", needs_plain=True),
}
