"""Logs of conversations: messages as OpenAI's API has them, with what was answered, and ShareGPT's
lists; also with a second answer, or a thumb."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labeling.importing.lines.message_fields import Tell
from labeling.importing.reports import Wrong
from labeling.importing.sources.parts import (
    ROLES,
    Answer,
    Verdict,
    flag,
    key_of,
    messages_in,
    objects_in,
    required,
    to_compare,
    triple,
    without,
)
from labeling.importing.sources.source import Data, Row, Source, columns
from labeling.importing.sources.trainers.trl import pairs_of_labels
from labeling.texts.messages import ROLES as API_ROLES

ALONE = frozenset({"prompt", "chosen", "rejected", "responses", "completion", "completions"})
LABELS = ("label", "kto_tag")
OF_ANSWER = ("id", "created", "usage", "system_fingerprint")  # of a completion of the API


def _log(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    """The messages, of which the last is the response if it is the assistant's."""
    (data,) = records
    field = "messages" if "messages" in data else "conversations"
    messages = _with_system(_messages(data[field], field), data)
    tools = {"tools": data["tools"]} if data.get("tools") else {}
    choices = _choices(data.get("response", data))
    if choices:
        yield to_compare(messages, choices, **tools)
    elif messages[-1]["role"] == "assistant":
        answer = Answer(messages[-1], data.get("model"))
        if len(messages) == 1:
            raise Wrong(field, "Holds an answer and no question.")
        yield to_compare(messages[:-1], [answer], **tools)
    else:
        yield to_compare(messages, [], **tools)


def _messages(value: Any, field: str) -> list[Data]:
    """Whole messages where they are written as the API does, else what was said in them."""
    given = objects_in(value, field)
    if given and all(one.get("role") in API_ROLES for one in given):
        return given
    return messages_in(given, field)


def _with_system(messages: list[Data], data: Data) -> list[Data]:
    system = data.get("system") or data.get("system_prompt")
    if not isinstance(system, str) or messages[0]["role"] in ("system", "developer"):
        return messages
    return [{"role": "system", "content": system}, *messages]


def _choices(response: Any) -> list[Answer]:
    """The answers that a completion of the API holds; none where it is none."""
    if not isinstance(response, Mapping):
        return []
    if isinstance(response.get("body"), Mapping):
        response = response["body"]
    answers = []
    for index, choice in enumerate(objects_in(response.get("choices") or [], "choices")):
        where = f"choices[{index}].message"
        message = _messages([required(choice, "message", f"choices[{index}]")], where)[0]
        about = {name: response[name] for name in OF_ANSWER if name in response}
        about |= {"finish_reason": choice.get("finish_reason")}
        answers.append(Answer(message, response.get("model"), metadata=about))
    return answers


def _request(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    request = data["request"]
    if isinstance(request.get("body"), Mapping):
        request = request["body"]
    messages = _messages(required(request, "messages", "request"), "request.messages")
    tools = {"tools": request["tools"]} if request.get("tools") else {}
    yield to_compare(messages, _choices(data["response"]), **tools)


def _is_request(data: Data) -> bool:
    request, response = data["request"], data["response"]
    if not isinstance(request, Mapping) or not isinstance(response, Mapping):
        return False
    body = request.get("body")
    return "messages" in (body if isinstance(body, Mapping) else request)


def _pair(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    prompt = _with_system(messages_in(data["conversations"], "conversations"), data)
    answers = [
        Answer(messages_in([data[name]], name)[0] if isinstance(data[name], dict) else data[name])
        for name in ("chosen", "rejected")
    ]
    yield triple(prompt, answers[0], answers[1], Verdict.FIRST)


def _labelled(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    given = []
    prompt: list[Data] = []
    for data in records:
        field = "messages" if "messages" in data else "conversations"
        *prompt, last = _with_system(_messages(data[field], field), data)
        label = next(name for name in LABELS if name in data)
        answer = Answer(last, metadata=without(data, field, label, "system", "system_prompt"))
        given.append((answer, flag(data[label], label)))
    if not prompt:
        raise Wrong("messages", "Holds an answer and no question.")
    yield from pairs_of_labels(prompt, given, tell)


def _prompt_key(data: Data) -> str:
    field = "messages" if "messages" in data else "conversations"
    messages = data[field]
    return key_of([data.get("system"), messages[:-1] if isinstance(messages, list) else messages])


def _is_log(data: Data, field: str) -> bool:
    return ALONE.isdisjoint(data) and _is_messages(data[field])


def _is_messages(value: Any) -> bool:
    first = value[0] if isinstance(value, list) and value else None
    if not isinstance(first, dict):
        return False
    speaker = first.get("role", first.get("from"))
    return isinstance(speaker, str) and speaker.lower() in ROLES


LOG = "a prompt with one response, the last message, or with every choice of the response"
LABELLED = (
    "the last message is a completion; of one prompt each with the label true is better than each "
    "with false"
)
READ = columns("model tools response choices system system_prompt")

SOURCES = (
    Source(
        name="Chat log (messages)",
        meaning=LOG,
        needs=columns("messages"),
        uses=READ,
        fits=lambda data: _is_log(data, "messages"),
        is_strict=True,
        rows=_log,
    ),
    Source(
        name="Chat log (ShareGPT conversations)",
        meaning=LOG,
        needs=columns("conversations"),
        uses=READ,
        fits=lambda data: _is_log(data, "conversations"),
        is_strict=True,
        rows=_log,
    ),
    Source(
        name="Chat log (requests and responses)",
        meaning="the request's messages are a prompt, the response's choices its responses",
        needs=columns("request response"),
        fits=_is_request,
        rows=_request,
    ),
    Source(
        name="ShareGPT preference",
        meaning="chosen is better than rejected, as the next turn of the conversation",
        needs=columns("conversations chosen rejected"),
        uses=columns("system"),
        fits=lambda data: "prompt" not in data and _is_messages(data["conversations"]),
        is_strict=True,
        rows=_pair,
    ),
    *(
        Source(
            name=f"Chat log with {label} ({field})",
            meaning=LABELLED,
            needs=columns(f"{field} {label}"),
            uses=columns("system"),
            fits=lambda data, field=field: _is_log(data, field),  # type: ignore[misc]
            is_strict=True,
            rows=_labelled,
            group=_prompt_key,
        )
        for field in ("messages", "conversations")
        for label in LABELS
    ),
)
