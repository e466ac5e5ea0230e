"""compar:IA: votes between two conversations of the same person with two models."""

from collections.abc import Iterator, Sequence
from typing import Any

from labeling.importing.lines.message_fields import Tell
from labeling.importing.reports import Wrong
from labeling.importing.sources.parts import (
    Answer,
    Verdict,
    about_side,
    flag,
    messages_in,
    pair_of_conversations,
    said_by,
    to_compare,
    triple,
)
from labeling.importing.sources.source import Data, Row, Source, columns

FIELDS = ("conversation_a", "conversation_b")


def _rows(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    both = [_without_system(messages_in(data[field], field)) for field in FIELDS]
    prompt, *texts = pair_of_conversations(both[0], both[1], FIELDS, tell)
    names = [data.get("model_a_name"), data.get("model_b_name")]
    answers = [
        Answer(text, name, None, about_side(data, side, ("a", "b"), READ))
        for side, text, name in zip("ab", texts, names, strict=True)
    ]
    systems = [data.get(f"system_prompt_{side}") for side in "ab"]
    system = systems[0] if systems[0] == systems[1] else None
    if system is None and any(systems):
        tell("system messages that differ between the two models, left out")
    verdict = _verdict(data, names)
    if verdict is None:
        tell("votes that name no model and no tie, to be compared")
        yield to_compare(prompt, answers, system=system)
    else:
        by = said_by(data.get("visitor_id"), judged_at=data.get("timestamp"))
        yield triple(
            prompt, answers[0], answers[1], verdict, is_first_left=True, system=system, **by
        )


def _without_system(messages: list[Data]) -> list[Data]:
    return [message for message in messages if message["role"] != "system"]


def _verdict(data: Data, names: list[Any]) -> Verdict | None:
    if flag(data.get("both_equal", False), "both_equal"):
        return Verdict.TIE
    chosen = data.get("chosen_model_name")
    if chosen is None:
        return None
    known = [f"{name}".strip().lower() for name in names]
    name = f"{chosen}".strip().lower()
    if known.count(name) != 1:
        problem = f"“{chosen!s:.60}” is none of the two models, or both."
        raise Wrong("chosen_model_name", problem)
    return Verdict.SECOND if known.index(name) else Verdict.FIRST


NEEDS = columns("conversation_a conversation_b model_a_name model_b_name")
READ = NEEDS | columns("chosen_model_name both_equal system_prompt_a system_prompt_b")

SOURCES = (
    Source(
        name="ComparIA votes",
        meaning="the answer of chosen_model_name is the better one, both_equal is a tie, for its "
        "visitor_id",
        needs=NEEDS,
        uses=READ | columns("opening_msg conv_turns model_pair_name visitor_id"),
        rows=_rows,
        keeps=columns("conv_turns"),
        sides=("a", "b"),
    ),
)
