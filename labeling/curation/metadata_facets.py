"""The metadata that preferences have: how often each value of each key, for the filter.

Keys are the users' own, and no index helps with them: they are counted in the newest preferences
that match, however many there are.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from labeling.curation.finding import PreferenceFilter, Window, matching
from labeling.material.metadata_conditions import PREFIX
from labeling.models import Project
from labeling.texts.metadata import as_json

COUNTED = 2_000  # preferences
SHOWN_KEYS = 8
SHOWN_VALUES = 6
LONGEST_SHOWN = 60  # characters of a value that is worth a click
SIDES = ("prompt__metadata", "chosen__metadata", "rejected__metadata")


@dataclass(frozen=True)
class MetadataChoice:
    label: str
    count: int
    selected: bool
    query: str  # address with this choice made, or taken back when it is selected


@dataclass(frozen=True)
class MetadataFacet:
    """One key with its most frequent values. `left_out` is the number of further values."""

    key: str
    choices: list[MetadataChoice]
    left_out: int = 0


def metadata_facets(
    project: Project, wanted: PreferenceFilter, window: Window
) -> list[MetadataFacet]:
    """The keys whose values repeat, the most frequent first, and those that are asked for."""
    rows = matching(project, wanted, window).order_by("-id").values_list(*SIDES)[:COUNTED]
    counts: dict[str, Counter[str]] = {}
    for sides in rows:
        for key, value in {pair for side in sides for pair in _pairs(side)}:
            counts.setdefault(key, Counter())[value] += 1
    asked = {condition.key: condition.value for condition in wanted.metadata}
    for key, value in asked.items():
        counts.setdefault(key, Counter()).setdefault(value, 0)
    telling = [key for key in counts if key in asked or _tells_apart(counts[key])]
    telling.sort(key=lambda key: (key not in asked, -counts[key].total(), key))
    return [_facet(key, counts[key], wanted, asked.get(key)) for key in telling[:SHOWN_KEYS]]


def _tells_apart(values: Counter[str]) -> bool:
    """Whether a value is had by several: a key whose every value is another one is an id."""
    return len(values) < values.total()


def _facet(
    key: str, counts: Counter[str], wanted: PreferenceFilter, asked: str | None
) -> MetadataFacet:
    shown = counts.most_common(SHOWN_VALUES)
    if asked is not None and asked not in dict(shown):
        shown.append((asked, counts[asked]))
    name = PREFIX + key
    choices = [
        MetadataChoice(
            label=value,
            count=number,
            selected=value == asked,
            query=wanted.querystring(**{name: "" if value == asked else value}),
        )
        for value, number in shown
    ]
    return MetadataFacet(key, choices, left_out=max(0, len(counts) - len(shown)))


def _pairs(metadata: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Every key with each of its values, as a filter asks for them."""
    for name, value in metadata.items():
        key = f"{before}{name}"
        if isinstance(value, dict) and not before:
            yield from _pairs(value, f"{key}.")
            continue
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str | int | float):
                written = one if isinstance(one, str) else as_json(one)
                if 0 < len(written) <= LONGEST_SHOWN and written == written.strip():
                    yield key, written
