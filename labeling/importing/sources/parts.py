"""What readers of sources share: numbers, verdicts, rankings, and two conversations as a pair."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from itertools import combinations, pairwise
from typing import Any

from labeling.importing.lines.message_fields import Tell
from labeling.importing.lines.named_votes import MOST_SECONDS, moment_of
from labeling.importing.lines.reading import name_of_type
from labeling.importing.reports import Wrong
from labeling.importing.sources.source import Data, Row, side_of
from labeling.texts.limits import MAX_COMPARED

ROLES = {
    "human": "user", "user": "user", "prompter": "user", "gpt": "assistant", "model": "assistant",
    "assistant": "assistant", "bot": "assistant", "chatgpt": "assistant", "system": "system",
    "developer": "developer", "tool": "tool", "function": "tool", "observation": "tool",
}  # fmt: skip
# Of a message, what was said; all else of a log is about it.
SAID = ("reasoning_content", "tool_calls", "tool_call_id", "function_call", "refusal", "name")


class Verdict(Enum):
    FIRST = "first"
    SECOND = "second"
    TIE = "tie"
    BOTH_BAD = "both_bad"


@dataclass(frozen=True)
class Answer:
    """A response with the model that wrote it; a lower `rank` is better, None is not known."""

    content: Any  # a text, or an assistant's message
    model: Any = None
    rank: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def as_response(self) -> Any:
        beside = {"metadata": self.metadata} if self.metadata else {}
        if isinstance(self.content, dict):
            return {**self.content, "model": self.model, **beside}
        return {"text": self.content, "model": self.model, **beside}


def triple(
    prompt: Any,
    first: Answer,
    second: Answer,
    verdict: Verdict,
    *,
    strength: float | None = None,
    is_first_left: bool = False,
    **more: Any,
) -> Row:
    """A preference between two answers. `is_first_left`: whoever is named saw the first on the left
    side."""
    if is_first_left and more.get("annotator"):
        more["shown_first"] = "rejected" if verdict == Verdict.SECOND else "chosen"
    if verdict == Verdict.SECOND:
        first, second = second, first
    row = {
        "prompt": prompt,
        "chosen": first.content,
        "rejected": second.content,
        "chosen_model": first.model,
        "rejected_model": second.model,
        "chosen_metadata": first.metadata or None,
        "rejected_metadata": second.metadata or None,
        **more,
    }
    if verdict in (Verdict.TIE, Verdict.BOTH_BAD):
        row["kind"] = verdict.value
    elif strength:
        row["strength"] = strength
    return _given(row)


def to_compare(prompt: Any, answers: Sequence[Answer], **more: Any) -> Row:
    """Answers of which nobody said which is better."""
    return _given({"prompt": prompt, "responses": [one.as_response for one in answers], **more})


def _given(row: Row) -> Row:
    return {name: value for name, value in row.items() if value not in (None, "") or name in KEPT}


KEPT = frozenset({"prompt", "chosen", "rejected"})


def ranked(prompt: Any, answers: Sequence[Answer], tell: Tell, **more: Any) -> Iterator[Row]:
    """Every two of the answers as a preference by their ranks, equal ranks as a tie. Of many, only
    neighbours: the others follow from them. Answers without a rank are there to be compared."""
    known = sorted(
        (one for one in answers if one.rank is not None), key=lambda one: one.rank or 0.0
    )
    if len(known) < 2:
        yield to_compare(prompt, answers, **more)
        return
    if rest := [one for one in answers if one.rank is None]:
        yield to_compare(prompt, rest, **more)
    pairs: Iterable[tuple[Answer, Answer]] = combinations(known, 2)
    if len(known) > MAX_COMPARED:
        tell(f"more than {MAX_COMPARED} ranked answers, of which neighbours are compared")
        pairs = pairwise(known)
    for better, worse in pairs:
        verdict = Verdict.TIE if better.rank == worse.rank else Verdict.FIRST
        yield triple(prompt, better, worse, verdict, **more)


def votes(
    prompt: Any,
    first: Answer,
    second: Answer,
    scores: Sequence[float],
    settled: tuple[Verdict, float] | None,
    tell: Tell,
    by: Sequence[Row] = (),
) -> Iterator[Row]:
    """One preference for each score, or the settled one alone where the scores do not add up to
    it. A negative score says that the first is better. `by` says who gave each, where it is
    known."""
    opinions = [signed(score) for score in scores]
    if settled is not None and _majority(opinions) != settled[0]:
        if scores:
            tell("single votes that do not come to the overall one, which is taken")
        opinions, by = [settled], ()
    people = by or [Row()] * len(opinions)
    for (verdict, strength), person in zip(opinions, people, strict=True):
        yield triple(prompt, first, second, verdict, strength=strength, **person)


def _majority(opinions: Sequence[tuple[Verdict, float]]) -> Verdict | None:
    verdicts = [verdict for verdict, _ in opinions]
    if not verdicts:
        return None
    if verdicts.count(Verdict.BOTH_BAD) * 2 > len(verdicts):
        return Verdict.BOTH_BAD
    lead = verdicts.count(Verdict.FIRST) - verdicts.count(Verdict.SECOND)
    return Verdict.TIE if not lead else Verdict.FIRST if lead > 0 else Verdict.SECOND


NEITHER = -100  # what HelpSteer's raw votes write where both answers are bad


def signed(score: float) -> tuple[Verdict, float]:
    """A score from −3, the first is much better, to 3, the second is."""
    if score == NEITHER:
        return Verdict.BOTH_BAD, 0
    if not -3 <= score <= 3:
        raise Wrong("preference", f"{score:g} is not between -3 and 3.")
    verdict = Verdict.FIRST if score < 0 else Verdict.SECOND if score > 0 else Verdict.TIE
    return verdict, abs(score)


def said_by(labeler: Any, *, judged_at: Any = None, seconds: Any = None) -> Row:
    """The fields of a row that say who thought so, when, and how long it took. What a data set has
    there in no form of ours is left out: it is no part of the opinion."""
    if isinstance(labeler, Mapping):
        labeler = labeler.get("email") or labeler.get("username") or labeler.get("id")
    if isinstance(labeler, bool) or not isinstance(labeler, str | int | float) or labeler == "":
        return {}
    fields: Row = {"annotator": labeler}
    if moment := moment_of(judged_at):
        fields["judged_at"] = moment.isoformat()
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if is_number and 0 < seconds < MOST_SECONDS:
        fields["seconds"] = seconds
    return fields


def number(value: Any, field: str) -> float:
    """A number, or one written as a text, as CSV has it."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise Wrong(field, f"{value!r:.60} is no number.") from None
    if not isinstance(value, int | float) or value != value:
        raise Wrong(field, f"Must be a number, not {name_of_type(value)}.")
    return float(value)


