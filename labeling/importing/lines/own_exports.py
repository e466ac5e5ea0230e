"""Lines that our own export wrote come back as what they were, or it is said what they lack."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from labeling.importing.lines.opinions import is_line_of_export
from labeling.importing.lines.rows import CheckedRow, digests_of
from labeling.importing.lines.turns import Messages, every_turn, split_dialogue
from labeling.texts.sameness import fingerprint

CHANGED = (
    "lines of an export that are not read as they were written (they were changed, or their style "
    "cannot carry all of it: style=messages carries more than style=text)"
)
SETTLED = "how it was settled (provenance, arm, round, settled_at) not taken over: now imported"
SETTLED_ANEW = (
    "how it was settled (arm, round, settled_at) not taken over: settled anew from its judgments"
)
IMPORTED = ("imported", "imported", 0)


def as_exported(
    row: CheckedRow, data: Mapping[str, Any], tell: Callable[[str], None]
) -> CheckedRow:
    """The row with the prompt that was exported. A text may be read in several ways, as turns of a
    dialogue or as one message that looks like one: the line's fingerprint tells which it was."""
    if not is_line_of_export(data):
        return row
    if (data["provenance"], data.get("arm"), data.get("round", 0)) != IMPORTED:
        tell(SETTLED_ANEW if row.opinion and row.opinion.said else SETTLED)
    mark = data.get("fingerprint")
    if not isinstance(mark, str) or _mark(row) == mark:
        return row
    if isinstance(data.get("prompt"), str):
        for messages in _readings(data["prompt"]):
            other = replace(row, messages=messages)
            if _mark(other) == mark:
                return other
    tell(CHANGED)
    return row


def _mark(row: CheckedRow) -> str:
    return fingerprint(*digests_of(row))


def _readings(text: str) -> Iterator[Messages]:
    yield [{"role": "user", "content": text}]
    for turns in (split_dialogue(text), every_turn(text)):
        if turns and turns[-1]["role"] == "assistant" and not turns[-1]["content"]:
            yield turns[:-1]
