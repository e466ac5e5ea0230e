"""WebGPT comparisons: two answers with what they quote, and a score of each."""

from collections.abc import Iterator, Sequence

from labeling.importing.lines.message_fields import Tell
from labeling.importing.sources.parts import Answer, Verdict, number, required, triple
from labeling.importing.sources.source import Data, Row, Source, columns


def _rows(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    question = data["question"]
    if isinstance(question, dict):
        question = required(question, "full_text", "question")
    scores = [number(data[name], name) for name in ("score_0", "score_1")]
    verdict = Verdict.TIE
    if scores[0] != scores[1]:
        verdict = Verdict.FIRST if scores[0] > scores[1] else Verdict.SECOND
    yield triple(question, Answer(data["answer_0"]), Answer(data["answer_1"]), verdict)


SOURCES = (
    Source(
        name="WebGPT comparisons",
        meaning="the answer with the higher score is better, equal scores are a tie",
        needs=columns("question answer_0 answer_1 score_0 score_1"),
        uses=columns("tokens_0 tokens_1"),
        rows=_rows,
    ),
)
