"""Messages out of what files hold: texts, message lists, and dialogues written as one text."""

import re
from typing import Any, TypeAlias

from labeling.importing.reading import name_of_type

ROLES = ("system", "user", "assistant")
SPEAKERS = {"Human": "user", "Assistant": "assistant"}
SPEAKER = re.compile(r"\n\n(Human|Assistant):")

Messages: TypeAlias = list[dict[str, str]]


class Wrong(ValueError):
    """A fault in a field, with what to do about it."""

    def __init__(self, field: str, problem: str, advice: str = "") -> None:
        self.field, self.problem, self.advice = field, problem, advice
        super().__init__(problem)


def text_in(value: Any, field: str) -> str:
    """The text, if every database can hold it."""
    if not isinstance(value, str):
        raise Wrong(field, f"Must be a text, not {name_of_type(value)}.")
    if "\x00" in value:
        raise Wrong(field, "Holds a NUL character (\\u0000).", "Remove it: nothing can show it.")
    try:
        value.encode()
    except UnicodeEncodeError as fault:
        half = f"\\u{ord(value[fault.start]):04x}"
        advice = "A character was cut in half: write the text out again as UTF-8."
        raise Wrong(field, f"Holds half of a surrogate pair ({half}).", advice) from None
    return value


def messages_in(value: Any, field: str) -> Messages:
    """A list of messages, each with a known role and a text."""
    if not isinstance(value, list) or not value:
        raise Wrong(field, "Must be a text or a list of messages.")
    return [_message(message, f"{field}[{index}]") for index, message in enumerate(value)]


def _message(value: Any, field: str) -> dict[str, str]:
    if not isinstance(value, dict):
        advice = 'Write {"role": "user", "content": "…"}.'
        raise Wrong(field, f"A message must be an object, not {name_of_type(value)}.", advice)
    for key in ("role", "content"):
        if key not in value:
            raise Wrong(f"{field}.{key}", "Is missing.")
    if value["role"] not in ROLES:
        known = ", ".join(ROLES)
        raise Wrong(f"{field}.role", f"{value['role']!r:.60} is no known role.", f"Use {known}.")
    return {"role": value["role"], "content": text_in(value["content"], f"{field}.content")}


def split_dialogue(text: str) -> Messages | None:
    """The turns of "Human: … Assistant: …" text, or None where it does not parse cleanly.

    Cleanly: a blank line before each speaker, the human first, then by turns, no empty turn but
    perhaps the last. Otherwise a wrong split would be guesswork, and the text is left alone.
    """
    before, *parts = SPEAKER.split("\n\n" + text.lstrip("\n"))
    speakers, turns = parts[::2], parts[1::2]
    expected = ["Human", "Assistant"] * (len(speakers) // 2)
    if before or not speakers or speakers != expected:
        return None
    if not all(turn.strip() for turn in turns[:-1]):
        return None
    return [
        {"role": SPEAKERS[speaker], "content": turn.strip()}
        for speaker, turn in zip(speakers, turns, strict=True)
    ]


def looks_like_dialogue(text: str) -> bool:
    return text.lstrip("\n").startswith("Human:") and "\n\nAssistant:" in text


def prompt_of_dialogue(text: str) -> Messages | None:
    """The turns of a dialogue that ends in an open "Assistant:"."""
    turns = split_dialogue(text)
    return turns[:-1] if turns and not turns[-1]["content"] else None


def require_open_end(messages: Messages, field: str) -> Messages:
    """A prompt must leave the next word to the assistant, and ask something."""
    last = messages[-1]
    if last["role"] == "assistant":
        advice = "A prompt ends with the user's turn; what the model said goes into the response."
        raise Wrong(field, "The last message is the assistant's.", advice)
    if not last["content"].strip():
        raise Wrong(field, "Is empty.", "Give the text that the model was asked.")
    return messages
