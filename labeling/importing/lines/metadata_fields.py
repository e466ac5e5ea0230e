"""Metadata out of a row: what it says itself, and the further columns that are kept as such."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from labeling.importing.lines.message_fields import Tell
from labeling.importing.lines.opinions import SCORES
from labeling.importing.lines.reading import name_of_type
from labeling.importing.reports import Wrong
from labeling.texts.limits import MAX_METADATA
from labeling.texts.metadata import Metadata, MetadataRefused, checked, further, is_personal

SIDES = ("chosen", "rejected")
OF_RESPONSES = frozenset({"chosen_metadata", "rejected_metadata"})
# The same rating goes under one name, whichever side it is of.
SCORE_NAMES = {
    name: (side, "rating" if "rating" in name else "score")
    for pair in SCORES
    for side, name in zip(SIDES, pair, strict=True)
}


@dataclass(frozen=True)
class RowMetadata:
    """The metadata of a row's prompt, and of the chosen and the rejected where it has them."""

    prompt: Metadata = field(default_factory=dict)
    chosen: Metadata = field(default_factory=dict)
    rejected: Metadata = field(default_factory=dict)


def metadata_in(value: Any, field: str) -> Metadata:
    """Reads a field that is metadata: an object, or one as a text of JSON. Raises Wrong."""
    if value in (None, "", {}, "{}"):
        return {}
    if isinstance(value, str) and len(value) <= MAX_METADATA:
        value = _parsed(value)
    if not isinstance(value, dict):
        advice = 'Write {"language": "en"}, or give the column another name.'
        raise Wrong(field, f"Must be an object, not {name_of_type(value)}.", advice)
    try:
        return checked(value)
    except MetadataRefused as fault:
        place = f"{field}.{fault.path}" if fault.path else field
        raise Wrong(place, str(fault), fault.advice) from None


def _parsed(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def of_row(data: Mapping[str, Any], known: Collection[str], tell: Tell) -> RowMetadata:
    """All metadata of a row, whose other columns are `known`. A column about one of the two
    responses, `chosen_length`, is that one's. Raises Wrong."""
    own = data.get("metadata")
    if isinstance(own, str | list) and not (
        isinstance(own, str) and isinstance(_parsed(own), dict)
    ):
        own = {"metadata": own}
    given = [
        metadata_in(own, "metadata"),
        *(metadata_in(data.get(f"{side}_metadata"), f"{side}_metadata") for side in SIDES),
    ]
    others = _further_columns(data, known, tell)
    return RowMetadata(
        *(
            further(columns, tell) | metadata if columns else metadata
            for metadata, columns in zip(given, others, strict=True)
        )
    )


def _further_columns(
    data: Mapping[str, Any], known: Collection[str], tell: Tell
) -> tuple[Metadata, Metadata, Metadata]:
    """The columns that are not known: those about the prompt, the chosen and the rejected."""
    columns: tuple[Metadata, Metadata, Metadata] = ({}, {}, {})
    said = [data.get(name) for name in ("prompt", "chosen", "rejected")]
    for name, value in data.items():
        if name in known and name not in SCORE_NAMES:
            continue
        side, short = SCORE_NAMES.get(name) or _side_of(name)
        if side and "chosen" in data:
            columns[1 + SIDES.index(side)].setdefault(short, value)
        elif name in known:
            continue
        elif isinstance(value, str | list) and value in said:
            tell(f"field “{name:.40}” not kept: the row says so already")
        else:
            columns[0][name] = value
            if not is_personal(name):
                tell(f"field “{name:.40}” kept as metadata of the prompt")
    return columns


def _side_of(name: str) -> tuple[str, str]:
    """The response that a column's name speaks of, and the rest of the name."""
    for side in SIDES:
        for sign in "_-":
            if name.startswith(side + sign):
                return side, name[len(side) + 1 :]
            if name.endswith(sign + side):
                return side, name[: -len(side) - 1]
    return "", name


def further_of_response(others: Mapping[str, Any], tell: Tell) -> Metadata:
    """The further keys of an object that is a response."""
    for name in others:
        if not is_personal(name):
            tell(f"field “responses.{name:.40}” kept as metadata of its response")
    return further(others, tell)
