"""Columns that belong to a prompt beside its messages: a system text, the tools that a model may
call, and arguments of the chat template."""

import json
from collections.abc import Mapping
from typing import Any

from labeling.importing.lines.message_fields import Tell, text_in, values_in
from labeling.importing.lines.reading import name_of_type
from labeling.importing.reports import Wrong
from labeling.texts.messages import Extra, Message
from labeling.texts.sameness import normalise

SYSTEM = ("system", "system_prompt")
# The names under which TRL and transformers take them.
TEMPLATE: dict[str, type] = {"tools": list, "chat_template_kwargs": dict}
# What we ourselves say to the tokenizer when it applies its template.
OURS = frozenset(
    {"conversation", "messages", "tools", "documents", "chat_template", "add_generation_prompt"}
    | {"continue_final_message", "tokenize", "padding", "truncation", "max_length"}
    | {"return_tensors", "return_dict", "return_assistant_tokens_mask", "tokenizer_kwargs"}
)
PROMPT_FIELDS = frozenset({*SYSTEM, *TEMPLATE})


def extra_in(data: Mapping[str, Any]) -> Extra:
    """Reads what the row gives to the chat template beside the messages."""
    return {
        name: _of_type(data[name], name, kind)
        for name, kind in TEMPLATE.items()
        if data.get(name) not in (None, [], {})
    }


def _of_type(value: Any, name: str, kind: type) -> Any:
    if isinstance(value, str):
        value = _parsed(value)
    if not isinstance(value, kind):
        wanted = "a list of functions" if kind is list else "an object"
        raise Wrong(name, f"Must be {wanted}, not {name_of_type(value)}.")
    entries: Any = value  # functions, or the names of arguments
    for index, entry in enumerate(entries):
        if kind is list and not isinstance(entry, dict):
            problem = f"A function must be an object, not {name_of_type(entry)}."
            raise Wrong(f"{name}[{index}]", problem)
        if kind is dict and entry in OURS:
            advice = "Take it out: it is set where the template is used."
            raise Wrong(name, f"“{entry}” is no argument of a chat template.", advice)
    return values_in(value, name)


def _parsed(value: str) -> Any:
    """The value of a text of JSON, else the text. TRL lets a file write its tools so, for one type
    of column."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def with_system(messages: list[Message], data: Mapping[str, Any], tell: Tell) -> list[Message]:
    """The messages after the row's system text, where it has one."""
    for name in SYSTEM:
        if data.get(name) not in (None, ""):
            messages = _with_system(messages, text_in(data[name], name), name, tell)
    return messages


def _with_system(messages: list[Message], text: str, name: str, tell: Tell) -> list[Message]:
    if not text.strip():
        return messages
    first = messages[0]
    if first["role"] not in ("system", "developer"):
        tell(f"field “{name}” kept as the system message")
        return [{"role": "system", "content": text}, *messages]
    if normalise(first["content"]) != normalise(text):
        advice = "Leave one of the two out."
        raise Wrong(name, "Contradicts the system message of the prompt.", advice)
    return messages
