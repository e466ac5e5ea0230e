"""Files for OpenAI's preference fine-tuning: an input, and two outputs to it."""

from collections.abc import Iterator, Sequence

from labeling.importing.lines.message_fields import Tell
from labeling.importing.sources.parts import required
from labeling.importing.sources.source import Data, Row, Source, columns


def _rows(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    given = data["input"]
    is_object = isinstance(given, dict)
    row = {
        "prompt": required(given, "messages", "input") if is_object else given,
        "chosen": data["preferred_output"],
        "rejected": data["non_preferred_output"],
    }
    if is_object and given.get("tools"):
        row["tools"] = given["tools"]
    yield row


SOURCES = (
    Source(
        name="OpenAI preference file",
        meaning="preferred_output is better than non_preferred_output",
        needs=columns("input preferred_output non_preferred_output"),
        rows=_rows,
    ),
)
