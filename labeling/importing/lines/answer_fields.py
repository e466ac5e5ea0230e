"""One response out of a file: a text, an object with a text, or an assistant's message."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from labeling.importing.lines import metadata_fields
from labeling.importing.lines.message_fields import Tell, message_in, name_in, text_in, values_in
from labeling.importing.lines.reading import name_of_type
from labeling.importing.lines.turns import Messages, looks_like_dialogue, split_dialogue
from labeling.importing.reports import Wrong
from labeling.texts.messages import Extra, Message, extra_of, extra_size, in_words, message_suffix
from labeling.texts.metadata import Metadata
from labeling.texts.sameness import normalise

# Keys of a response object that are the message's own.
OF_MESSAGE = frozenset(
    {"tool_calls", "function_call", "reasoning_content", "reasoning", "thinking", "refusal"}
)
RESPONSE = frozenset({"text", "model", "extra", "role", "content", "metadata"}) | OF_MESSAGE
PLAIN = {"text", "model"}
# A shorter prompt may begin an answer by chance.
SURELY_REPEATED = 40
# What separates an answer from its prompt; more of it is the answer's own.
FIRST_BLANK = re.compile(r"^(?: |\n+)")


@dataclass(frozen=True, slots=True)
class NewResponse:
    text: str
    source: str = ""
    extra: Extra = field(default_factory=dict)
    metadata: Metadata = field(default_factory=dict)

    @property
    def size(self) -> int:
        return len(self.text) + extra_size(self.extra) + extra_size(self.metadata)

    @property
    def in_words(self) -> str:
        return in_words(self.text, self.extra)


def response_in(value: Any, where: str, model: str, tell: Tell) -> NewResponse:
    """Reads one entry of `responses`."""
    if isinstance(value, list) and value:
        if len(value) > 1:
            raise several_messages(where)
        value = value[0]
    if not isinstance(value, dict):
        return NewResponse(text_in(value, where), model)
    if value.keys() == PLAIN:
        source = name_in(value["model"], f"{where}.model") or model
        return NewResponse(text_in(value["text"], f"{where}.text"), source)
    source = name_in(value.get("model"), f"{where}.model") or model
    metadata = metadata_fields.metadata_in(value.get("metadata"), f"{where}.metadata")
    if "role" in value:
        message = {key: inner for key, inner in value.items() if key not in ("model", "metadata")}
        answer = answer_of(message_in(message, where, tell), where)
        return NewResponse(answer.text, source, answer.extra, metadata)
    if not value.keys() <= RESPONSE:
        others = {key: inner for key, inner in value.items() if key not in RESPONSE}
        metadata = metadata_fields.further_of_response(others, tell) | metadata
    return _with_text(value, where, source, metadata)


def _with_text(
    value: Mapping[str, Any], where: str, source: str, metadata: Metadata
) -> NewResponse:
    extra = value.get("extra") or {}
    if not isinstance(extra, dict):
        raise Wrong(f"{where}.extra", f"Must be an object, not {name_of_type(extra)}.")
    extra = extra | {key: value[key] for key in OF_MESSAGE & value.keys()}
    extra = {key: inner for key, inner in extra.items() if inner is not None}
    if "text" not in value:
        raise Wrong(f"{where}.text", "Is missing.", 'Write {"text": "…", "model": "…"}.')
    text = text_in(value["text"], f"{where}.text")
    return NewResponse(text, source, values_in(extra, f"{where}.extra") if extra else {}, metadata)


def answer_of(message: Message, where: str) -> NewResponse:
    if message["role"] != "assistant":
        problem = f"The last message is the {message['role']}'s, not the assistant's."
        raise Wrong(where, problem)
    return NewResponse(message["content"], "", extra_of(message))


def several_messages(where: str) -> Wrong:
    return Wrong(
        where,
        "Answers with several messages: a response is one message of the assistant.",
        "Compare the last one, with the calls and results before it in the prompt, or the first.",
    )


def without_prompt(
    answers: Sequence[NewResponse], prompt: Messages, data: Mapping[str, Any], tell: Tell
) -> list[NewResponse]:
    """Takes the prompt off the front of the answers, where both texts repeat it."""
    texts = [data["chosen"], data["rejected"]]
    if not isinstance(data["prompt"], str) or not all(isinstance(text, str) for text in texts):
        return list(answers)
    stripped = [_after_turns(text, prompt) for text in texts]
    if None in stripped:
        stripped = [_after_text(text, data["prompt"]) for text in texts]
    if None in stripped:
        if any(map(looks_like_dialogue, texts)):
            tell("answers that hold a dialogue, kept as one text")
        return list(answers)
    tell("prompts repeated in front of both answers, taken off")
    return [NewResponse(text) for text in stripped if text is not None]


def _after_turns(text: str, prompt: Messages) -> str | None:
    turns = split_dialogue(text)
    if not turns or [*map(_name_of, turns[:-1])] != [*map(_name_of, prompt)]:
        return None
    return str(turns[-1]["content"])


def _name_of(message: Message) -> tuple[str, str]:
    return message["role"], normalise(message["content"]) + message_suffix(message)


def _after_text(text: str, prompt: str) -> str | None:
    begin = prompt.strip()
    sure = looks_like_dialogue(prompt) or len(begin) >= SURELY_REPEATED
    if not sure or not text.lstrip().startswith(begin):
        return None
    return FIRST_BLANK.sub("", text.lstrip().removeprefix(begin)) or None
