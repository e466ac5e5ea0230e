"""Paths into the columns of a record, and the values at their ends: `meta.model`, `answers[0]`, and
`votes[].choice` for every item of a list."""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from labeling.importing.reports import Wrong
from labeling.importing.sources.source import Data
from labeling.texts.limits import MAX_RESPONSES

SHOWN_COLUMNS = 20
STEP = re.compile(r"\[(\d{0,6})\]|\.?([^.\[\]]+)")
LAST_ITEM = re.compile(r"(.+)\[(\d+)\]", re.DOTALL)
# Numbers as tables write them where another row has none: 1.0 for 1.
WHOLE_NUMBER = re.compile(r"(-?\d+)\.0+")


def column_of(path: str, columns: Collection[str]) -> str | None:
    """The column that a path leads into: the longest name that it begins with."""
    if path in columns:
        return path
    fitting = [
        name for name in columns if path == name or path.startswith((f"{name}.", f"{name}["))
    ]
    return max(fitting, key=len, default=None)


def value_at(data: Data, path: str) -> Any:
    """What the path leads to; None where there is nothing. Of `[]`, a list of what each item
    has, where None stands for an item that has nothing."""
    if path in data:
        return data[path]
    column = column_of(path, data)
    if column is None:
        return None
    rest = path[len(column) :]
    steps = list(STEP.finditer(rest))
    if "".join(step.group() for step in steps) != rest:
        return None
    return _follow(data[column], [(step.group(1), step.group(2)) for step in steps])


def without_paths(value: Any, paths: Sequence[str]) -> Any:
    """What an object holds beside what these paths lead to; nothing of a list that is read."""
    steps = [[step.group(2) for step in STEP.finditer(path)] for path in paths]
    return _without_steps(value, steps)


def _without_steps(value: Any, paths: Sequence[Sequence[str | None]]) -> Any:
    if not isinstance(value, dict) or any(not steps or steps[0] is None for steps in paths):
        return None
    rest = {}
    for name, inner in value.items():
        within = [steps[1:] for steps in paths if steps[0] == name]
        inner = _without_steps(inner, within) if within else inner
        if inner not in (None, "", [], {}):
            rest[name] = inner
    return rest


def _follow(value: Any, steps: Sequence[tuple[str | None, str | None]]) -> Any:
    for place, (index, name) in enumerate(steps):
        if index == "":
            if not isinstance(value, list):
                return None
            return [_follow(item, steps[place + 1 :]) for item in value]
        if index is not None:
            is_there = isinstance(value, list) and int(index) < len(value)
            value = value[int(index)] if is_there else None
        else:
            value = value.get(name) if isinstance(value, dict) else None
    return value


def required(data: Data, path: str) -> Any:
    value = value_at(data, path)
    if value is None:
        columns = ", ".join(f"{name:.40}" for name in list(data)[:SHOWN_COLUMNS])
        raise Wrong(path, "Is missing.", f"The row has {columns or 'no columns'}.")
    return value


def each_value(
    data: Data, paths: Sequence[str], *, is_needed: bool = False
) -> Iterator[tuple[Any, str]]:
    """The values of all paths with where each stands; a list is as many values as it has items."""
    for path in paths:
        value = required(data, path) if is_needed else value_at(data, path)
        if isinstance(value, list) and not (len(paths) > 1 and is_needed):
            if len(value) > MAX_RESPONSES:
                raise Wrong(path, f"{len(value):,} items; at most {MAX_RESPONSES:,} are read.")
            yield from ((item, f"{path}[{index}]") for index, item in enumerate(value))
        else:
            yield value, path


def beside(data: Data, paths: Sequence[str], count: int) -> list[tuple[Any, str]]:
    """As many values as there are responses; None for each where nothing is named or given."""
    values = list(each_value(data, paths))
    if not paths or (len(values) == 1 and values[0][0] is None):
        return [(None, "")] * count
    if len(values) != count:
        raise Wrong(paths[0], f"Holds {len(values):,} values for {count:,} responses.")
    return values


# Values


def person_of(path: str) -> str:
    """The name of a labeler whose votes stand here: “votes[0]” is “votes 1”."""
    place = LAST_ITEM.fullmatch(path)
    return f"{place[1]} {int(place[2]) + 1}" if place else path


def word_of(value: object) -> str:
    """A verdict's value as it is compared: 1, 1.0 and "1" are one, and capitals do not count."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    word = str(value).strip().casefold()
    whole = WHOLE_NUMBER.fullmatch(word)
    return whole.group(1) if whole else word
