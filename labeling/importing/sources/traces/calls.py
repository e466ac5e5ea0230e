"""What a span says of one call of a model: its messages, its answers and the model.

Three conventions are read, in this order: OpenTelemetry's `gen_ai.input.messages`, the older names
with an index for each message, and OpenInference's `llm.input_messages`, which Phoenix writes.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from labeling.importing.lines.reading import name_of_type
from labeling.importing.reports import Wrong
from labeling.importing.sources.parts import (
    ROLES,
    Answer,
    assistant,
    key_of,
    list_in,
    objects_in,
    to_compare,
    user,
)
from labeling.importing.sources.source import Data, Row
from labeling.importing.sources.traces.attributes import Tree, at, read_json
from labeling.texts.limits import MAX_COMPARED

WORDS = ("text", "reasoning", "thinking")


@dataclass(frozen=True)
class Call:
    """One call of a model. `answers` are the assistant's messages; several are several choices."""

    messages: list[Data]
    answers: list[Data]
    model: Any = None
    more: Row = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Equal for calls that ask the same."""
        return key_of([self.messages, self.more])


def rows_of_calls(calls: Sequence[Call]) -> Iterator[Row]:
    """One row for each prompt, with all that was answered to it."""
    groups: dict[str, list[Call]] = {}
    for call in calls:
        groups.setdefault(call.key, []).append(call)
    for group in groups.values():
        answers = [Answer(answer, call.model) for call in group for answer in call.answers]
        for first in range(0, max(len(answers), 1), MAX_COMPARED):
            some = answers[first : first + MAX_COMPARED]
            yield to_compare(group[0].messages, some, **group[0].more)


def call_of(tree: Tree) -> Call | None:
    """The call that a span's attributes tell of; None where they tell of none, as those of a tool
    or of a step do."""
    model = _model(tree)
    for read in (_of_messages, _of_indexed, _of_openinference):
        call = read(tree, model)
        if call is not None:
            return call
    return None


def _model(tree: Tree) -> Any:
    for path in (
        ("gen_ai", "response", "model"),
        ("gen_ai", "request", "model"),
        ("llm", "model_name"),
    ):
        name = at(tree, *path)
        if isinstance(name, str) and name:
            return name
    return None


def _of_messages(tree: Tree, model: Any) -> Call | None:
    given = read_json(at(tree, "gen_ai", "input", "messages"))
    if given is None:
        return None
    messages = _system(read_json(at(tree, "gen_ai", "system_instructions")))
    messages += messages_of(given, "gen_ai.input.messages")
    output = read_json(at(tree, "gen_ai", "output", "messages")) or []
    answers = _answers(messages_of(output, "gen_ai.output.messages"), "gen_ai.output.messages")
    return _call(messages, answers, model, _tools(at(tree, "gen_ai", "tool", "definitions")))


def _of_indexed(tree: Tree, model: Any) -> Call | None:
    """`gen_ai.prompt.0.content` and `gen_ai.completion.0.content`."""
    given = at(tree, "gen_ai", "prompt")
    if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
        return None
    messages = messages_of(given, "gen_ai.prompt")
    output = at(tree, "gen_ai", "completion") or []
    answers = _answers(messages_of(output, "gen_ai.completion"), "gen_ai.completion")
    return _call(messages, answers, model, {})


def _of_openinference(tree: Tree, model: Any) -> Call | None:
    given = read_json(at(tree, "llm", "input_messages"))
    kind = at(tree, "openinference", "span", "kind")
    if given:
        output = read_json(at(tree, "llm", "output_messages")) or []
        answers = _answers(messages_of(output, "llm.output_messages"), "llm.output_messages")
        tools = _tools([at(one, "tool", "json_schema") for one in _list(at(tree, "llm", "tools"))])
        messages = messages_of(given, "llm.input_messages")
        if not answers:
            answers = _written(at(tree, "output", "value"))
        return _call(messages, answers, model, tools)
    if kind not in ("LLM", None) or (kind is None and at(tree, "llm") is None):
        return None
    question = at(tree, "input", "value")
    if not isinstance(question, str) or not question or read_json(question) is not question:
        return None  # parameters of a call, of which nothing says what was asked
    return _call([user(question)], _written(at(tree, "output", "value")), model, {})


def _written(value: Any) -> list[Data]:
    return [assistant(value)] if isinstance(value, str) and value else []


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _call(messages: list[Data], answers: list[Data], model: Any, more: Row) -> Call | None:
    return Call(messages, answers, model, more) if messages else None


def _answers(messages: list[Data], where: str) -> list[Data]:
    for index, message in enumerate(messages):
        if message["role"] != "assistant":
            raise Wrong(f"{where}[{index}].role", f"Is the {message['role']}'s, not a response.")
    return messages


def _system(given: Any) -> list[Data]:
    """The instructions, which stand apart from the messages: a list of parts, or a text."""
    if not given:
        return []
    parts = [{"type": "text", "content": given}] if isinstance(given, str) else given
    return [*_message({"role": "system", "parts": parts}, "gen_ai.system_instructions")]


def messages_of(given: Any, where: str) -> list[Data]:
    """Messages of a conversation under the names of any of these conventions."""
    messages: list[Data] = []
    for index, entry in enumerate(objects_in(given, where)):
        inner = entry.get("message")
        messages += _message(inner if isinstance(inner, Mapping) else entry, f"{where}[{index}]")
    return messages


def _message(entry: Mapping[str, Any], where: str) -> Iterator[Data]:
    """The message; several where a turn holds what several tools returned."""
    speaker = entry.get("role", "assistant" if "finish_reason" in entry else None)
    role = ROLES.get(speaker.lower()) if isinstance(speaker, str) else None
    if role is None:
        raise Wrong(f"{where}.role", f"{speaker!r:.60} is no known role.")
    parts = entry.get("parts", entry.get("contents"))
    if parts is None:
        parts = [{"type": "text", "content": entry.get("content") or ""}]
        if isinstance(entry.get("content"), list):
            parts = entry["content"]
    texts: list[str] = []
    message: Data = {"role": role}
    calls = [_tool_call(one, where) for one in _list(read_json(entry.get("tool_calls")))]
    returned: list[Data] = []
    for index, part in enumerate(list_in(parts, f"{where}.parts")):
        _add_part(part, f"{where}.parts[{index}]", texts, message, calls, returned)
    message["content"] = "\n".join(texts)
    if calls:
        message["tool_calls"] = calls
    for name in ("tool_call_id", "name"):
        if isinstance(entry.get(name), str) and entry[name]:
            message[name] = entry[name]
    if not returned or texts or calls:
        yield message
    yield from returned


def _add_part(
    part: Any, where: str, texts: list[str], message: Data, calls: list[Data], returned: list[Data]
) -> None:
    if isinstance(part, str):
        part = {"type": "text", "content": part}
    if not isinstance(part, Mapping):
        raise Wrong(where, f"Must be an object, not {name_of_type(part)}.")
    inner = part.get("message_content")
    part = inner if isinstance(inner, Mapping) else part
    kind = part.get("type", "text")
    if kind in WORDS:
        content = part.get("content", part.get("text", part.get(str(kind))))
        if not isinstance(content, str):
            raise Wrong(where, f"Must hold a text, not {name_of_type(content)}.")
        if kind == "text":
            texts.append(content)
        else:
            before = message.get("reasoning_content", "")
            message["reasoning_content"] = f"{before}\n{content}" if before else content
    elif kind in ("tool_call", "tool_use"):
        calls.append(_tool_call(part, where))
    elif kind in ("tool_call_response", "tool_result"):
        content = part.get("response", part.get("result", part.get("content", "")))
        returned.append(_returned(part.get("id", part.get("tool_use_id")), content))
    else:
        problem = f"Holds “{kind!s:.40}”: only text can be shown and learned from."
        raise Wrong(where, problem, "Leave the row out.")


def _returned(identity: Any, content: Any) -> Data:
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    named = {"tool_call_id": identity} if isinstance(identity, str) and identity else {}
    return {"role": "tool", "content": text, **named}


def _tool_call(given: Any, where: str) -> Data:
    """A call as OpenAI's API writes it."""
    if not isinstance(given, Mapping):
        raise Wrong(f"{where}.tool_calls", f"Must be an object, not {name_of_type(given)}.")
    inner = given.get("tool_call")
    given = inner if isinstance(inner, Mapping) else given
    function = given.get("function")
    if isinstance(function, str):  # as evaluations write it
        function = {"name": function, "arguments": given.get("arguments")}
    if not isinstance(function, Mapping):
        function = {
            "name": given.get("name"),
            "arguments": given.get("arguments", given.get("input")),
        }
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        arguments = json.dumps({} if arguments is None else arguments, ensure_ascii=False)
    if not isinstance(function.get("name"), str):
        raise Wrong(f"{where}.tool_calls", "A call must have the name of its function.")
    named = {"id": given["id"]} if isinstance(given.get("id"), str) else {}
    called = {"name": function["name"], "arguments": arguments}
    return {**named, "type": "function", "function": called}


def _tools(given: Any) -> Row:
    """Functions as a chat template takes them; spans write them without the level in between."""
    tools = []
    for one in _list(read_json(given)):
        tool = read_json(one)
        if isinstance(tool, Mapping) and not isinstance(tool.get("function"), Mapping):
            about = {name: tool[name] for name in tool if name != "type"}
            tool = {"type": "function", "function": about}
        if isinstance(tool, Mapping):
            tools.append(tool)
    return {"tools": tools} if tools else {}
