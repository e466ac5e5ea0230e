"""SHP, Stanford Human Preferences: two comments on one post, the better one has more votes."""

from collections.abc import Iterator, Sequence

from labeling.importing.lines.message_fields import Tell
from labeling.importing.sources.parts import Answer, Verdict, flag, triple
from labeling.importing.sources.source import Data, Row, Source, columns


def _rows(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    verdict = Verdict.FIRST if flag(data["labels"], "labels") else Verdict.SECOND
    yield triple(data["history"], Answer(data["human_ref_A"]), Answer(data["human_ref_B"]), verdict)


SOURCES = (
    Source(
        name="SHP",
        meaning="human_ref_A is better where labels is 1, human_ref_B where it is 0",
        needs=columns("history human_ref_A human_ref_B labels"),
        rows=_rows,
    ),
)
