"""Shapes in which our own exports leave for other programs, on their way back. What stands beside
the columns of a trainer is the same in all of them, and is read as in any line of an export."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labeling.importing.lines.checking import ALWAYS, TRIPLE
from labeling.importing.lines.message_fields import Tell
from labeling.importing.lines.opinions import EXPORTED
from labeling.importing.reports import Wrong
from labeling.importing.sources.source import Data, Row, Source, columns

LABELS = {"A": ("completion_A", "completion_B"), "B": ("completion_B", "completion_A")}
LABELS["Tie"] = LABELS["A"]


BESIDE = EXPORTED | ALWAYS | TRIPLE


def _tinker(records: Sequence[Data], _: Tell) -> Iterator[Row]:
    (data,) = records
    comparison, label = data["comparison"], data["label"]
    if not isinstance(label, str) or label not in LABELS:
        raise Wrong("label", f"“{label!s:.40}” is none of {', '.join(LABELS)}.")
    names = ("prompt_conversation", "completion_A", "completion_B")
    if missing := [name for name in names if not isinstance(comparison.get(name), list)]:
        raise Wrong("comparison", f"Holds no list {missing[0]}.")
    better, worse = LABELS[label]
    row = {
        "prompt": comparison["prompt_conversation"],
        "chosen": comparison[better],
        "rejected": comparison[worse],
    }
    yield row | {"kind": "tie" if label == "Tie" else "prefer"} | _beside(data, _TINKER.needs)


def _nemo(records: Sequence[Data], _: Tell) -> Iterator[Row]:
    (data,) = records
    completions = data["completions"]
    if not (isinstance(completions, list) and len(completions) == 2):
        raise Wrong("completions", "Must be a list of two.")
    for one in completions:
        if not (isinstance(one, Mapping) and isinstance(one.get("rank"), int)):
            raise Wrong("completions", "Each must be an object with a whole number as rank.")
    better, worse = sorted(completions, key=lambda one: int(one["rank"]))
    row = {
        "prompt": data["context"],
        "chosen": better.get("completion"),
        "rejected": worse.get("completion"),
    }
    is_tie = better["rank"] == worse["rank"]
    yield row | {"kind": "tie" if is_tie else "prefer"} | _beside(data, _NEMO.needs)


def _beside(data: Data, taken: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in taken}


_TINKER = Source(
    name="Tinker comparisons",
    meaning="completion A or B is better, as the label says; Tie is a tie",
    needs=columns("comparison label"),
    uses=BESIDE,
    is_export=True,
    fits=lambda data: isinstance(data["comparison"], Mapping),
    rows=_tinker,
)
_NEMO = Source(
    name="NeMo RL preference",
    meaning="the completion of the lower rank is better, equal ranks are a tie",
    needs=columns("context completions"),
    uses=BESIDE,
    is_export=True,
    rows=_nemo,
)
SOURCES = (_TINKER, _NEMO)
