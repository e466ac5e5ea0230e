"""From the bytes of a file to numbered JSON objects, with every way in which that can fail.

One line at a time, so that a file may be larger than memory.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from typing import IO, Any, TypeAlias

from labeling.importing.reports import Problem

# Unpacked. A few kilobytes of gzip can unpack to terabytes.
MAX_BYTES = 4 * 2**30
MAX_LINE_BYTES = 16 * 2**20

GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"
UTF8_BOM = b"\xef\xbb\xbf"
UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")

Numbered: TypeAlias = tuple[int, dict[str, Any] | Problem]


class _Unreadable(Exception):
    def __init__(self, problem: str, advice: str) -> None:
        self.problem, self.advice = problem, advice


def read_objects(file: IO[bytes], *, max_bytes: int = MAX_BYTES) -> Iterator[Numbered]:
    """Each line's number with its object, or with what is wrong with it. `file` is read from its
    start; reading ends at a fault that leaves nothing to read on from."""
    number = 0
    try:
        for number, line in _lines(_unpacked(file), max_bytes):
            if line.strip():
                yield number, _parse(number, line)
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
    start = file.read(4)
    file.seek(0)
    if start.startswith(ZIP_MAGIC):
        raise _Unreadable("This is a zip archive.", "Unpack it, or pack it with gzip instead.")
    if start.startswith(UTF16_BOMS):
        raise _Unreadable("The text is UTF-16.", "Save the file as UTF-8.")
    if start.startswith(GZIP_MAGIC):
        return gzip.GzipFile(fileobj=file, mode="rb")
    return file


def _lines(file: IO[bytes] | gzip.GzipFile, max_bytes: int) -> Iterator[tuple[int, bytes]]:
    size = 0
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        size += len(line)
        if size > max_bytes:
            raise _Unreadable(
                f"The file holds more than {_readable(max_bytes)} when unpacked.",
                "Split it and import the parts one after the other.",
            )
        if len(line) > MAX_LINE_BYTES:
            raise _Unreadable(
                f"This line is longer than {_readable(MAX_LINE_BYTES)}.",
                "Each row must be one line of JSON (JSONL).",
            )
        number += 1
        yield number, line.removeprefix(UTF8_BOM) if number == 1 else line


def _readable(size: int) -> str:
    return f"{size / 2**20:,.0f} MB" if size >= 2**20 else f"{size:,} bytes"


def _parse(number: int, line: bytes) -> dict[str, Any] | Problem:
    try:
        text = line.decode()
    except UnicodeDecodeError as fault:
        problem = f"Not valid UTF-8 (byte {fault.start + 1} of the line)."
        return Problem(number, "line", problem, "Save the file as UTF-8.")
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        return Problem(number, "line", "Nested too deeply.", "Give plain messages and texts.")
    except json.JSONDecodeError as fault:
        problem = f"Not valid JSON: {fault.msg} (character {fault.pos + 1} of the line)."
        return Problem(number, "line", problem, _json_advice(number, text))
    except ValueError as fault:
        return Problem(number, "line", f"Not valid JSON: {fault}.", _json_advice(number, text))
    if isinstance(value, dict):
        return value
    problem = f"A row must be an object in braces, not {name_of_type(value)}."
    return Problem(number, "line", problem, _json_advice(number, text))


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _json_advice(number: int, text: str) -> str:
    if number == 1 and text.lstrip().startswith("["):
        return "This looks like one JSON array: write one object on each line instead (JSONL)."
    if number == 1 and text.strip() == "{":
        return "This looks like indented JSON: write each object on one line (JSONL)."
    return "Write one complete JSON object on each line."


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
