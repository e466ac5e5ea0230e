"""The attributes of a span as one tree, whatever way they are written.

Exporters write them as OTLP does (a list of keys with typed values), as an object with dotted
names, as objects in objects, or as columns of a table. Indices in names become lists.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

from labeling.importing.reports import Wrong
from labeling.importing.sources.parts import list_in, objects_in

Tree: TypeAlias = dict[str, Any]

# What is said of a model's call begins with one of these; all else is about something else.
SUBJECTS = ("gen_ai", "llm", "input", "output", "openinference")
MAX_PARTS = 12  # of a dotted name
MAX_INDEX = 10_000
OTLP_VALUES = ("stringValue", "intValue", "doubleValue", "boolValue", "bytesValue")


def tree_of(attributes: Any, field: str) -> Tree:
    """The tree of a span's attributes; a list is read as OTLP writes it."""
    if isinstance(attributes, list):
        attributes = dict(_otlp_pairs(attributes, field))
    elif isinstance(attributes, str):
        attributes = read_json(attributes)
    if not isinstance(attributes, Mapping):
        raise Wrong(field, "Must be an object with the span's attributes.")
    tree: Tree = {}
    for name, value in attributes.items():
        parts = name.split(".")
        if parts[0] in SUBJECTS and len(parts) <= MAX_PARTS and value is not None:
            _put(tree, parts, value)
    return {name: _with_lists(value) for name, value in tree.items()}


def at(tree: Any, *path: str) -> Any:
    """What stands at this path of the tree, or None."""
    for name in path:
        if not isinstance(tree, Mapping):
            return None
        tree = tree.get(name)
    return tree


def read_json(value: Any) -> Any:
    """The value that a text of JSON writes; the text itself where it is none."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):
            return json.loads(value)
    return value


def _otlp_pairs(attributes: list[Any], field: str) -> Iterator[tuple[str, Any]]:
    for index, entry in enumerate(objects_in(attributes, field)):
        key = entry.get("key")
        if not isinstance(key, str):
            raise Wrong(f"{field}[{index}].key", "Must be a text.")
        yield key, _otlp_value(entry.get("value"), f"{field}[{index}].value")


def _otlp_value(value: Any, field: str) -> Any:
    if not isinstance(value, Mapping):
        return value
    for name in OTLP_VALUES:
        if name in value:
            return value[name]
    for name in ("arrayValue", "kvlistValue"):
        inner = value.get(name)
        if isinstance(inner, Mapping):
            values = list_in(inner.get("values", []), f"{field}.{name}.values")
            if name == "kvlistValue":
                return dict(_otlp_pairs(values, field))
            return [_otlp_value(one, field) for one in values]
    return None


def _put(tree: Tree, parts: list[str], value: Any) -> None:
    for part in parts[:-1]:
        inner = tree.get(part)
        if not isinstance(inner, dict):  # a name that is also the beginning of others
            inner = tree[part] = {}
        tree = inner
    last = parts[-1]
    known = tree.get(last)
    if isinstance(known, dict) and isinstance(value, Mapping):
        known.update(value)
    elif not isinstance(known, dict):
        tree[last] = dict(value) if isinstance(value, Mapping) else value


def _with_lists(value: Any) -> Any:
    """The same with dotted names taken apart, and objects of indices as lists."""
    if isinstance(value, list):
        return [_with_lists(one) for one in value]
    if not isinstance(value, dict):
        return value
    if any("." in name for name in value):
        tree: Tree = {}
        for name, inner in value.items():
            parts = name.split(".")
            _put(tree, parts if len(parts) <= MAX_PARTS else [name], inner)
        value = tree
    if value and all(name.isascii() and name.isdigit() and len(name) < 6 for name in value):
        ordered = sorted(value, key=int)
        if int(ordered[-1]) < MAX_INDEX:
            return [_with_lists(value[name]) for name in ordered]
    return {name: _with_lists(inner) for name, inner in value.items()}
