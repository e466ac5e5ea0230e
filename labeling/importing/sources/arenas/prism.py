"""PRISM: conversations with several models, in each turn of which one response was chosen."""

from collections.abc import Iterator, Sequence

from labeling.importing.lines.message_fields import Tell
from labeling.importing.sources.parts import (
    Answer,
    Verdict,
    assistant,
    flag,
    number,
    objects_in,
    required,
    said_by,
    to_compare,
    triple,
    user,
    without,
)
from labeling.importing.sources.source import Data, Row, Source, columns

# Of an utterance, what is in the conversation already, and what is the conversation's.
SAID = (
    "model_response", "content", "role", "turn", "user_prompt", "model_name", "conversation_id"
)  # fmt: skip


def _conversation(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    field = "conversation_history"
    turns: dict[int, tuple[list[str], list[Data]]] = {}
    for index, one in enumerate(objects_in(data[field], field)):
        where = f"{field}[{index}]"
        asked, answers = turns.setdefault(_turn(one, where), ([], []))
        if one.get("role") == "user":
            asked.append(required(one, "content", where))
        else:
            answers.append({**one, "model_response": required(one, "content", where)})
    yield from _rows_of(turns, said_by(data.get("user_id")))


def _utterances(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    turns: dict[int, tuple[list[str], list[Data]]] = {}
    for data in records:
        asked, answers = turns.setdefault(_turn(data, ""), ([], []))
        asked[:] = [data["user_prompt"]]
        answers.append(data)
    about = {name: records[0][name] for name in OF_CONVERSATION if name in records[0]}
    by = said_by(records[0].get("user_id"))
    yield from (row | {"metadata": about} for row in _rows_of(turns, by))


def _turn(data: Data, where: str) -> int:
    return int(number(required(data, "turn", where), "turn"))


def _rows_of(turns: dict[int, tuple[list[str], list[Data]]], by: Row) -> Iterator[Row]:
    path: list[Data] = []
    for _, (asked, given) in sorted(turns.items()):
        if not asked:
            return
        path = [*path, *map(user, asked)]
        answers = [
            (
                Answer(one["model_response"], one.get("model_name"), None, without(one, *SAID)),
                _is_chosen(one),
            )
            for one in given
        ]
        best = next((answer for answer, is_chosen in answers if is_chosen), None)
        if best is None:
            yield to_compare(path, [answer for answer, _ in answers])
            return
        for answer, is_chosen in answers:
            if not is_chosen:
                yield triple(path, best, answer, Verdict.FIRST, **by)
        if len(answers) == 1:
            yield to_compare(path, [best])
        path = [*path, assistant(best.content)]


def _is_chosen(data: Data) -> bool:
    return flag(data.get("if_chosen", False), "if_chosen")


OF_CONVERSATION = ("conversation_id", "conversation_type")

SOURCES = (
    Source(
        name="PRISM conversations",
        meaning="in each turn the response with if_chosen is better than each of the others, for "
        "its user_id",
        needs=columns("conversation_id conversation_history"),
        uses=columns("opening_prompt conversation_turns user_id"),
        rows=_conversation,
        keeps=columns("conversation_id conversation_turns"),
    ),
    Source(
        name="PRISM utterances",
        meaning="in each turn of a conversation the response with if_chosen is better than each of "
        "the others, for its user_id",
        needs=columns("conversation_id turn user_prompt model_response if_chosen"),
        uses=columns("model_name utterance_id interaction_id within_turn_id score user_id"),
        rows=_utterances,
        keeps=columns("conversation_id utterance_id interaction_id within_turn_id score if_chosen"),
        group=lambda data: str(data["conversation_id"]),
    ),
)
