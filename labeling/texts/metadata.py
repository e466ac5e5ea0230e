"""What is known of a prompt or a response beside what was said: where it is from, its language, how
it was rated elsewhere.

Curators find and export by it. No labeler and no model ever sees it: it may name who wrote a
response.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from labeling.texts.limits import (
    MAX_METADATA,
    MAX_METADATA_DEPTH,
    MAX_METADATA_KEYS,
    MAX_METADATA_NAME,
    MAX_METADATA_TEXT,
)
from labeling.texts.messages import words_of

Metadata: TypeAlias = dict[str, Any]

# A name with one of these words is about a person who judged or wrote.
PERSONAL = frozenset(
    """
    annotator annotators labeler labelers labeller labellers worker workers turker turkers rater
    raters reviewer reviewers evaluator evaluators assessor assessors grader graders participant
    participants respondent respondents voter voters visitor visitors user users username usernames
    author authors judge judges session sessions email emails mail mails phone ip demographics
    demographic gender ethnicity religion birthday birthdate nationality
    """.split()  # noqa: SIM905 (as in labeling/texts/messages.py)
)
NO_VALUES: tuple[Any, ...] = (None, "", [], {})


class MetadataRefused(ValueError):
    """The value is no metadata that can be kept; the message says why, and `advice` what to do."""

    def __init__(
        self, path: str, problem: str, advice: str = "Shorten it, or take it out."
    ) -> None:
        super().__init__(problem)
        self.path, self.advice = path, advice


def is_personal(name: str) -> bool:
    return not PERSONAL.isdisjoint(words_of(name))


def checked(value: Mapping[str, Any]) -> Metadata:
    """The metadata without what is null, if every database can hold it and it is small enough.
    Raises MetadataRefused."""
    if len(value) > MAX_METADATA_KEYS:
        problem = f"{len(value):,} keys; at most {MAX_METADATA_KEYS} are kept."
        raise MetadataRefused("", problem, "Keep those that are searched for.")
    metadata = {name: inner for name, inner in value.items() if inner is not None}
    for name, inner in metadata.items():
        _check_name(name)
        if not isinstance(inner, bool | int | float):
            _check(inner, name, 1)
    written = as_json(metadata)
    if len(written) > MAX_METADATA:
        problem = f"{len(written):,} characters as JSON; at most {MAX_METADATA:,} are kept."
        raise MetadataRefused("", problem, "Leave out the longest values.")
    if "\\u0000" in written and any("\x00" in text for text in _texts(metadata)):
        raise MetadataRefused("", "Holds a NUL character (\\u0000).", "Remove it.")
    try:
        written.encode()
    except UnicodeEncodeError as fault:
        half = f"\\u{ord(written[fault.start]):04x}"
        advice = "A character was cut in half: write the text out again as UTF-8."
        raise MetadataRefused("", f"Holds half of a surrogate pair ({half}).", advice) from None
    return metadata


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > MAX_METADATA_NAME:
        problem = f"A key has from 1 to {MAX_METADATA_NAME} characters, not {len(name):,}."
        raise MetadataRefused("", problem, "Give it a short name.")


def _check(value: Any, path: str, depth: int) -> None:
    if isinstance(value, str) and len(value) > MAX_METADATA_TEXT:
        problem = f"{len(value):,} characters; at most {MAX_METADATA_TEXT:,} are kept."
        raise MetadataRefused(path, problem)
    if not isinstance(value, dict | list):
        return
    if depth >= MAX_METADATA_DEPTH:
        problem = f"Nested deeper than {MAX_METADATA_DEPTH} levels."
        raise MetadataRefused(path, problem, "Keep what is searched for at the top.")
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
        _check(inner, f"{path}.{name:.40}" if isinstance(value, dict) else path, depth + 1)


def _texts(value: Any) -> Iterator[str]:
    """Every text in the value, names included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def further(data: Mapping[str, Any], tell: Callable[[str], object] = lambda _: None) -> Metadata:
    """What of further columns can be kept: without what names people and what is too large, each
    told."""
    metadata: Metadata = {}
    for name, value in data.items():
        if value in NO_VALUES:
            continue
        if is_personal(name):
            tell(f"column “{name:.40}” not kept: it is about people")
            continue
        value = _without_people(value, name, tell)
        try:
            metadata |= checked({name: value})
        except (MetadataRefused, RecursionError) as fault:
            problem = "Nested too deeply." if isinstance(fault, RecursionError) else f"{fault}"
            tell(f"column “{name:.40}” not kept as metadata: {problem.rstrip('.')}")
    return _within_limits(metadata, tell)


def _within_limits(metadata: Metadata, tell: Callable[[str], object]) -> Metadata:
    """The first keys that fit together."""
    if len(metadata) <= MAX_METADATA_KEYS and len(as_json(metadata)) <= MAX_METADATA:
        return metadata
    kept: Metadata = {}
    size = 2
    for name, value in metadata.items():
        size += len(as_json({name: value}))
        if len(kept) >= MAX_METADATA_KEYS or size > MAX_METADATA:
            tell(f"column “{name:.40}” not kept as metadata: there is too much of it already")
            continue
        kept[name] = value
    return kept


def _without_people(value: Any, path: str, tell: Callable[[str], object], depth: int = 1) -> Any:
    if depth > MAX_METADATA_DEPTH or not isinstance(value, dict | list):
        return value
    if isinstance(value, list):
        return [_without_people(inner, path, tell, depth + 1) for inner in value]
    rest = {}
    for name, inner in value.items():
        if is_personal(name):
            tell(f"“{path:.40}.{name:.40}” not kept: it is about people")
        else:
            rest[name] = _without_people(inner, f"{path}.{name}", tell, depth + 1)
    return rest


def merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[Metadata, int]:
    """All keys of both, and how many values of the second were left out because the first says
    something else, or because there would be too much of it."""
    metadata = dict(first)
    left_out = 0
    for name, value in second.items():
        if name not in metadata:
            metadata[name] = value
        elif metadata[name] != value:
            left_out += 1
    if metadata.keys() == first.keys():
        return metadata, left_out
    if len(metadata) > MAX_METADATA_KEYS or len(as_json(metadata)) > MAX_METADATA:
        return dict(first), left_out + len(metadata.keys() - first.keys())
    return metadata, left_out


def as_json(value: Any) -> str:
    """The value as JSON, as exports write it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
