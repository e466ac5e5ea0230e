"""WebGPT comparisons: two answers with what they quote, and a score of each."""

from collections.abc import Iterator, Sequence

from labeling.importing.lines.message_fields import Tell
from labeling.importing.sources.parts import (
    Answer,
    Verdict,
    about_side,
    number,
    required,
    triple,
    without,
)
from labeling.importing.sources.source import Data, Row, Source, columns


def _rows(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    question = data["question"]
    about: Data = {}
    if isinstance(question, dict):
        about = {f"question_{name}": one for name, one in without(question, "full_text").items()}
        question = required(question, "full_text", "question")
    scores = [number(data[name], name) for name in ("score_0", "score_1")]
    verdict = Verdict.TIE
    if scores[0] != scores[1]:
        verdict = Verdict.FIRST if scores[0] > scores[1] else Verdict.SECOND
    answers = [
        Answer(data[f"answer_{side}"], metadata=about_side(data, side, ("0", "1"), LEFT))
        for side in "01"
    ]
    yield triple(question, answers[0], answers[1], verdict, metadata=about or None)


LEFT = columns("answer_0 answer_1 tokens_0 tokens_1")

SOURCES = (
    Source(
        name="WebGPT comparisons",
        meaning="the answer with the higher score is better, equal scores are a tie",
        needs=columns("question answer_0 answer_1 score_0 score_1"),
        uses=columns("tokens_0 tokens_1"),
        keeps=columns("score_0 score_1"),
        rows=_rows,
        sides=("0", "1"),
    ),
)
