"""Texts of people and models in answers of tools: marked as data, and never cut without a word."""

from typing import Any

from labeling.models import Prompt, Response
from labeling.texts.messages import in_words

SHOWN = 4_000  # characters of one text in an answer
CHUNK = 20_000  # of a text that is read on


def untrusted(text: str, most: int = SHOWN) -> dict[str, Any]:
    """A text as data. `characters` says how long it is; what is longer than `shown` is read on with
    read_text."""
    return {"untrusted": text[:most], "characters": len(text), "shown": min(len(text), most)}


def excerpt(text: str | None) -> dict[str, Any]:
    """The beginning of a text, as a row of a list has it."""
    return {"untrusted_beginning": text or ""}


def text_of_prompt(prompt: Prompt) -> str:
    """All messages of a prompt as one text, each behind its role."""
    parts = []
    for message in prompt.messages:
        content = message.get("content")
        said = content if isinstance(content, str) else in_words("", message)
        parts.append(f"[{message.get('role', '')}]\n{said}")
    return "\n\n".join(parts)


def text_of_response(response: Response) -> str:
    return response.in_words
