"""TRL's shapes. Preferences with an explicit or implicit prompt are our own rows; unpaired ones, as
KTO learns from, become pairs where a prompt has good and bad completions."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from labeling.importing.lines.message_fields import Tell
from labeling.importing.sources.parts import (
    Answer,
    Verdict,
    flag,
    key_of,
    to_compare,
    triple,
    without,
)
from labeling.importing.sources.published.hh_rlhf import is_dialogue
from labeling.importing.sources.source import Data, Row, Source, columns

# Of one prompt; every completion is in one of them at least.
MOST_PAIRS = 36


def _completion(value: Any) -> Any:
    """A text, or the one message of a conversational completion."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _unpaired(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    yield from pairs_of_labels(
        records[0]["prompt"],
        [
            (
                Answer(
                    _completion(data["completion"]),
                    metadata=without(data, "prompt", "completion", "label"),
                ),
                flag(data["label"], "label"),
            )
            for data in records
        ],
        tell,
    )


def pairs_of_labels(prompt: Any, given: Sequence[tuple[Answer, bool]], tell: Tell) -> Iterator[Row]:
    """Each good completion against each bad one; of many, each with one other at least."""
    good = [answer for answer, is_good in given if is_good]
    bad = [answer for answer, is_good in given if not is_good]
    if not good or not bad:
        tell("prompts whose completions all have the same label, which compares nothing: not kept")
        yield to_compare(prompt, good or bad)
        return
    pairs = list(product(good, bad))
    if len(pairs) > MOST_PAIRS:
        tell(f"more than {MOST_PAIRS} pairs of one prompt, of which each completion is in one")
        most = max(len(good), len(bad))
        pairs = [(good[at % len(good)], bad[at % len(bad)]) for at in range(most)]
    for better, worse in pairs:
        yield triple(prompt, better, worse, Verdict.FIRST)


def _completed(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    yield to_compare(data["prompt"], [Answer(_completion(data["completion"]))])


SOURCES = (
    Source(
        name="TRL preference",
        meaning="chosen is better than rejected; without a prompt, both are whole conversations",
        needs=columns("chosen rejected"),
        uses=columns("prompt"),
        fits=lambda data: data.keys() <= {"prompt", "chosen", "rejected"} and not is_dialogue(data),
        rows=lambda records, _: records,
        is_ours=True,
    ),
    Source(
        name="TRL unpaired preference (KTO)",
        meaning="of one prompt each completion with the label true is better than each with false",
        needs=columns("prompt completion label"),
        is_strict=True,
        rows=_unpaired,
        group=lambda data: key_of(data["prompt"]),
    ),
    Source(
        name="TRL prompt and completion",
        meaning="a prompt with one response",
        needs=columns("prompt completion"),
        fits=lambda data: not {"label", "labels", "score", "chosen", "rejected"} & data.keys(),
        is_strict=True,
        rows=_completed,
    ),
)
