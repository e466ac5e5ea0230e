"""Samples of Inspect's logs: what an evaluation asked a model, and what it answered.

A `.eval` log is an archive with a file for each sample; a `.json` log holds them in one document.
Texts that occur often are written once, and named where they belong.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labeling.importing.lines.message_fields import Tell
from labeling.importing.reports import Wrong
from labeling.importing.sources.parts import key_of, objects_in, user
from labeling.importing.sources.source import Data, Row, Source, columns
from labeling.importing.sources.traces.calls import Call, messages_of, rows_of_calls

ATTACHMENT = "attachment://"
MAX_DEPTH = 40
UNANSWERED = "samples that ended before the model answered, whose prompt alone is read"


def _samples(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    yield from rows_of_calls([_call(data, None, tell) for data in records])


def _log(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    samples = objects_in(data["samples"], "samples")
    about = data["eval"]
    model = about.get("model") if isinstance(about, Mapping) else None
    yield from rows_of_calls([_call(sample, model, tell) for sample in samples])


def _call(sample: Mapping[str, Any], model: Any, tell: Tell) -> Call:
    """The messages before the last answer, and that answer with the other choices."""
    output = sample.get("output")
    output = output if isinstance(output, Mapping) else {}
    choices = [
        messages_of([_whole(one.get("message"), sample)], "output.choices")[0]
        for one in objects_in(output.get("choices") or [], "output.choices")
    ]
    messages = messages_of(_whole(sample.get("messages") or [], sample), "messages")
    if not choices:
        tell(UNANSWERED)
    while messages and messages[-1]["role"] == "assistant":
        messages.pop()  # the choice that was taken
    if not messages:
        messages = _input(_whole(sample.get("input"), sample))
    return Call(messages, choices, output.get("model") or model)


def _input(given: Any) -> list[Data]:
    if isinstance(given, str):
        return [user(given)]
    messages = messages_of(given, "input")
    if not messages:
        raise Wrong("input", "Holds no messages.")
    return messages


def _whole(value: Any, sample: Mapping[str, Any], depth: int = 0) -> Any:
    """The value with the texts that the sample keeps apart."""
    if depth > MAX_DEPTH:
        return value
    if isinstance(value, str) and value.startswith(ATTACHMENT):
        attachments = sample.get("attachments")
        name = value.removeprefix(ATTACHMENT)
        text = attachments.get(name) if isinstance(attachments, Mapping) else None
        if not isinstance(text, str):
            raise Wrong("attachments", f"{value:.60} is not in the sample.")
        return text
    if isinstance(value, list):
        return [_whole(one, sample, depth + 1) for one in value]
    if isinstance(value, Mapping):
        return {name: _whole(one, sample, depth + 1) for name, one in value.items()}
    return value


def _nothing(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    return iter(())


SOURCES = (
    Source(
        name="Inspect samples",
        meaning="what the model was sent is a prompt, every choice a response; epochs of one "
        "sample are there to be compared",
        needs=columns("id epoch input target messages output"),
        uses=columns("choices scores metadata store events attachments sandbox model_usage"),
        rows=_samples,
        group=lambda data: key_of([data["id"], data["input"]]),
    ),
    Source(
        name="Inspect log",
        meaning="every sample is a prompt with its responses; epochs of one sample are there to "
        "be compared",
        needs=columns("version eval samples"),
        uses=columns("status plan results stats reductions error location etag invalidated"),
        rows=_log,
    ),
    Source(
        name="Inspect, about a log",
        meaning="says nothing of prompts and responses",
        needs=columns("version eval"),
        fits=lambda data: isinstance(data["eval"], Mapping) and "samples" not in data,
        rows=_nothing,
    ),
    Source(
        name="Inspect, summaries of samples",
        meaning="the samples themselves are read",
        needs=columns("id epoch input target"),
        fits=lambda data: "messages" not in data and "output" not in data,
        rows=_nothing,
    ),
    Source(
        name="Inspect, scores over epochs",
        meaning="says nothing of prompts and responses",
        needs=columns("scorer samples"),
        fits=lambda data: "prompt" not in data,
        rows=_nothing,
    ),
)
