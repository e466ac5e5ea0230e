"""What a message holds beside its role and content: tool calls, reasoning, a name, a refusal, ….

Kept as given, in a response's `extra` and in the messages of its prompt. This module says what of
it makes two answers different, what labelers are shown of it, and in which words.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from django.utils.safestring import SafeString, mark_safe

from labeling.texts.pieces import in_pieces

Message: TypeAlias = dict[str, Any]
Extra: TypeAlias = dict[str, Any]

ROLES = ("system", "developer", "user", "assistant", "tool")
# In parts of a digest: no text of ours holds it.
SEPARATOR = "\x1d"
MOST_INDENTATION = 8  # times the text itself
MOST_LEVELS = 100  # of a call's arguments
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+|[^\W\d_A-Za-z]+")
# What is said about a message and not in it. Of an answer it must not reach a labeler, whom it
# could tell who wrote it or how it was rated, and it makes no other answer of the same words.
ABOUT = frozenset(
    """
    id ids uuid uid name names author model models engine provider generator agent source origin
    time timestamp date created updated index idx turn score scores rating ratings rank reward
    rewards label labels judge judgment judgement preference choice winner vote votes quality
    critique feedback weight finish logprob logprobs usage tokens cost price fingerprint meta
    metadata tag tags lang language train mask loss vendor company checkpoint policy version writer
    annotator labeler rater reviewer user verdict grade win chosen rejected better preferred correct
    format signature
    """.split()  # noqa: SIM905 (as in labeling/material/shown/coloured.py)
)
ABOUT_OF_PROMPT = frozenset({"id", "uuid", "message_id", "created_at", "timestamp"})
# Keys that say on their own what the message is: its content may be missing then.
NO_WORDS = frozenset({"name", "tool_call_id"})
CALLS = frozenset({"tool_calls", "function_call"})
TITLES = {
    "reasoning_content": "Reasoning",
    "reasoning": "Reasoning",
    "thinking": "Reasoning",
    "refusal": "Refusal",
    "tools": "Tools that it may call",
    "name": "Name",
    "tool_call_id": "Answers the call",
}


@lru_cache(maxsize=10_000)
def words_of(name: str) -> tuple[str, ...]:
    """The words of a column's or a key's name, in small letters: scoreOf_B2 is score, of, b, 2."""
    return tuple(word.lower() for word in WORD.findall(name))


def is_said(key: str, value: Any) -> bool:
    """Whether this key of an answer holds words of the model. What is empty holds none."""
    return value not in (None, "", [], {}) and ABOUT.isdisjoint(words_of(key))


def said(extra: Mapping[str, Any]) -> Extra:
    """The further keys of an answer that are part of what the model said. Calls are kept whole: the
    keys of their arguments are the model's words."""
    calls = {key: value for key, value in extra.items() if key in CALLS and is_said(key, value)}
    words: Extra = _said_within({**extra, **dict.fromkeys(CALLS)})
    return words | calls


def _said_within(value: Any) -> Any:
    if isinstance(value, list):
        return [_said_within(inner) for inner in value]
    if not isinstance(value, Mapping):
        return value
    within = {key: _said_within(inner) for key, inner in value.items() if is_said(key, inner)}
    return {key: inner for key, inner in within.items() if is_said(key, inner)}


def is_empty(text: str, extra: Mapping[str, Any]) -> bool:
    """Whether a response says nothing at all. A tool call alone is an answer."""
    return not text.strip() and not said(extra)


def extra_of(message: Mapping[str, Any]) -> Extra:
    return {key: value for key, value in message.items() if key not in ("role", "content")}


def whole_message(text: str, extra: Mapping[str, Any]) -> Message:
    """The response as an assistant message."""
    return {"role": "assistant", "content": text, **extra}


def text_or_message(text: str, extra: Mapping[str, Any]) -> str | Message:
    """The response as the learning programs take it."""
    return whole_message(text, extra) if extra else text


def answer_suffix(extra: Mapping[str, Any] | None) -> str:
    """What a response's digest covers beside its text; "" for a plain one. Ids of tool calls are
    left out: a server draws them by chance, so they make no other answer."""
    if not extra:
        return ""
    own = said(extra)
    for key in CALLS & own.keys():
        calls = own[key]
        own[key] = [*map(_bare, calls)] if isinstance(calls, list) else _bare(calls)
    return SEPARATOR + canonical(own) if own else ""


