"""From the bytes of a line to a JSON object, with every way in which that can fail."""

import json
import re
from typing import Any

from labeling.importing.reports import Problem
from labeling.texts.limits import MAX_LINE_BYTES, MAX_VALUES

__all__ = ["JSON_ADVICE", "MAX_LINE_BYTES", "name_of_type", "parse_line"]

# Shorter lines cannot hold enough to matter.
COUNTED_LENGTH = 100_000
JSON_ADVICE = "Write one complete JSON object on each line."
# Possessive, and to the end where no quote follows: a line that is no JSON takes no longer.
QUOTED = re.compile(r'"(?:[^"\\]+|\\.)*+"?', re.DOTALL)


def parse_line(line: bytes) -> dict[str, Any] | Problem:
    """The object that a line holds, or what is wrong with it; whoever reads on says which line."""
    try:
        text = line.decode()
    except UnicodeDecodeError as fault:
        problem = f"Not valid UTF-8 (byte {fault.start + 1} of the line)."
        return Problem(0, "line", problem, "Save the file as UTF-8.")
    if len(text) > COUNTED_LENGTH and _values_in(text) > MAX_VALUES:
        problem = f"Holds more than {MAX_VALUES:,} values."
        return Problem(0, "line", problem, "Write fewer responses and fields on one line.")
    try:
        value = DECODER.decode(text)
    except RecursionError:
        return Problem(0, "line", "Nested too deeply.", "Give plain messages and texts.")
    except json.JSONDecodeError as fault:
        problem = f"Not valid JSON: {fault.msg} (character {fault.pos + 1} of the line)."
        return Problem(0, "line", problem, JSON_ADVICE)
    except ValueError as fault:
        return Problem(0, "line", f"Not valid JSON: {fault}.", JSON_ADVICE)
    if isinstance(value, dict):
        return value
    problem = f"A row must be an object in braces, not {name_of_type(value)}."
    return Problem(0, "line", problem, JSON_ADVICE)


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


DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


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
