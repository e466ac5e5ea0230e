"""Votes between two models that answered the same user: Chatbot Arena's releases, and the human
judgments of MT-bench."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from labeling.importing.lines.message_fields import Tell
from labeling.importing.reports import Wrong
from labeling.importing.sources.parts import (
    Answer,
    Verdict,
    about_side,
    assistant,
    flag,
    messages_in,
    number,
    pair_of_conversations,
    said_by,
    triple,
    user,
)
from labeling.importing.sources.source import Data, Row, Source, columns

WINNERS = {
    "model_a": Verdict.FIRST,
    "model_b": Verdict.SECOND,
    "tie": Verdict.TIE,
    "tie (inconsistent)": Verdict.TIE,  # a model as the judge that changed its mind with the sides
    "tie (bothbad)": Verdict.BOTH_BAD,
    "both_bad": Verdict.BOTH_BAD,
    "bothbad": Verdict.BOTH_BAD,
}
FIELDS = ("conversation_a", "conversation_b")


def verdict_of(winner: Any) -> Verdict:
    verdict = WINNERS.get(winner.strip().lower()) if isinstance(winner, str) else None
    if verdict is None:
        raise Wrong("winner", f"{winner!r:.60} is none of {', '.join(WINNERS)}.")
    return verdict


def _conversations(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    both = [messages_in(data[field], field) for field in FIELDS]
    if "turn" in data:
        turn = int(number(data["turn"], "turn"))
        both = [_up_to_turn(messages, turn) for messages in both]
    if number(data.get("evaluation_order", 1), "evaluation_order") > 1:
        tell("later votes of a session, read without what was said before them")
    by = said_by(_judge(data), judged_at=data.get("tstamp"))
    # The arena has model_a on the left; the releases of others do not tell.
    yield _compared(both, data, verdict_of(data["winner"]), tell, by, is_first_left="anony" in data)


def _judge(data: Data) -> Any:
    """Who judged. Of a model as the judge, a list holds its name and how it was asked."""
    judge = data.get("judge")
    if isinstance(judge, list):
        return " ".join(part for part in judge if isinstance(part, str))
    return judge


def _up_to_turn(messages: list[Data], turn: int) -> list[Data]:
    """The conversation as it was judged: a judgment of the first turn says nothing of the next."""
    answers = [index for index, one in enumerate(messages) if one["role"] == "assistant"]
    return messages[: answers[turn - 1] + 1] if 1 <= turn <= len(answers) else messages


def _compared(
    both: list[list[Data]],
    data: Data,
    verdict: Verdict,
    tell: Tell,
    by: Row,
    *,
    is_first_left: bool = False,
) -> Row:
    prompt, first, second = pair_of_conversations(both[0], both[1], FIELDS, tell)
    answers = [
        Answer(text, data.get(f"model_{side}"), None, about_side(data, side, ("a", "b"), READ))
        for side, text in zip("ab", (first, second), strict=True)
    ]
    return triple(prompt, answers[0], answers[1], verdict, is_first_left=is_first_left, **by)


def _texts(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    """Kaggle's tables: a column for each winner, and lists of turns written as JSON."""
    (data,) = records
    verdict = verdict_of(data["winner"]) if "winner" in data else _winner_of_columns(data)
    prompts = _turns(data["prompt"], "prompt")
    answers = [_turns(data[f"response_{side}"], f"response_{side}") for side in "ab"]
    both = []
    for side, given in zip("ab", answers, strict=True):
        if len(given) != len(prompts):
            problem = f"Holds {len(given)} turns, and the prompt {len(prompts)}."
            raise Wrong(f"response_{side}", problem)
        turns = zip(prompts, given, strict=True)
        both.append([message for one, other in turns for message in (user(one), assistant(other))])
    yield _compared(both, data, verdict, tell, {})


def _winner_of_columns(data: Data) -> Verdict:
    names = {"a": Verdict.FIRST, "b": Verdict.SECOND, "tie": Verdict.TIE}
    if "winner_tie" in data:
        data = {**data, "winner_model_tie": data["winner_tie"]}
    field = "winner_model_{}"
    true = [
        verdict
        for side, verdict in names.items()
        if flag(data.get(field.format(side), False), field.format(side))
    ]
    if len(true) != 1:
        raise Wrong("winner_model_a", "Of the columns of winners, exactly one must be 1.")
    return true[0]


def _turns(value: Any, field: str) -> list[Any]:
    """Turns as a list, or as the text of one; another text is one turn."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            return [value]
    if not isinstance(value, list):
        return [value]
    if not value:
        raise Wrong(field, "Holds no turns.")
    return ["" if turn is None else turn for turn in value]


MEANING = "winner is the better one; tie is a tie, and “bothbad” both bad"
MODELS = columns("model_a model_b")
PAIR = columns("conversation_a conversation_b winner")
TABLE = columns("prompt response_a response_b winner_model_a winner_model_b")
READ = PAIR | MODELS | TABLE | {"winner_tie"}
SIDES = ("a", "b")

SOURCES = (
    Source(
        name="MT-bench human judgments",
        meaning=f"{MEANING}; each judge's is theirs, about the conversation up to its turn",
        needs=PAIR | columns("question_id judge turn"),
        uses=MODELS,
        fits=lambda data: "anony" not in data,
        rows=_conversations,
        keeps=columns("question_id turn"),
    ),
    Source(
        name="Chatbot Arena conversations",
        meaning=f"{MEANING}, for its judge",
        needs=PAIR,
        uses=MODELS | {"turn", "judge", "tstamp"},
        rows=_conversations,
        keeps=columns("turn"),
        leaves=columns("country"),
        sides=SIDES,
    ),
    Source(
        name="Arena human preference, 140k",
        meaning=MEANING,
        needs=PAIR | columns("evaluation_order"),
        uses=MODELS | {"full_conversation"},
        rows=_conversations,
        keeps=columns("evaluation_order"),
        leaves=columns("country"),
        sides=SIDES,
    ),
    Source(
        name="Chatbot Arena, 55k",
        meaning="the answer of the model whose column is 1 is the better one, winner_tie is a tie",
        needs=TABLE,
        uses=MODELS | {"winner_tie"},
        rows=_texts,
        sides=SIDES,
    ),
    Source(
        name="Arena pairs",
        meaning=MEANING,
        needs=columns("prompt response_a response_b winner"),
        uses=MODELS,
        is_strict=True,
        rows=_texts,
        sides=SIDES,
    ),
)
