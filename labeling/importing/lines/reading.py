"""From the bytes of a file to numbered JSON objects, with every way in which that can fail.

One line at a time, so that a file may be larger than memory.
"""

import gzip
import io
import json
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, Any, TypeAlias

from labeling.importing.lines.containers import (
    HEAD_BYTES,
    UTF8_BOM,
    CarriageReturns,
    ends_with_cr,
    what_else,
)
from labeling.importing.reports import Problem
from labeling.texts.limits import BLANK_LINES, MAX_LINE_BYTES, MAX_VALUES, UPLOADED, FileLimits

GZIP_MAGIC = b"\x1f\x8b"
# Shorter lines cannot hold enough to matter.
COUNTED_LENGTH = 100_000
JSON_ADVICE = "Write one complete JSON object on each line."
# Possessive, and to the end where no quote follows: a line that is no JSON takes no longer.
QUOTED = re.compile(r'"(?:[^"\\]+|\\.)*+"?', re.DOTALL)

Numbered: TypeAlias = tuple[int, dict[str, Any] | Problem]


class _Unreadable(Exception):
    def __init__(self, problem: str, advice: str) -> None:
        self.problem, self.advice = problem, advice


def read_objects(
    file: IO[bytes], *, max_bytes: int | None = None, limits: FileLimits = UPLOADED
) -> Iterator[Numbered]:
    """Each line's number with its object, or with what is wrong with it. `file` is read from its
    start; reading ends at a fault that leaves nothing to read on from. Everything that is read
    counts for the limits: packed, unpacked, and lines that hold nothing."""
    if max_bytes is not None:
        limits = replace(limits, max_bytes=max_bytes)
    number = blank = 0
    try:
        for number, line in _lines(file, limits):
            if line.strip():
                yield number, _parse(number, line)
                continue
            blank += 1
            if blank > BLANK_LINES + number - blank:
                advice = "Take them out: each row is one line."
                raise _Unreadable(f"{blank:,} lines up to here are blank.", advice)
    except _Unreadable as fault:
        yield number, Problem(number + 1 if number else 0, "file", fault.problem, fault.advice)
    except EOFError:
        advice = "Copy or download it again; nothing after this line could be read."
        yield number, Problem(number + 1, "file", "The gzip file is cut short.", advice)
    except (gzip.BadGzipFile, zlib.error) as fault:
        advice = "Pack it again, or give the plain .jsonl file."
        yield number, Problem(number + 1, "file", f"The gzip file is damaged ({fault}).", advice)


def _unpacked(file: IO[bytes]) -> IO[bytes] | gzip.GzipFile:
    file.seek(0)
    start = file.read(len(GZIP_MAGIC))
    file.seek(0)
    return gzip.GzipFile(fileobj=file, mode="rb") if start == GZIP_MAGIC else file


def _as_lines(unpacked: IO[bytes] | gzip.GzipFile) -> IO[bytes] | io.BufferedReader:
    """The file, if its first bytes can be those of JSONL, with line feeds at the ends of lines."""
    head = unpacked.read(HEAD_BYTES)
    unpacked.seek(0)
    if fault := what_else(head):
        raise _Unreadable(*fault)
    if ends_with_cr(head):
        return io.BufferedReader(CarriageReturns(unpacked))  # type: ignore[arg-type, type-var]
    return unpacked  # type: ignore[return-value]


def _lines(file: IO[bytes], limits: FileLimits) -> Iterator[tuple[int, bytes]]:
    unpacked = _unpacked(file)
    is_packed = unpacked is not file
    most = limits.packed_allows(_size_of(file)) if is_packed else limits.max_bytes
    size = 0
    number = 0
    lines = _as_lines(unpacked)
    while line := lines.readline(MAX_LINE_BYTES + 1):
        size += len(line)
        if size > most:
            raise _too_large(most, limits)
        if number >= limits.max_lines:
            raise _Unreadable(
                f"The file has more than {limits.max_lines:,} lines.",
                "Split it and import the parts one after the other.",
            )
        if len(line) > MAX_LINE_BYTES:
            raise _Unreadable(
                f"This line is longer than {_readable(MAX_LINE_BYTES)}.",
                "Each row must be one line of JSON (JSONL).",
            )
        number += 1
        yield number, line.removeprefix(UTF8_BOM) if number == 1 else line


def _size_of(file: IO[bytes]) -> int:
    """In bytes; where it is read does not change."""
    here = file.tell()
    size = file.seek(0, os.SEEK_END)
    file.seek(here)
    return size


def _too_large(most: int, limits: FileLimits) -> _Unreadable:
    if most < limits.max_bytes:
        return _Unreadable(
            f"The file unpacks to more than {limits.max_ratio} times its size.",
            "Give the plain .jsonl file, or use manage.py import_data on the server.",
        )
    return _Unreadable(
        f"The file holds more than {_readable(most)} when unpacked.",
        "Split it and import the parts one after the other.",
    )


def _readable(size: int) -> str:
    return f"{size / 2**20:,.0f} MB" if size >= 2**20 else f"{size:,} bytes"


def _parse(number: int, line: bytes) -> dict[str, Any] | Problem:
    try:
        text = line.decode()
    except UnicodeDecodeError as fault:
        problem = f"Not valid UTF-8 (byte {fault.start + 1} of the line)."
        return Problem(number, "line", problem, "Save the file as UTF-8.")
    if len(text) > COUNTED_LENGTH and _values_in(text) > MAX_VALUES:
        problem = f"Holds more than {MAX_VALUES:,} values."
        return Problem(number, "line", problem, "Write fewer responses and fields on one line.")
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        return Problem(number, "line", "Nested too deeply.", "Give plain messages and texts.")
    except json.JSONDecodeError as fault:
        problem = f"Not valid JSON: {fault.msg} (character {fault.pos + 1} of the line)."
        return Problem(number, "line", problem, JSON_ADVICE)
    except ValueError as fault:
        return Problem(number, "line", f"Not valid JSON: {fault}.", JSON_ADVICE)
    if isinstance(value, dict):
        return value
    problem = f"A row must be an object in braces, not {name_of_type(value)}."
    return Problem(number, "line", problem, JSON_ADVICE)


def _values_in(text: str) -> int:
    """About how many values the JSON holds, without making them: an empty list takes two bytes of
    a file and fifty of memory."""
    structure = QUOTED.sub("", text)
    return sum(structure.count(sign) for sign in ",[{")


def _refuse_constant(name: str) -> None:
    """Reads NaN as null, since pandas writes it where there is no value; refuses the infinities."""
    if name == "NaN":
        return
    raise ValueError(f"{name} is no JSON number")


def name_of_type(value: object) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        type(None): "null",
    }
    return names.get(type(value), type(value).__name__)
