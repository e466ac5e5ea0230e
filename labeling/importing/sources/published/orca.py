"""Pairs of answers to a question or instruction in columns of their own: Orca DPO and Alpaca's."""

from collections.abc import Iterator, Sequence
from typing import Any

from labeling.importing.lines.message_fields import Tell
from labeling.importing.sources.parts import Answer, Verdict, to_compare, triple
from labeling.importing.sources.source import Data, Row, Source, columns


def _prompt(data: Data) -> Any:
    if "instruction" in data and data.get("input"):
        return f"{data['instruction']}\n\n{data['input']}"
    return data.get("question", data.get("instruction", data.get("input")))


def _pair(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    verdict = Verdict.TIE if data.get("status") == "tie" else Verdict.FIRST
    chosen, rejected = Answer(data["chosen"]), Answer(data["rejected"])
    yield triple(_prompt(data), chosen, rejected, verdict, system=data.get("system"))


def _single(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    yield to_compare(_prompt(data), [Answer(data["output"])], system=data.get("system"))


ALONE = frozenset({"prompt", "responses", "messages"})
ORCA = "chosen is better than rejected; the question is the prompt, after the system message"

SOURCES = (
    Source(
        name="Orca DPO pairs",
        meaning=ORCA,
        needs=columns("question chosen rejected"),
        uses=columns("system"),
        fits=ALONE.isdisjoint,
        is_strict=True,
        rows=_pair,
    ),
    Source(
        name="Orca DPO pairs, by distilabel",
        meaning=f"{ORCA}; status “tie” is a tie",
        needs=columns("input chosen rejected status"),
        uses=columns("system generations order original_chosen original_rejected"),
        keeps=columns("status"),
        fits=ALONE.isdisjoint,
        rows=_pair,
    ),
    Source(
        name="Alpaca preference",
        meaning="chosen is better than rejected; the input follows the instruction",
        needs=columns("instruction chosen rejected"),
        uses=columns("input system"),
        fits=ALONE.isdisjoint,
        is_strict=True,
        rows=_pair,
    ),
    Source(
        name="Alpaca instructions",
        meaning="a prompt with one response; the input follows the instruction",
        needs=columns("instruction output"),
        uses=columns("input system text"),
        fits=lambda data: ALONE.isdisjoint(data) and isinstance(data["output"], str),
        is_strict=True,
        rows=_single,
    ),
)
