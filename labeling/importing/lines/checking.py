"""From a JSON object to a row that can be stored, or to what is wrong with it.

Three shapes: a prompt alone; a prompt with `responses`; a triple with `chosen` and `rejected`.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from labeling.importing.lines import (
    answer_fields,
    metadata_fields,
    named_votes,
    opinions,
    prompt_fields,
)
from labeling.importing.lines.answer_fields import NewResponse
from labeling.importing.lines.message_fields import name_in, tag_in, text_in
from labeling.importing.lines.metadata_fields import RowMetadata
from labeling.importing.lines.opinions import Opinion
from labeling.importing.lines.own_exports import as_exported
from labeling.importing.lines.reading import name_of_type
from labeling.importing.lines.rows import CheckedRow
from labeling.importing.lines.turns import (
    Messages,
    looks_like_dialogue,
    messages_in,
    prompt_of_dialogue,
    require_open_end,
    split_dialogue,
    why_no_dialogue,
)
from labeling.importing.reports import NoticeCounter, Problem, Wrong
from labeling.texts.limits import MAX_KEYS, MAX_RESPONSES, MAX_TAGS
from labeling.texts.messages import Extra, is_empty, message_suffix
from labeling.texts.sameness import normalise, words_in

T = TypeVar("T")

ALWAYS = frozenset({"prompt", "tags", "model", "metadata"}) | prompt_fields.PROMPT_FIELDS
OF_SIDES = metadata_fields.OF_RESPONSES | {"chosen_model", "rejected_model"}
TRIPLE = opinions.FIELDS | OF_SIDES | {"chosen", "rejected"}
KNOWN_OF_TRIPLE = ALWAYS | TRIPLE
KNOWN = ALWAYS | {"responses"}
# Where one of these stands, there is something to keep beside what the others say.
HOLD_METADATA = metadata_fields.OF_RESPONSES | metadata_fields.SCORE_NAMES.keys() | {"metadata"}


def check_row(
    line: int, data: dict[str, Any], notices: NoticeCounter | None = None
) -> CheckedRow | list[Problem]:
    """Reads one object: the row, or every problem found in its fields."""
    return _Check(line, data, notices or NoticeCounter()).row()


class _Check:
    """Reads one object's fields and collects what is wrong with them."""

    def __init__(self, line: int, data: dict[str, Any], notices: NoticeCounter) -> None:
        self.line = line
        self.data = _without_nulls(data)
        self.notices = notices
        self.tell = partial(notices.add, line=line)
        self.problems: list[Problem] = []
        self.extra: Extra = {}
        self.metadata = RowMetadata()
        self.prompt: Messages = []  # once it was read

    def row(self) -> CheckedRow | list[Problem]:
        if len(self.data) > MAX_KEYS:
            problem = f"{len(self.data):,} fields; at most {MAX_KEYS} are read."
            return [Problem(self.line, "line", problem, "Leave out what is not imported.")]
        is_triple = "chosen" in self.data or "rejected" in self.data
        self.metadata = self._try(lambda: self._metadata(is_triple=is_triple)) or RowMetadata()
        tags = self._try(self._tags) or []
        self.extra = self._try(lambda: prompt_fields.extra_in(self.data)) or {}
        if is_triple:
            row = self._try(lambda: self._triple(tags))
        else:
            messages = self._try(lambda: self._open_end(self._prompt(), "prompt"))
            responses = self._responses()
            row = self._row(messages or [], responses, None, tags)
        if self.problems or row is None:
            return self.problems
        row = as_exported(row, self.data, self.tell)
        for _ in range(sum(is_empty(one.text, one.extra) for one in row.responses)):
            self.notices.add("empty responses, kept", self.line)
        return row

    def _try(self, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except Wrong as fault:
            self.problems.append(Problem(self.line, fault.field, fault.problem, fault.advice))
            return None

    def _metadata(self, *, is_triple: bool) -> RowMetadata:
        known = KNOWN_OF_TRIPLE if is_triple else KNOWN
        if self.data.keys() <= known and HOLD_METADATA.isdisjoint(self.data):
            return RowMetadata()
        if opinions.is_line_of_export(self.data):
            known = known | opinions.EXPORTED
        if named_votes.names_annotator(self.data) and known >= TRIPLE:
            known = known | named_votes.FIELDS | named_votes.EXPORTED
        return metadata_fields.of_row(self.data, known, self.tell)

    def _row(
        self,
        messages: Messages,
        responses: list[NewResponse],
        opinion: Opinion | None,
        tags: list[str],
    ) -> CheckedRow:
        metadata = self.metadata.prompt
        return CheckedRow(self.line, messages, responses, opinion, tags, self.extra, metadata)

    # prompts

    def _prompt(self) -> Messages:
        self.prompt = self.prompt or self._read_prompt()
        return self.prompt

    def _read_prompt(self) -> Messages:
        if "prompt" not in self.data:
            raise Wrong("prompt", "Is missing.", "Every row needs a prompt: a text or messages.")
        value = self.data["prompt"]
        if isinstance(value, str):
            return self._prompt_text(text_in(value, "prompt"))
        return messages_in(value, "prompt", self.tell)

    def _open_end(self, messages: Messages, where: str) -> Messages:
        """The prompt with the row's system message, if it can be answered and shown."""
        messages = prompt_fields.with_system(messages, self.data, self.tell)
        return require_open_end(messages, where, self.extra)

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
        return self._try(lambda: answer_fields.response_in(value, where, model, self.tell))

    # triples

    def _triple(self, tags: list[str]) -> CheckedRow:
        for key in ("chosen", "rejected"):
            if key not in self.data:
                raise Wrong(key, "Is missing.", "A triple needs both chosen and rejected.")
        if self.data.get("responses"):
            advice = "Give either responses to compare, or chosen and rejected."
            raise Wrong("responses", "Stands beside chosen and rejected.", advice)
        heads, answers = [], []
        for key in ("chosen", "rejected"):
            head, answer = self._answer(key)
            heads.append(head)
            answers.append(answer)
        messages = self._prompt_of_triple(*heads)
        if "prompt" in self.data and not any(heads):
            answers = answer_fields.without_prompt(answers, messages, self.data, self.tell)
        messages = self._open_end(messages, "chosen" if any(heads) else "prompt")
        model = self._name("model")
        names = [self._name(f"{key}_model") or model for key in ("chosen", "rejected")]
        responses = [
            NewResponse(answer.text, name, answer.extra, metadata)
            for answer, name, metadata in zip(
                answers, names, (self.metadata.chosen, self.metadata.rejected), strict=True
            )
        ]
        return self._row(messages, responses, self._opinion(), tags)

    def _answer(self, key: str) -> tuple[Messages, NewResponse]:
        """The messages before the last, if there are any, and what the last one says."""
        value = self.data[key]
        if isinstance(value, str):
            text = text_in(value, key)
            turns = None if "prompt" in self.data else _whole_dialogue(key, text)
            head = turns[:-1] if turns else []
            return head, NewResponse(turns[-1]["content"] if turns else text)
        *head, last = messages_in(value, key, self.tell)
        answer = answer_fields.answer_of(last, key)
        if head and (head[0]["role"] in ("assistant", "tool") or self._goes_on(head)):
            raise answer_fields.several_messages(key)
        return head, answer

    def _goes_on(self, head: Messages) -> bool:
        """Whether the answer repeats the prompt and has further messages between it and its last
        one."""
        if "prompt" not in self.data:
            return False
        prompt = self._prompt()
        return len(head) > len(prompt) and _same(head[: len(prompt)], prompt)

    def _prompt_of_triple(self, head: Messages, other: Messages) -> Messages:
        if _same(head, other) is False:
            advice = "Both must answer the same conversation, with one message each."
            advice = f"{_difference(head, other)} {advice}"
            raise Wrong("rejected", "Does not begin with the same messages as chosen.", advice)
        if "prompt" not in self.data:
            if not head:
                advice = "Give a prompt, or whole conversations as chosen and rejected."
                raise Wrong("prompt", "Is missing.", advice)
            return head
        if not head:
            return self._prompt()
        return self._head_with_prompt(head)

    def _head_with_prompt(self, head: Messages) -> Messages:
        """The messages before both answers, where they repeat the prompt. Raises Wrong where they
        are others."""
        value = self.data["prompt"]
        prompt = self._prompt()
        same = _same(head, prompt)
        if isinstance(value, str):  # often only the user's last turn, without a system message
            same = same or normalise(head[-1]["content"]) == normalise(value)
        if not same:
            advice = "Leave out the prompt, or give chosen and rejected as one message each."
            raise Wrong("chosen", "Begins with other messages than the prompt.", advice)
        return head

    def _opinion(self) -> Opinion:
        return opinions.opinion_in(self.data, self.tell)

    # small fields

    def _name(self, key: str) -> str:
        return name_in(self.data.get(key), key)

    def _tags(self) -> list[str]:
        value = self.data.get("tags")
        if value is None:
            return []
        if isinstance(value, str) and opinions.is_line_of_export(self.data):
            value = self._exported_tags(text_in(value, "tags"))
        if not isinstance(value, list):
            raise Wrong("tags", f"Must be a list of texts, not {name_of_type(value)}.")
        if len(value) > MAX_TAGS:
            raise Wrong("tags", f"{len(value):,} tags; at most {MAX_TAGS} are kept.")
        tags = [tag_in(tag, f"tags[{index}]") for index, tag in enumerate(value)]
        return list(dict.fromkeys(tag for tag in tags if tag))

    def _exported_tags(self, text: str) -> list[str]:
        try:
            return words_in(text)
        except ValueError:
            problem = "Is not what an export writes: one of the tags has no end."
            raise Wrong("tags", problem, "Write a list of texts.") from None


def _without_nulls(data: dict[str, Any]) -> dict[str, Any]:
    """The object without its nulls. Programs that write tables give every row every column, and
    null says that there is no value."""
    return {key: value for key, value in data.items() if value is not None}


def _whole_dialogue(key: str, text: str) -> Messages | None:
    """The turns of a whole dialogue, where no prompt says what is asked; None for another text."""
    turns = split_dialogue(text)
    if turns is None and looks_like_dialogue(text):
        advice = "Human and Assistant take turns and say something; a whole dialogue ends with one "
        raise Wrong(key, f"Is no whole dialogue. {why_no_dialogue(text)}", f"{advice}answer.")
    return turns


def _difference(one: Messages, other: Messages) -> str:
    """Where two conversations part, in words."""
    for number, (left, right) in enumerate(zip(one, other, strict=False), 1):
        if not _same([left], [right]):
            return f"Message {number} is another one."
    return f"There are {len(one)} messages before chosen and {len(other)} before rejected."


def _same(one: Messages, other: Messages) -> bool:
    return [*_normalised(one)] == [*_normalised(other)]


def _normalised(messages: Messages) -> Iterator[tuple[str, str]]:
    for message in messages:
        yield message["role"], normalise(message["content"]) + message_suffix(message)
