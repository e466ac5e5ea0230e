"""What a server's answer holds, read as the answer of a stranger.

It may be anything: cut, in another encoding, of megabytes for twenty tokens, JSON with no
completions in it, text that cannot be stored. Each of these has a sentence, none of which quotes
the answer: what a server says reaches people only as a completion or through `excerpt`.
"""

import base64
import json
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any

EXCERPT = 200  # characters of a server's own words
PART_OF_KEY = 6  # characters of a key that may not be repeated
# The longest tokens of common vocabularies are runs of about a hundred blanks.
CHARACTERS_PER_TOKEN = 256
BYTES_PER_CHARACTER = 6  # as JSON may write them: \u00e9
BYTES_BESIDE = 256 * 1024  # of an answer, for all that is no text


# What a model says beside the content, by the names that servers have for it.
MESSAGE_KEYS = (
    *("reasoning_content", "reasoning", "thinking"),
    *("tool_calls", "function_call", "refusal"),
)
NOTHING: tuple[Any, ...] = (None, "", [], {})
NAME = re.compile(r"[A-Za-z_]{1,40}")
MOST_DROPPED = 8
# Whoever reads the run's files stands deeper in calls than this program, and Python's JSON stops at
# about a thousand. Arguments of real calls are nested a few deep.
MOST_NESTED = 100


class Unusable(Exception):
    """The answer cannot be used, which may be so for this request alone. The message ends the
    sentence "left out because …"; it is one of a few and quotes nothing of the answer."""


@dataclass(frozen=True)
class Completion:
    """One completion. `tokens` is null where the server counts only whole requests. `extra`: what
    its message holds beside the text; `dropped`: the names of what is not kept of it."""

    text: str
    finished: bool
    tokens: int | None
    extra: dict[str, Any] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True)
class Completions:
    """The completions that can be used, and why others of the same request cannot."""

    usable: list[Completion] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def most_bytes(count: int, max_tokens: int) -> int:
    """How long the answer to a request for `count` completions may be."""
    text = count * max_tokens * CHARACTERS_PER_TOKEN * BYTES_PER_CHARACTER
    return BYTES_BESIDE + text


def read_json(content: bytes) -> Any:
    """Parse an answer. Raises Unusable for what is not JSON in UTF-8; NaN and infinities are
    not."""
    try:
        return json.loads(content.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise Unusable("the server's answer is not UTF-8") from None
    except (ValueError, RecursionError):
        raise Unusable("the server's answer is not JSON") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def read_answers(parsed: Any, count: int, max_tokens: int, key: str) -> Completions:
    """Read at most `count` completions. Raises Unusable for an answer that has no list of them."""
    choices = parsed.get("choices") if isinstance(parsed, dict) else None
    if not isinstance(choices, list):
        raise Unusable("the server's answer has no choices")
    usage = parsed.get("usage")
    counted: Any = usage.get("completion_tokens") if isinstance(usage, dict) else None
    is_count = isinstance(counted, int) and not isinstance(counted, bool)
    tokens = counted if is_count and 0 <= counted <= max_tokens and len(choices) == 1 else None
    answers = Completions()
    for choice in choices[:count]:
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(message, dict):
            continue
        extra = {name: message[name] for name in MESSAGE_KEYS if message.get(name) not in NOTHING}
        text = message.get("content")
        if text is None and extra:
            text = ""  # a tool call, a refusal, or reasoning that was cut off
        if not isinstance(text, str):
            continue
        if is_nested_beyond(extra, MOST_NESTED):
            answers.faults.append(f"its message is nested more than {MOST_NESTED} deep")
            continue
        beside = json.dumps(extra, ensure_ascii=False) if extra else ""
        if fault := fault_of(text + beside, max_tokens, key):
            answers.faults.append(fault)
            continue
        finished = choice.get("finish_reason") in ("stop", "tool_calls", "function_call")
        answers.usable.append(Completion(text, finished, tokens, extra, _dropped(message)))
    return answers


def is_nested_beyond(value: Any, most: int) -> bool:
    """Whether a value of JSON holds more than `most` lists and objects within each other."""
    layer = [value]
    for _ in range(most):
        layer = [
            part
            for whole in layer
            if isinstance(whole, dict | list)
            for part in (whole.values() if isinstance(whole, dict) else whole)
        ]
    return any(isinstance(part, dict | list) for part in layer)


def _dropped(message: dict[str, Any]) -> tuple[str, ...]:
    """Name the further keys of a message that are not kept. They come from a stranger and are
    shown: few, short, of letters that a name has."""
    known = {"role", "content", *MESSAGE_KEYS}
    names = (
        str(name) for name, value in message.items() if name not in known and value not in NOTHING
    )
    return tuple(sorted(name for name in names if NAME.fullmatch(name)))[:MOST_DROPPED]


def fault_of(text: str, max_tokens: int, key: str) -> str:
    """Say why a completion cannot be used; "" if it can."""
    if len(text) > max_tokens * CHARACTERS_PER_TOKEN:
        return f"the text is longer than {max_tokens} tokens can be"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "the text holds half a character (a lone surrogate), which nothing can store"
    if key and repeats_key(text, key):
        return "the text repeats the key"
    return ""


def repeats_key(text: str, key: str) -> bool:
    """Whether the text holds the whole key: as it is, backwards or in base64, spaces left out."""
    forms = [key, key[::-1], base64.b64encode(key.encode()).decode().rstrip("=")]
    bare = "".join(text.split())
    return any(form in bare for form in forms)


def excerpt(parsed: Any, key: str) -> str:
    """Cut a short piece out of a refusal's own words, fit to be shown. Only what an OpenAI-
    compatible server says of an error is taken; a page of another form gives ""."""
    words = "".join(
        " " if unicodedata.category(character).startswith(("C", "Z")) else character
        for character in _message_of(parsed)[: 4 * EXCERPT]
    )
    words = " ".join(words.split())
    words = words.replace(key, "[key]") if key else words
    parts = (key[at : at + PART_OF_KEY] for at in range(len(key) - PART_OF_KEY + 1))
    bare = "".join(words.split())
    if key and (any(part in bare for part in parts) or repeats_key(words, key)):
        return "[its words repeat the key]"
    return words[:EXCERPT]


def _message_of(parsed: Any) -> str:
    """Find the words in `{"error": {"message": …}}`, `{"error": …}`, `{"detail": …}` or
    `{"detail": [{"msg": …}]}`; "" for anything else."""
    if not isinstance(parsed, dict):
        return ""
    for name in ("error", "detail", "message"):
        value = parsed.get(name)
        if isinstance(value, dict):
            value = value.get("message")
        if isinstance(value, list):
            value = "; ".join(
                str(row["msg"]) for row in value if isinstance(row, dict) and "msg" in row
            )
        if isinstance(value, str) and value:
            return value
    return ""
