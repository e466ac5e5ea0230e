"""Messages out of what files hold: texts, message lists, and dialogues written as one text."""

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, TypeAlias

from labeling.importing.lines.message_fields import Tell, message_in
from labeling.importing.reports import Wrong
from labeling.texts.limits import MAX_CONVERSATION, MAX_MESSAGES
from labeling.texts.messages import Message, size_of

SPEAKERS = {"Human": "user", "Assistant": "assistant", "System": "system"}
NAMES = {role: speaker for speaker, role in SPEAKERS.items()}
SPEAKER = re.compile(r"\n\n(Human|Assistant):")
ANY_SPEAKER = re.compile(r"\n\n(Human|Assistant|System):")

Messages: TypeAlias = list[Message]


def messages_in(value: Any, field: str, tell: Tell = lambda _: None) -> Messages:
    """A list of messages, each with a known role and a text; or one message alone."""
    if isinstance(value, dict) and "role" in value:
        return [message_in(value, field, tell)]
    if not isinstance(value, list) or not value:
        raise Wrong(field, "Must be a text or a list of messages.")
    if len(value) > MAX_MESSAGES:
        problem = f"{len(value):,} messages; at most {MAX_MESSAGES:,} can be shown."
        raise Wrong(field, problem, "Leave out early turns, or the row.")
    return [message_in(message, f"{field}[{index}]", tell) for index, message in enumerate(value)]


def split_dialogue(text: str) -> Messages | None:
    """Splits "Human: … Assistant: …" text into turns; None where it does not parse cleanly.

    Cleanly means: a blank line before each speaker, the human first (perhaps after a "System: …"),
    then by turns, no turn empty except perhaps the last. Anything else would be guesswork, so such
    a text is left alone. A turn's text is kept as it is, without the space after its speaker.
    """
    return None if why_no_dialogue(text) else _turns(text)


def why_no_dialogue(text: str) -> str:
    """What keeps the text from being read as a dialogue; empty where nothing does."""
    turns = _turns(text)
    if not turns:
        return "It does not begin with a speaker, Human: or Assistant:."
    talk = turns[1:] if turns[0]["role"] == "system" else turns
    if not talk or talk[0]["role"] != "user":
        return "It does not begin with Human:."
    for number, (one, following) in enumerate(pairwise(talk), 1):
        if one["role"] == following["role"]:
            return f"Turns {number} and {number + 1} are both {NAMES[one['role']]}'s."
        if not one["content"].strip():
            return f"Turn {number}, {NAMES[one['role']]}'s, is empty."
    if talk[-1]["role"] != "assistant":
        return f"It ends with {NAMES[talk[-1]['role']]}'s turn, not with Assistant's."
    return ""


def _turns(text: str) -> Messages:
    """Turns from the first speaker on; nothing where other text stands before."""
    before, *parts = SPEAKER.split("\n\n" + text.lstrip("\n"))
    turns = list(zip(parts[::2], parts[1::2], strict=True))
    if before.startswith("\n\nSystem:"):
        turns.insert(0, ("System", before.removeprefix("\n\nSystem:")))
    elif before:
        return []
    return _as_messages(turns)


def every_turn(text: str) -> Messages:
    """Splits into turns in any order, System's and empty ones among them: an export may have
    written those."""
    before, *parts = ANY_SPEAKER.split("\n\n" + text)
    return [] if before else _as_messages(zip(parts[::2], parts[1::2], strict=True))


def _as_messages(turns: Iterable[tuple[str, str]]) -> Messages:
    return [
        {"role": SPEAKERS[speaker], "content": turn.removeprefix(" ")} for speaker, turn in turns
    ]


def looks_like_dialogue(text: str) -> bool:
    return text.lstrip("\n").startswith(("Human:", "System:")) and "\n\nAssistant:" in text


def prompt_of_dialogue(text: str) -> Messages | None:
    """The turns of a dialogue that ends in an open "Assistant:"."""
    turns = split_dialogue(text)
    return turns[:-1] if turns and not turns[-1]["content"].strip() else None


def require_open_end(messages: Messages, field: str, extra: Message | None = None) -> Messages:
    """Checks that the prompt leaves the next word to the assistant, asks something, and fits a
    page."""
    size = size_of(messages, extra or {})
    if len(messages) > MAX_MESSAGES or size > MAX_CONVERSATION:
        problem = (
            f"{len(messages):,} messages of {size:,} characters; at most {MAX_MESSAGES:,} of "
            f"{MAX_CONVERSATION:,} can be shown."
        )
        raise Wrong(field, problem, "Leave out early turns, or the row.")
    last = messages[-1]
    if last["role"] == "assistant":
        advice = "A prompt ends with the user's turn; what the model said goes into the response."
        raise Wrong(field, "The last message is the assistant's.", advice)
    if not last["content"].strip() and last["role"] != "tool":  # a tool may give nothing back
        raise Wrong(field, "Is empty.", "Give the text that the model was asked.")
    return messages
