"""Community Alignment: conversations of up to four turns, in each of which one of four responses
was preferred."""

from collections.abc import Iterator, Sequence
from typing import Any

from labeling.importing.lines.message_fields import Tell
from labeling.importing.reports import Wrong
from labeling.importing.sources.parts import (
    Answer,
    Verdict,
    assistant,
    said_by,
    to_compare,
    triple,
    user,
)
from labeling.importing.sources.source import Data, Row, Source, columns

TURNS = ("first", "second", "third", "fourth")
SIDES = "abcd"
READ = frozenset(
    f"{turn}_turn_{what}"
    for turn in TURNS
    for what in ("prompt", "preferred_response", *(f"response_{side}" for side in SIDES))
)


def _rows(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    path: list[Data] = []
    by = said_by(data.get("annotator_id"))
    for turn in TURNS:
        prompt = data.get(f"{turn}_turn_prompt")
        if not prompt:
            return
        path = [*path, user(prompt)]
        answers = {
            side: data[f"{turn}_turn_response_{side}"]
            for side in SIDES
            if f"{turn}_turn_response_{side}" in data
        }
        field = f"{turn}_turn_preferred_response"
        best = _side_of(data.get(field), answers, field)
        if best is None:
            yield to_compare(path, [Answer(text) for text in answers.values()])
            return
        for side, text in answers.items():
            if side != best:
                yield triple(path, Answer(answers[best]), Answer(text), Verdict.FIRST, **by)
        path = [*path, assistant(answers[best])]


def _side_of(value: Any, answers: dict[str, Any], field: str) -> str | None:
    if value is None or value == "":
        return None
    side = value.strip().lower().removeprefix("response_") if isinstance(value, str) else ""
    if side not in answers:
        raise Wrong(field, f"{value!r:.60} is none of the turn's responses.")
    return side


SOURCES = (
    Source(
        name="Community Alignment",
        meaning="in each turn the preferred response is better than each of the others, for its "
        "annotator_id",
        needs=columns("first_turn_prompt first_turn_response_a first_turn_response_b"),
        uses=READ | {"annotator_id"},
        rows=_rows,
    ),
)
