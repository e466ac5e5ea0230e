"""From a JSON object to a row that can be stored, or to what is wrong with it.

Three shapes: a prompt alone; a prompt with `responses`; a triple with `chosen` and `rejected`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from labeling.importing.reading import name_of_type
from labeling.importing.reports import NoticeCounter, Problem
from labeling.importing.turns import (
    Messages,
    Wrong,
    looks_like_dialogue,
    messages_in,
    prompt_of_dialogue,
    require_open_end,
    split_dialogue,
    text_in,
)
from labeling.models import Preference
from labeling.texts import normalise

T = TypeVar("T")

ALWAYS = frozenset({"prompt", "tags", "model"})
TRIPLE = frozenset(
    {"chosen", "rejected", "chosen_model", "rejected_model", "kind", "strength", "weight", "target"}
)
RESPONSE = frozenset({"text", "model"})
MAX_NAME = 120
MAX_RESPONSES = 1000


@dataclass(frozen=True, slots=True)
class NewResponse:
    text: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a triple says beyond its two responses."""

    kind: str = Preference.Kind.PREFER
    strength: float | None = None
    weight: float = 1.0
    target: float = 1.0


@dataclass(frozen=True, slots=True)
class Row:
    """One line, checked. With an `opinion`, the responses are the chosen and the rejected."""

    line: int
    messages: Messages
    responses: list[NewResponse] = field(default_factory=list)
    opinion: Opinion | None = None
    tags: list[str] = field(default_factory=list)

    @property
    def shape(self) -> str:
        if self.opinion:
            return "triples"
        return "prompts with responses" if self.responses else "prompts alone"

    @property
    def size(self) -> int:
        """Characters of its responses, the part that can be large."""
        return sum(len(response.text) for response in self.responses)


def check_row(
    line: int, data: dict[str, Any], notices: NoticeCounter | None = None
) -> Row | list[Problem]:
    """The row, or every problem found in its fields."""
    return _Check(line, data, notices or NoticeCounter()).row()


