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
PromptResponse = tuple[Prompt, Response]  # what a reward belongs to

OPTIONS = "\x00options"  # the role of the item that is no message
OPTION_NAMES = ("tools", "chat_template_kwargs")
# Of the keys of a function's schema, as transformers writes it.
USUAL_ORDER = ("type", "function", "name", "description", "parameters", "properties", "required")

Clean = Callable[[str], str]


def prompt_of(
    messages: Sequence[Mapping[str, Any]], options: Mapping[str, Any] | None = None
) -> Prompt:
    """Make messages a value that can key a dict. `options`: tools and arguments for the chat
    template; empty ones leave the prompt as it is without any."""
    front = ((OPTIONS, "", _canonical(options)),) if options else ()
    return (*front, *(_message_of(message) for message in messages))


def response_of(value: str | Mapping[str, Any]) -> Response:
    """Make a text, or an assistant's whole message, a value that compares by all it holds."""
    if isinstance(value, str):
        return value
    message = _message_of(value)
    return message[1] if len(message) == 2 else (message[1], message[2])


def text_of(response: Response) -> str:
    """The response's text, without its further keys."""
    return response if isinstance(response, str) else response[0]


def with_response(prompt: Prompt, response: Response) -> Prompt:
    """The conversation with the response as its last message, of the role `assistant`."""
    parts = (response,) if isinstance(response, str) else response
    return (*prompt, ("assistant", *parts))


def messages_of(prompt: Prompt, clean: Clean = str) -> list[dict[str, Any]]:
    """Give back the messages as dicts, options left out. `clean` is applied to every text, the JSON
    of further keys included."""
    return [
        {"role": role, "content": clean(content)}
        | json.loads(clean(further[0] if further else "{}"))
        for role, content, *further in prompt
        if role != OPTIONS
    ]


def options_of(prompt: Prompt, clean: Clean = str) -> dict[str, Any]:
    """Read tools and arguments for the chat template from the prompt's first item. {} where it has
    none."""
    if not prompt or prompt[0][0] != OPTIONS:
        return {}
    options: dict[str, Any] = json.loads(clean(prompt[0][2]))
    if "tools" in options:
        options["tools"] = _in_usual_order(options["tools"])
    return options


def _in_usual_order(schema: Any) -> Any:
    """Put a function schema's keys into the order in which models saw them in training. Canonical
    JSON and PostgreSQL sort them otherwise, and another order is other tokens."""
    if isinstance(schema, list):
        return [_in_usual_order(value) for value in schema]
    if not isinstance(schema, dict):
        return schema
    first = [name for name in USUAL_ORDER if name in schema]
    names = [*first, *(name for name in schema if name not in USUAL_ORDER)]
    return {name: _in_usual_order(schema[name]) for name in names}


def beginning(prompt: Prompt) -> str:
    """The first message's text, by which a person recognises the prompt. "" for no messages."""
    return next((content for role, content, *_ in prompt if role != OPTIONS), "")


def for_template(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rewrite messages, in place, as chat templates take them. A tool call's arguments become an
    object; OpenAI's form has them as a text of JSON."""
    return _with_arguments(messages, _parsed)


def for_server(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rewrite messages, in place, as OpenAI-compatible servers take them. A tool call's arguments
    become a text of JSON."""
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
    # A message is a stranger's: whatever has another shape is left for the template to refuse.
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
    # Templates iterate over a call's arguments: a bare number or list is safer as the text it was.
    return value if isinstance(value, dict) else arguments


def _written(arguments: Any) -> Any:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
