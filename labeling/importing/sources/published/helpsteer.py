"""HelpSteer, HelpSteer2 and HelpSteer3 of NVIDIA: ratings, and preferences from −3 to 3."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from labeling.importing.lines.message_fields import Tell
from labeling.importing.sources.parts import (
    NEITHER,
    Answer,
    assistant,
    key_of,
    number,
    objects_in,
    ranked,
    signed,
    user,
    votes,
    without,
)
from labeling.importing.sources.source import Data, Row, Source, columns

# Between the turns of a prompt of several.
TURN = re.compile(r"\n?<extra_id_1>(User|Assistant)\n")


def _turns(prompt: Any) -> Any:
    """The messages of a prompt, a text where it has one turn."""
    if not isinstance(prompt, str) or "<extra_id_1>" not in prompt:
        return prompt
    first, *rest = TURN.split(prompt)
    messages = [user(first)] if first else []
    for speaker, text in zip(rest[::2], rest[1::2], strict=True):
        messages.append(user(text) if speaker == "User" else assistant(text))
    is_open = [message["role"] for message in messages[::-2]] == ["user"] * len(messages[::-2])
    return messages if messages and is_open else prompt


def _helpsteer2(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    settled = number(data["preference_strength"], "preference_strength")
    field = "three_most_similar_preferences"
    single = [
        number(vote.get("strength"), f"{field}.strength")
        for vote in objects_in(data.get(field, []), field)
    ]
    first, second = Answer(data["response_1"]), Answer(data["response_2"])
    yield from votes(_turns(data["prompt"]), first, second, single, signed(settled), tell)


def _helpsteer3(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    settled = number(data["overall_preference"], "overall_preference")
    field = "individual_preference"
    single = [
        number(vote.get("score"), f"{field}.score")
        for vote in objects_in(data.get(field, []), field)
    ]
    single = [score for score in single if -3 <= score <= 3 or score == NEITHER]
    first, second = Answer(data["response1"]), Answer(data["response2"])
    yield from votes(data["context"], first, second, single, signed(settled), tell)


def _ratings(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    answers = [
        Answer(
            data["response"],
            rank=-number(data["helpfulness"], "helpfulness"),
            metadata=without(data, "prompt", "response"),
        )
        for data in records
    ]
    yield from ranked(_turns(records[0]["prompt"]), answers, tell)


SOURCES = (
    Source(
        name="HelpSteer2 preference",
        meaning="response_1 is better where preference_strength is below 0, response_2 where it is "
        "above, 0 is a tie; the most similar single preferences are its votes",
        needs=columns("prompt response_1 response_2 preference_strength"),
        uses=columns("split three_most_similar_preferences"),
        rows=_helpsteer2,
        keeps=columns("split"),
    ),
    Source(
        name="HelpSteer3 preference",
        meaning="response1 is better where overall_preference is below 0, response2 where it is "
        "above, 0 is a tie; individual_preference are its votes",
        needs=columns("context response1 response2 overall_preference"),
        uses=columns("individual_preference"),
        rows=_helpsteer3,
    ),
    Source(
        name="HelpSteer2 ratings",
        meaning="of the answers to one prompt the one with the higher helpfulness is better, equal "
        "is a tie; all ratings are kept as metadata of their answers",
        needs=columns("prompt response helpfulness correctness coherence complexity verbosity"),
        rows=_ratings,
        keeps=columns("helpfulness correctness coherence complexity verbosity"),
        group=lambda data: key_of(data["prompt"]),
    ),
)