class _Check:
    """Reads one object's fields and collects what is wrong with them."""

    def __init__(self, line: int, data: dict[str, Any], notices: NoticeCounter) -> None:
        self.line = line
        self.data = data
        self.notices = notices
        self.problems: list[Problem] = []

    def row(self) -> Row | list[Problem]:
        is_triple = "chosen" in self.data or "rejected" in self.data
        self._tell_ignored(ALWAYS | (TRIPLE if is_triple else {"responses"}))
        tags = self._try(self._tags) or []
        if is_triple:
            row = self._try(lambda: self._triple(tags))
        else:
            messages = self._try(self._prompt)
            responses = self._responses()
            row = Row(self.line, messages or [], responses, None, tags)
        if self.problems or row is None:
            return self.problems
        for _ in range(sum(not response.text.strip() for response in row.responses)):
            self.notices.add("empty responses, kept", self.line)
        return row

    def _try(self, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except Wrong as fault:
            self.problems.append(Problem(self.line, fault.field, fault.problem, fault.advice))
            return None

    def _tell_ignored(self, known: frozenset[str] | set[str]) -> None:
        for key in self.data.keys() - known:
            self.notices.add(f"field “{key:.40}” ignored", self.line)

    # prompts

    def _prompt(self) -> Messages:
        if "prompt" not in self.data:
            raise Wrong("prompt", "Is missing.", "Every row needs a prompt: a text or messages.")
        value = self.data["prompt"]
        if isinstance(value, str):
            return require_open_end(self._prompt_text(text_in(value, "prompt")), "prompt")
        return require_open_end(messages_in(value, "prompt"), "prompt")

    def _prompt_text(self, text: str) -> Messages:
        turns = prompt_of_dialogue(text)
        if turns:
            self.notices.add("dialogues split into turns", self.line)
            return turns
        if looks_like_dialogue(text):
            self.notices.add("dialogues that do not parse cleanly, kept as one text", self.line)
        return [{"role": "user", "content": text}]

    # prompts with responses

    def _responses(self) -> list[NewResponse]:
        values = self.data.get("responses", [])
        if not isinstance(values, list):
            problem = f"Must be a list, not {name_of_type(values)}."
            self.problems.append(Problem(self.line, "responses", problem))
            return []
        if len(values) > MAX_RESPONSES:
            problem = f"{len(values):,} responses; at most {MAX_RESPONSES:,} fit one prompt."
            self.problems.append(Problem(self.line, "responses", problem))
            return []
        model = self._try(lambda: self._name("model")) or ""
        return [
            response
            for index, value in enumerate(values)
            if (response := self._response(value, f"responses[{index}]", model))
        ]

    def _response(self, value: Any, where: str, model: str) -> NewResponse | None:
        if isinstance(value, dict):
            for key in value.keys() - RESPONSE:
                self.notices.add(f"field “responses.{key:.40}” ignored", self.line)
            return self._try(lambda: _response_object(value, where, model))
        return self._try(lambda: NewResponse(text_in(value, where), model))

    # triples

    def _triple(self, tags: list[str]) -> Row:
        for key in ("chosen", "rejected"):
            if key not in self.data:
                raise Wrong(key, "Is missing.", "A triple needs both chosen and rejected.")
        if self.data.get("responses"):
            advice = "Give either responses to compare, or chosen and rejected."
            raise Wrong("responses", "Stands beside chosen and rejected.", advice)
        heads, texts = [], []
        for key in ("chosen", "rejected"):
            head, text = self._answer(key)
            heads.append(head)
            texts.append(text)
        messages = self._prompt_of_triple(*heads)
        model = self._name("model")
        names = [self._name(f"{key}_model") or model for key in ("chosen", "rejected")]
        responses = [NewResponse(*pair) for pair in zip(texts, names, strict=True)]
        return Row(self.line, messages, responses, self._opinion(), tags)

    def _answer(self, key: str) -> tuple[Messages, str]:
        """The messages before the last, if there are any, and the last message's text."""
        value = self.data[key]
        if isinstance(value, str):
            text = text_in(value, key)
            turns = None if "prompt" in self.data else split_dialogue(text)
            return (turns[:-1], turns[-1]["content"]) if turns else ([], text)
        *head, last = messages_in(value, key)
        if last["role"] != "assistant":
            raise Wrong(key, f"The last message is the {last['role']}'s, not the assistant's.")
        return head, last["content"]

    def _prompt_of_triple(self, head: Messages, other: Messages) -> Messages:
        if _same(head, other) is False:
            advice = "Both must answer the same conversation."
            raise Wrong("rejected", "Does not begin with the same messages as chosen.", advice)
        if "prompt" not in self.data:
            if not head:
                advice = "Give a prompt, or whole conversations as chosen and rejected."
                raise Wrong("prompt", "Is missing.", advice)
            return require_open_end(head, "chosen")
        if not head:
            return self._prompt()
        return self._head_with_prompt(head)

    def _head_with_prompt(self, head: Messages) -> Messages:
        """Many files repeat the prompt in front of both answers; it must be the same one."""
        value = self.data["prompt"]
        prompt = self._prompt()
        same = _same(head, prompt)
        if isinstance(value, str):  # often only the user's last turn, without a system message
            same = same or normalise(head[-1]["content"]) == normalise(value)
        if not same:
            advice = "Leave out the prompt, or give chosen and rejected as one message each."
            raise Wrong("chosen", "Begins with other messages than the prompt.", advice)
        return require_open_end(head, "chosen")

    def _opinion(self) -> Opinion:
        kind = self.data.get("kind", Preference.Kind.PREFER)
        if kind not in Preference.Kind.values:
            known = ", ".join(Preference.Kind.values)
            raise Wrong("kind", f"{kind!r:.60} is no known kind.", f"Use {known}.")
        even = kind != Preference.Kind.PREFER
        target = self._number("target", 0.0, 1.0)
        weight = self._number("weight", 0.0001, 1.0)
        return Opinion(
            kind=kind,
            # Exports write 0 where nobody was asked how much better.
            strength=self._number("strength", 0.0, 3.0) or None,
            weight=1.0 if weight is None else weight,
            target=(0.5 if even else 1.0) if target is None else target,
        )

    # small fields

    def _number(self, key: str, low: float, high: float) -> float | None:
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Wrong(key, f"Must be a number, not {name_of_type(value)}.")
        if not low <= value <= high:
            raise Wrong(key, f"{value} is not between {low:g} and {high:g}.")
        return float(value)

    def _name(self, key: str) -> str:
        return _name_in(self.data.get(key), key)

    def _tags(self) -> list[str]:
        value = self.data.get("tags")
        if value is None:
            return []
        if not isinstance(value, list):
            raise Wrong("tags", f"Must be a list of texts, not {name_of_type(value)}.")
        tags = [_name_in(tag, f"tags[{index}]") for index, tag in enumerate(value)]
        return list(dict.fromkeys(tag for tag in tags if tag))


def _response_object(value: dict[str, Any], where: str, model: str) -> NewResponse:
    if "text" not in value:
        raise Wrong(f"{where}.text", "Is missing.", 'Write {"text": "…", "model": "…"}.')
    text = text_in(value["text"], f"{where}.text")
    return NewResponse(text, _name_in(value.get("model"), f"{where}.model") or model)


def _name_in(value: Any, field: str) -> str:
    """A short text such as a model's name; null is none."""
    text = "" if value is None else text_in(value, field).strip()
    if len(text) > MAX_NAME:
        raise Wrong(field, f"{len(text)} characters; at most {MAX_NAME} are kept.")
    return text


def _same(one: Messages, other: Messages) -> bool:
    return [*_normalised(one)] == [*_normalised(other)]


def _normalised(messages: Messages) -> Iterator[tuple[str, str]]:
    for message in messages:
        yield message["role"], normalise(message["content"])
