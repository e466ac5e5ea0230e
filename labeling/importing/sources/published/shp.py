"""SHP, Stanford Human Preferences: two comments on one post, the better one has more votes."""

from collections.abc import Iterator, Sequence

from labeling.importing.lines.message_fields import Tell
from labeling.importing.sources.parts import Answer, Verdict, about_side, flag, triple
from labeling.importing.sources.source import Data, Row, Source, columns


def _rows(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    verdict = Verdict.FIRST if flag(data["labels"], "labels") else Verdict.SECOND
    answers = [
        Answer(data[f"human_ref_{side}"], metadata=about_side(data, side, ("A", "B"), NEEDS))
        for side in "AB"
    ]
    yield triple(data["history"], answers[0], answers[1], verdict)


NEEDS = columns("history human_ref_A human_ref_B labels")

SOURCES = (
    Source(
        name="SHP",
        meaning="human_ref_A is better where labels is 1, human_ref_B where it is 0",
        needs=NEEDS,
        rows=_rows,
        sides=("A", "B"),
    ),
)
