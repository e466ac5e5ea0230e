"""Potato's pairs: items with their texts, and beside them what each person annotated.

Potato keeps the two apart: an annotation names its item by the id alone. Both files are read
together, in one archive or one import.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labeling.importing.lines.message_fields import Tell
from labeling.importing.reports import Wrong
from labeling.importing.sources.answers import PROMPTS, SYSTEMS, verdict_of
from labeling.importing.sources.parts import (
    Answer,
    Verdict,
    list_in,
    number,
    said_by,
    to_compare,
    triple,
)
from labeling.importing.sources.source import Data, Row, Source, columns
from labeling.importing.sources.traces.attributes import read_json

SELECTION, SCALE = "selection", "scale_value"
ITEM_TEXTS = ("text", "items", "responses")
NO_VERDICT = "annotations that choose none of the two, left out"


def _rows(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    items = [data for data in records if "instance_id" not in data]
    annotations = [data for data in records if "instance_id" in data]
    if not items:
        problem = "No item with this id is in the file: the texts are missing."
        advice = "Give Potato's data file and its annotations together, packed in one archive."
        raise Wrong("instance_id", problem, advice)
    prompt, answers, system = _texts(items[0])
    opinions = [row for one in annotations for row in _opinions(one, prompt, answers, system, tell)]
    if opinions:
        yield from opinions
    else:
        yield to_compare(prompt, answers, system=system)


def _texts(item: Data) -> tuple[Any, list[Answer], Any]:
    name = next(name for name in ITEM_TEXTS if name in item)
    texts = list_in(read_json(item[name]), name)
    prompt = next((name for name in PROMPTS if item.get(name) and name != "text"), None)
    if prompt is None:
        problem = f"Holds no prompt: none of its fields is called {', '.join(PROMPTS[:6])} …."
        raise Wrong("item", problem, "Add what was asked to Potato's data file.")
    system = next((item[name] for name in SYSTEMS if item.get(name)), None)
    return read_json(item[prompt]), [Answer(text) for text in texts], system


def _opinions(
    data: Data, prompt: Any, answers: list[Answer], system: Any, tell: Tell
) -> Iterator[Row]:
    """One preference for each scheme in which this person chose."""
    if len(answers) != 2:
        raise Wrong("text", f"Holds {len(answers)} texts, and a pair has two.")
    first, second = answers
    schemes = _schemes(data)
    for labels in schemes.values():
        verdict, strength = _verdict(labels)
        if verdict is not None:
            by = said_by(data.get("user_id"))
            if by and strength is not None and strength != int(strength):
                tell("places between those of the scale, of which the direction alone is kept")
                strength = None
            yield triple(prompt, first, second, verdict, strength=strength, system=system, **by)
            return  # further schemes ask about single aspects
    tell(NO_VERDICT)


def _schemes(data: Data) -> dict[str, dict[str, Any]]:
    """Labels by scheme: as JSONL nests them, and as CSV writes them into names of columns."""
    labels = read_json(data.get("labels"))
    if isinstance(labels, Mapping):
        return {name: _labels(value) for name, value in labels.items()}
    schemes: dict[str, dict[str, Any]] = {}
    for name, value in data.items():
        scheme, dot, label = name.rpartition(".")
        if dot and value not in ("", None):
            schemes.setdefault(scheme, {})[label] = value
    return schemes


def _labels(value: Any) -> dict[str, Any]:
    value = read_json(value)
    return dict(value) if isinstance(value, Mapping) else {SELECTION: value}


def _verdict(labels: Mapping[str, Any]) -> tuple[Verdict | None, float | None]:
    if SCALE in labels:
        score = number(labels[SCALE], SCALE)
        verdict = Verdict.FIRST if score < 0 else Verdict.SECOND if score > 0 else Verdict.TIE
        return verdict, min(3.0, abs(score)) or None
    return verdict_of(labels.get(SELECTION), ["A", "B"]), None


def _is_item(data: Data) -> bool:
    """An item whose texts are two in a list."""
    if "id" not in data or not data.keys().isdisjoint({"chosen", "rejected", "winner", "scores"}):
        return False
    name = next((name for name in ITEM_TEXTS[:2] if name in data), None)
    texts = read_json(data[name]) if name else None
    return (
        isinstance(texts, list) and len(texts) == 2 and all(isinstance(one, str) for one in texts)
    )


def _is_annotation(data: Data) -> bool:
    if not data.keys() >= {"instance_id", "user_id"}:
        return False
    return "labels" in data or any(name.endswith((f".{SELECTION}", f".{SCALE}")) for name in data)


SOURCES = (
    Source(
        name="Potato items and annotations",
        meaning="the text that a person selected is better, or the one that their scale points to, "
        "for its user_id",
        needs=frozenset(),
        uses=columns("id instance_id user_id labels spans links text items") | {*PROMPTS, *SYSTEMS},
        fits=lambda data: _is_annotation(data) or _is_item(data),
        rows=_rows,
        group=lambda data: f"{data.get('instance_id', data.get('id'))}",
    ),
)