def message_suffix(message: Mapping[str, Any]) -> str:
    """What a prompt's digest covers of a message beside role and content; "" for a plain one."""
    if len(message) == 2:
        return ""
    own = {
        key: value
        for key, value in extra_of(message).items()
        if value not in (None, "", [], {}) and key not in ABOUT_OF_PROMPT
    }
    return SEPARATOR + canonical(own) if own else ""


def prompt_suffix(extra: Mapping[str, Any] | None) -> str:
    own = {key: value for key, value in (extra or {}).items() if value not in (None, "", [], {})}
    return SEPARATOR + canonical(own) if own else ""


def canonical(value: Any) -> str:
    """The value as JSON, in one form only: equal values are equal texts."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _bare(call: Any) -> Any:
    """A call's name and arguments, as they are shown. The rest is drawn by chance by a server."""
    function = call.get("function", call) if isinstance(call, dict) else None
    if not isinstance(function, dict) or "name" not in function:
        return call
    return [function["name"], _parsed(function.get("arguments"))]


@dataclass(frozen=True)
class MessagePart:
    """A piece of a message beside its content, under a title; `is_code` keeps its lines."""

    title: str
    text: str
    is_code: bool = False

    @property
    def html(self) -> SafeString:
        return mark_safe(in_pieces(self.text))


def parts_of(extra: Mapping[str, Any]) -> list[MessagePart]:
    """All parts, for curators and for the messages of a prompt."""
    return [part for key, value in extra.items() for part in _parts(str(key), value)]


def parts_for_labelers(extra: Mapping[str, Any]) -> list[MessagePart]:
    """The parts of an answer that the model said, without those about it."""
    return parts_of(said(extra))


def _parts(key: str, value: Any) -> Iterator[MessagePart]:
    if value in (None, "", [], {}):
        return
    if key in CALLS:
        for call in value if isinstance(value, list) else [value]:
            yield _call(call)
    elif isinstance(value, str):
        yield MessagePart(TITLES.get(key, key), value)
    else:
        yield MessagePart(TITLES.get(key, key), _indented(value), is_code=True)


def _call(call: Any) -> MessagePart:
    """As a person reads it: the function's name, and its arguments laid out."""
    function = call.get("function", call) if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return MessagePart("Tool call", _indented(call), is_code=True)
    arguments = function.get("arguments", {})
    return MessagePart(
        f"Tool call: {function['name']}", _indented(_parsed(arguments)), is_code=True
    )


def _parsed(arguments: Any) -> Any:
    """The value of arguments that are a text of JSON, as OpenAI writes them. A text that is nested
    too deeply to be walked through stays a text."""
    if not isinstance(arguments, str):
        return arguments
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments
    return arguments if _is_deep(value) else value


def _is_deep(value: Any) -> bool:
    layer = [value] if isinstance(value, (dict, list)) else []
    for _ in range(MOST_LEVELS):
        boxes = [box.values() if isinstance(box, dict) else box for box in layer]
        layer = [each for box in boxes for each in box if isinstance(each, (dict, list))]
        if not layer:
            return False
    return True


def _indented(value: Any) -> str:
    """The value as indented JSON; compact where most of it would be indentation, since deep nesting
    takes the square of its size."""
    if isinstance(value, str):
        return value
    compact = json.dumps(value, ensure_ascii=False)
    most = MOST_INDENTATION * len(compact)
    lines: list[str] = []
    for chunk in json.JSONEncoder(ensure_ascii=False, indent=2).iterencode(value):
        lines.append(chunk)
        most -= len(chunk)
        if most < 0:
            return compact
    return "".join(lines)


def in_words(text: str, extra: Mapping[str, Any]) -> str:
    """The response on one line of a table: its text, else what it says instead."""
    if text.strip():
        return text
    parts = parts_for_labelers(extra)
    return "; ".join(f"[{part.title}] {' '.join(part.text.split())}" for part in parts)


def size_of(messages: Sequence[Mapping[str, Any]], extra: Mapping[str, Any]) -> int:
    """Characters of a prompt, with all that its messages hold."""
    return sum(map(message_size, messages)) + extra_size(extra)


def message_size(message: Mapping[str, Any]) -> int:
    beside = extra_size(extra_of(message)) if len(message) > 2 else 0
    return len(message["content"]) + beside


def extra_size(extra: Mapping[str, Any]) -> int:
    return len(canonical(extra)) if extra else 0
