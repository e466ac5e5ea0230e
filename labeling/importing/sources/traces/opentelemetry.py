"""Spans of OpenTelemetry that tell of a model's call: OTLP documents, single spans, tables."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labeling.importing.lines.message_fields import Tell
from labeling.importing.sources.parts import key_of, objects_in
from labeling.importing.sources.source import Data, Row, Source, columns
from labeling.importing.sources.traces.attributes import SUBJECTS, Tree, read_json, tree_of
from labeling.importing.sources.traces.calls import Call, call_of, rows_of_calls

NOT_CALLS = "spans that tell of no model's call, left out"
PREFIX = "attributes."


def _documents(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    """An OTLP document: spans below scopes below resources."""
    (data,) = records
    calls: list[Call] = []
    for resource in objects_in(data["resourceSpans"], "resourceSpans"):
        scopes = resource.get("scopeSpans", resource.get("instrumentationLibrarySpans", []))
        for scope in objects_in(scopes, "scopeSpans"):
            for span in objects_in(scope.get("spans", []), "spans"):
                call = _call_of_span(span)
                if call is None:
                    tell(NOT_CALLS)
                else:
                    calls.append(call)
    yield from rows_of_calls(calls)


def _call_of_span(span: Mapping[str, Any]) -> Call | None:
    """Attributes of the span, and of the event that some exporters write the texts to."""
    tree = tree_of(span.get("attributes") or {}, "attributes")
    call = call_of(tree)
    if call is not None:
        return call
    for event in objects_in(read_json(span.get("events")) or [], "events"):
        about = tree_of(event.get("attributes") or {}, "events.attributes")
        call = call_of({**tree, **_merged(tree, about)})
        if call is not None:
            return call
    return None


def _merged(tree: Tree, more: Tree) -> Tree:
    """The subjects of `more`, each with what the span says of it."""
    return {
        name: {**tree[name], **inner}
        if isinstance(inner, dict) and isinstance(tree.get(name), dict)
        else inner
        for name, inner in more.items()
    }


def _spans(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    calls = []
    for data in records:
        call = _call_of_span(data)
        if call is None:
            tell(NOT_CALLS)
        else:
            calls.append(call)
    yield from rows_of_calls(calls)


def _columns(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    """Spans of a table, with a column for each attribute."""
    yield from _spans([{"attributes": _attributes(data)} for data in records], tell)


def _attributes(data: Data) -> dict[str, Any]:
    return {name.removeprefix(PREFIX): read_json(value) for name, value in data.items()}


def _nothing(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    return iter(())


def _is_span(data: Data) -> bool:
    attributes = read_json(data["attributes"])
    if isinstance(attributes, list):
        names = [one.get("key") for one in attributes if isinstance(one, Mapping)]
    else:
        names = list(attributes) if isinstance(attributes, Mapping) else []
    if any(isinstance(name, str) and name.partition(".")[0] in SUBJECTS for name in names):
        return True
    return "name" in data and not data.keys().isdisjoint(SPAN_IDS)


def _key_of_span(data: Data) -> str:
    """What calls of one prompt have in common; what is wrong is said when the row is read."""
    try:
        call = _call_of_span(data)
    except Exception:  # whatever is wrong with it
        return key_of(data)
    return call.key if call else key_of(None)


def _key_of_columns(data: Data) -> str:
    return _key_of_span({"attributes": _attributes(data)})


SPAN_IDS = frozenset({"spanId", "span_id", "traceId", "trace_id", "context"})
MEANING = "what a model was sent is a prompt, what it answered a response; answers to the same are "
MEANING += "there to be compared"
ABOUT = columns(
    "name context kind parent_id start_time end_time status events links resource traceId spanId "
    "trace_id span_id parentSpanId startTimeUnixNano endTimeUnixNano flags scope"
)
COLUMNS = (
    ("OpenTelemetry spans, a column for each attribute", "gen_ai.input.messages"),
    ("OpenTelemetry spans, as a table of Phoenix", "attributes.gen_ai.input.messages"),
    ("OpenInference spans, a column for each attribute", "llm.input_messages"),
    ("Phoenix spans", "attributes.llm.input_messages"),
)
MESSAGES = frozenset(column for _, column in COLUMNS)

SOURCES = (
    Source(
        name="OpenTelemetry traces (OTLP)",
        meaning=MEANING,
        needs=columns("resourceSpans"),
        rows=_documents,
    ),
    Source(
        name="OpenTelemetry spans",
        meaning=MEANING,
        needs=columns("attributes"),
        uses=ABOUT,
        fits=_is_span,
        rows=_spans,
        group=_key_of_span,
    ),
    *(
        Source(
            name=name,
            meaning=MEANING,
            needs=columns(column),
            rows=_columns,
            group=_key_of_columns,
        )
        for name, column in COLUMNS
    ),
    # A table of a whole trace holds retrievers, tools and chains beside the calls.
    Source(
        name="Phoenix spans of retrievers, tools and chains",
        meaning="says nothing of prompts and responses",
        needs=columns("context.span_id span_kind"),
        fits=MESSAGES.isdisjoint,
        rows=_nothing,
    ),
)
