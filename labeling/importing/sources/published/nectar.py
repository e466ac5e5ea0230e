"""Nectar: up to seven answers to a prompt, ranked."""

from collections.abc import Iterator, Sequence

from labeling.importing.lines.message_fields import Tell
from labeling.importing.sources.parts import (
    Answer,
    number,
    objects_in,
    ranked,
    required,
    without,
)
from labeling.importing.sources.source import Data, Row, Source, columns


def _fits(data: Data) -> bool:
    answers = data["answers"]
    first = answers[0] if isinstance(answers, list) and answers else None
    return isinstance(first, dict) and "answer" in first and "rank" in first


def _rows(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    answers = []
    for index, one in enumerate(objects_in(data["answers"], "answers")):
        where = f"answers[{index}]"
        rank = number(required(one, "rank", where), f"{where}.rank")
        about = without(one, "answer", "model")
        answers.append(Answer(required(one, "answer", where), one.get("model"), rank, about))
    yield from ranked(data["prompt"], answers, tell)


SOURCES = (
    Source(
        name="Nectar",
        meaning="every two of the answers are a preference for the one with the lower rank",
        needs=columns("prompt answers"),
        uses=columns("turns num_responses"),
        keeps=columns("turns"),
        fits=_fits,
        rows=_rows,
    ),
)
