"""PKU-SafeRLHF: which of two answers is more helpful, and which is safer."""

from collections.abc import Iterator, Sequence

from labeling.importing.lines.message_fields import Tell
from labeling.importing.reports import Wrong
from labeling.importing.sources.parts import Answer, Verdict, about_side, number, triple
from labeling.importing.sources.source import Data, Row, Source, columns


def _rows(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    better = number(data["better_response_id"], "better_response_id")
    if better not in (0, 1):
        raise Wrong("better_response_id", f"{better:g} is neither 0 nor 1.")
    if data.get("safer_response_id", better) != better:
        tell("safer_response_id names the other answer, kept as metadata")
    answers = [
        Answer(
            data[f"response_{side}"],
            data.get(f"response_{side}_source"),
            None,
            _about(data, side),
        )
        for side in "01"
    ]
    verdict = Verdict.SECOND if better else Verdict.FIRST
    yield triple(data["prompt"], answers[0], answers[1], verdict)


def _about(data: Data, side: str) -> Data:
    about = about_side(data, side, ("0", "1"), READ)
    return {name.removeprefix("response_"): value for name, value in about.items()}


READ = columns("response_0 response_1 response_0_source response_1_source")

SOURCES = (
    Source(
        name="PKU-SafeRLHF",
        meaning="better_response_id, the more helpful answer, is the better one",
        needs=columns("prompt response_0 response_1 better_response_id"),
        uses=columns("safer_response_id response_0_source response_1_source"),
        rows=_rows,
        keeps=columns("safer_response_id"),
        sides=("0", "1"),
    ),
)
