"""Paths into a record, as a mapping names them: `meta.model`, `answers[0]`, `votes[].choice`."""

import re
from collections.abc import Collection, Sequence
from typing import Any

from labeling.importing.sources.source import Data

STEP = re.compile(r"\[(\d{0,6})\]|\.?([^.\[\]]+)")


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
