"""Langfuse's observations and traces, as its tables, its API and its storage export write them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labeling.importing.lines.message_fields import Tell
from labeling.importing.sources.parts import assistant, key_of, user
from labeling.importing.sources.source import Data, Row, Source, columns
from labeling.importing.sources.traces.attributes import read_json
from labeling.importing.sources.traces.calls import Call, messages_of, rows_of_calls

# What an observation is known by, in the two ways that names are written.
KNOWN = frozenset(
    {"traceId", "trace_id", "traceName", "trace_name", "observations", "sessionId", "session_id"}
)
GENERATIONS = frozenset({"GENERATION", "generation", ""})
TEXTS = ("content", "text", "output", "completion", "response", "answer", "result", "message")
QUESTIONS = ("messages", "prompt", "input", "question", "query", "text", "content", "message")
NOT_CALLS = "observations that are no generation or hold no texts, left out"


def _rows(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    calls = []
    for data in records:
        nested = data.get("observations")
        given = nested if isinstance(nested, list) else []  # objects, or their ids alone
        generations = [one for one in given if isinstance(one, Mapping) and "input" in one]
        for observation in generations or [data]:
            call = _call(observation)
            if call is None:
                tell(NOT_CALLS)
            else:
                calls.append(call)
    yield from rows_of_calls(calls)


def _is_generation(observation: Mapping[str, Any]) -> bool:
    return str(observation.get("type") or "") in GENERATIONS


def _call(observation: Mapping[str, Any]) -> Call | None:
    if not _is_generation(observation):
        return None
    more: Row = {}
    given = read_json(observation.get("input"))
    if isinstance(given, Mapping) and isinstance(given.get("tools"), list):
        more = {"tools": given["tools"]}
    messages = _messages(given)
    answers = _answers(read_json(observation.get("output")))
    model = observation.get("model", observation.get("providedModelName"))
    if not messages:
        return None
    return Call(messages, answers, model or None, more)


def _messages(given: Any) -> list[Data]:
    """A text, messages, or an object that holds one of these; none where it is something else."""
    if isinstance(given, str):
        return [user(given)] if given.strip() else []
    if isinstance(given, list):
        is_chat = bool(given) and all(isinstance(one, Mapping) and "role" in one for one in given)
        return messages_of(given, "input") if is_chat else []
    if isinstance(given, Mapping):
        if "role" in given:
            return messages_of([given], "input")
        named = next((name for name in QUESTIONS if given.get(name)), None)
        return _messages(read_json(given[named])) if named else []
    return []


def _answers(given: Any) -> list[Data]:
    if isinstance(given, str):
        return [assistant(given)] if given.strip() else []
    if isinstance(given, list):
        return [answer for one in given for answer in _answers(one)]
    if not isinstance(given, Mapping):
        return []
    if isinstance(given.get("choices"), list):
        return [answer for one in given["choices"] for answer in _answers(one)]
    if isinstance(given.get("message"), Mapping):
        return _answers(given["message"])
    if "role" in given or given.get("tool_calls"):
        messages = messages_of([{"role": "assistant", **given}], "output")
        return [one for one in messages if one["role"] == "assistant"]
    named = next((name for name in TEXTS if given.get(name)), None)
    return _answers(read_json(given[named])) if named else []


def _key(data: Data) -> str:
    """What observations of one prompt have in common."""
    nested = data.get("observations")
    holds_calls = isinstance(nested, list) and any(isinstance(one, Mapping) for one in nested)
    return key_of(nested if holds_calls else read_json(data.get("input")))


SOURCES = (
    Source(
        name="Langfuse observations and traces",
        meaning="the input of a generation is a prompt, its output a response; answers to the "
        "same are there to be compared",
        needs=columns("input output"),
        uses=columns("id type name model providedModelName observations metadata"),
        fits=lambda data: not data.keys().isdisjoint(KNOWN),
        rows=_rows,
        group=_key,
    ),
)
