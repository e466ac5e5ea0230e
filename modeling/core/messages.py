"""Prompts and responses as values that can be compared and used as keys, whole messages included.

A message is (role, content), and where it has further keys (tool calls, reasoning, a name) a third
part with these as canonical JSON. A response is its text, or (text, further keys). Tools and
arguments for the chat template stand in front of a prompt's messages, as an item of their own. So a
plain text is what it was before there were any, in every key, order and cache.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Message = tuple[str, ...]
Prompt = tuple[Message, ...]
Response = str | tuple[str, str]

OPTIONS = "\x00options"  # the role of the item that is no message
OPTION_NAMES = ("tools", "chat_template_kwargs")
# Of the keys of a function's schema, as transformers writes it.
USUAL_ORDER = ("type", "function", "name", "description", "parameters", "properties", "required")

Clean = Callable[[str], str]


def prompt_of(
    messages: Sequence[Mapping[str, Any]], options: Mapping[str, Any] | None = None
) -> Prompt:
    front = ((OPTIONS, "", _canonical(options)),) if options else ()
    return (*front, *(_message_of(message) for message in messages))


def response_of(value: str | Mapping[str, Any]) -> Response:
    """A text, or an assistant's whole message."""
    if isinstance(value, str):
        return value
    message = _message_of(value)
    return message[1] if len(message) == 2 else (message[1], message[2])


def text_of(response: Response) -> str:
    return response if isinstance(response, str) else response[0]


def with_response(prompt: Prompt, response: Response) -> Prompt:
    parts = (response,) if isinstance(response, str) else response
    return (*prompt, ("assistant", *parts))


def messages_of(prompt: Prompt, clean: Clean = str) -> list[dict[str, Any]]:
    """Whole messages, as they were given; `clean` goes over every text."""
    return [
        {"role": role, "content": clean(content)}
        | json.loads(clean(further[0] if further else "{}"))
        for role, content, *further in prompt
        if role != OPTIONS
    ]


def options_of(prompt: Prompt, clean: Clean = str) -> dict[str, Any]:
    """Tools and arguments for the chat template; {} for most prompts."""
    if not prompt or prompt[0][0] != OPTIONS:
        return {}
    options: dict[str, Any] = json.loads(clean(prompt[0][2]))
    if "tools" in options:
        options["tools"] = _in_usual_order(options["tools"])
    return options


def _in_usual_order(schema: Any) -> Any:
    """A function's schema with its keys as models have seen them: canonical JSON, and PostgreSQL,
    have put them in another order."""
    if isinstance(schema, list):
        return [_in_usual_order(value) for value in schema]
    if not isinstance(schema, dict):
        return schema
    first = [name for name in USUAL_ORDER if name in schema]
    names = [*first, *(name for name in schema if name not in USUAL_ORDER)]
    return {name: _in_usual_order(schema[name]) for name in names}


def beginning(prompt: Prompt) -> str:
    """Words by which a person knows the prompt again."""
    return next((content for role, content, *_ in prompt if role != OPTIONS), "")


def for_template(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages as chat templates take them: a call's arguments are an object, which OpenAI's form
    writes as a text of JSON."""
    return _with_arguments(messages, _parsed)


def for_server(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages as OpenAI-compatible servers take them: a call's arguments are a text of JSON."""
    return _with_arguments(messages, _written)


def _message_of(message: Mapping[str, Any]) -> Message:
    further = {key: value for key, value in message.items() if key not in ("role", "content")}
    plain = (message["role"], message["content"])
    return (*plain, _canonical(further)) if further else plain


def _canonical(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _with_arguments(
    messages: list[dict[str, Any]], change: Callable[[Any], Any]
) -> list[dict[str, Any]]:
    for message in messages:
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else []:
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict) and "arguments" in function:
                function["arguments"] = change(function["arguments"])
    return messages


def _parsed(arguments: Any) -> Any:
    if not isinstance(arguments, str):
        return arguments
    try:
        value = json.loads(arguments)
    except ValueError:
        return arguments
    return value if isinstance(value, dict) else arguments


def _written(arguments: Any) -> Any:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