def flag(value: Any, field: str) -> bool:
    """True or false, as booleans, numbers or texts."""
    if isinstance(value, bool):
        return value
    known = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
    answer = known.get(f"{value}".strip().lower())
    if answer is None:
        raise Wrong(field, f"Must be true or false, not {value!r:.60}.")
    return answer


def list_in(value: Any, field: str) -> list[Any]:
    if not isinstance(value, list):
        raise Wrong(field, f"Must be a list, not {name_of_type(value)}.")
    return value


def objects_in(value: Any, field: str) -> list[dict[str, Any]]:
    """A list of objects, or one written as a text of JSON, as some tables hold it."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        with suppress(ValueError, RecursionError):
            value = json.loads(value)
    for index, entry in enumerate(list_in(value, field)):
        if not isinstance(entry, dict):
            problem = f"Must be an object, not {name_of_type(entry)}."
            raise Wrong(f"{field}[{index}]", problem)
    entries: list[dict[str, Any]] = value
    return entries


def required(data: Mapping[str, Any], name: str, field: str) -> Any:
    value = data.get(name)
    if value is None:
        raise Wrong(f"{field}.{name}" if field else name, "Is missing.")
    return value


def key_of(value: Any) -> str:
    """A short name for a value, equal for equal ones."""
    written = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(written.encode()).hexdigest()[:32]


def without(data: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """What else a record or an object says."""
    return {name: value for name, value in data.items() if name not in names}


def about_side(
    data: Mapping[str, Any], side: str, sides: tuple[str, str], read: Collection[str]
) -> dict[str, Any]:
    """The columns about one of two responses, `score_a`, under the rest of their names."""
    return {
        "_".join(part for part in name.replace("-", "_").split("_") if part != side): value
        for name, value in data.items()
        if name not in read and side_of(name, sides) == side
    }


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def messages_in(value: Any, field: str) -> list[dict[str, Any]]:
    """Messages under whatever names a log gives to roles and contents, with what was said alone."""
    messages = []
    for index, entry in enumerate(objects_in(value, field)):
        where = f"{field}[{index}]"
        speaker = entry.get("role", entry.get("from"))
        role = ROLES.get(speaker.lower()) if isinstance(speaker, str) else None
        if role is None:
            raise Wrong(f"{where}.role", f"{speaker!r:.60} is no known role.")
        content = entry.get("content", entry.get("value", entry.get("text")))
        said = {name: entry[name] for name in SAID if entry.get(name) not in (None, "", [])}
        messages.append({"role": role, "content": content, **said})
    if not messages:
        raise Wrong(field, "Holds no messages.")
    return messages


def pair_of_conversations(
    first: Sequence[Data], second: Sequence[Data], fields: tuple[str, str], tell: Tell
) -> tuple[list[Data], Any, Any]:
    """What both begin with, and how each goes on: with one message, or with several as one text."""
    shared = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        shared += 1
    shared = min(shared, len(first) - 1, len(second) - 1)
    while shared and first[shared]["role"] != "assistant":
        shared -= 1
    while shared and second[shared]["role"] != "assistant":
        shared -= 1
    if not shared or first[shared]["role"] != "assistant":
        problem = f"Does not begin with the same question as {fields[0]}."
        raise Wrong(fields[1], problem, "Both must answer the same messages.")
    rests = first[shared:], second[shared:]
    for rest, name in zip(rests, fields, strict=True):
        if rest[-1]["role"] != "assistant":
            raise Wrong(name, f"The last message is the {rest[-1]['role']}'s.")
    if len(rests[0]) == len(rests[1]) == 1:
        return list(first[:shared]), rests[0][0], rests[1][0]
    tell("conversations that part at an earlier turn, compared from there on as one text each")
    texts = [_as_text(rest, field) for rest, field in zip(rests, fields, strict=True)]
    return list(first[:shared]), texts[0], texts[1]


def _as_text(messages: Sequence[Data], field: str) -> str:
    """An answer and the turns after it, in the way of a written dialogue."""
    names = {"user": "Human", "assistant": "Assistant"}
    parts = []
    for index, message in enumerate(messages):
        text = plain_text(message["content"], f"{field}.content")
        if message["role"] not in names or len(message) > 2:
            problem = f"The {message['role']}'s message holds more than a text."
            raise Wrong(field, problem, "Leave the row out: it cannot be shown as one answer.")
        parts.append(f"{names[message['role']]}: {text}" if index else text)
    return "\n\n".join(parts)


def plain_text(content: Any, field: str) -> str:
    """The text of a message, also where it is a list of parts."""
    if isinstance(content, list):
        texts = []
        for part in content:
            if isinstance(part, dict) and part.get("type", "text") != "text":
                problem = f"Holds “{part['type']:.40}”: only text can be shown and learned from."
                raise Wrong(field, problem, "Leave the row out.")
            texts.append(part.get("text") if isinstance(part, dict) else part)
        content = "\n".join(text for text in texts if isinstance(text, str))
    if not isinstance(content, str):
        raise Wrong(field, f"Must be a text, not {name_of_type(content)}.")
    return content
