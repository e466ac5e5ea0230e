"""Records of traces and logs, one list for each source, and what is read from them."""

import json
from typing import Any

from tests.labeling.importing.sources.records import Input, says, talk


def part(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "content": text}]


def otlp(**attributes: Any) -> list[dict[str, Any]]:
    return [
        {"key": name.replace("__", "."), "value": {"stringValue": value}}
        for name, value in attributes.items()
    ]


ASKED = json.dumps([{"role": "user", "parts": part("Hi")}])
SAID = json.dumps([{"role": "assistant", "parts": part("Hello"), "finish_reason": "stop"}])
AGAIN = json.dumps([{"role": "assistant", "parts": part("Yo"), "finish_reason": "stop"}])
SPAN = {
    "name": "chat m",
    "context": {"trace_id": "0x1", "span_id": "0x2"},
    "kind": "SpanKind.CLIENT",
    "start_time": "2026-01-31T12:00:00Z",
    "status": {"status_code": "UNSET"},
    "events": [],
}


def genai(output: str) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.system_instructions": json.dumps(part("Be brief.")),
        "gen_ai.input.messages": ASKED,
        "gen_ai.output.messages": output,
    }


PHOENIX_ASKED = [
    {"message.role": "system", "message.content": "Be brief."},
    {"message.role": "user", "message.content": "Hi"},
]
SAMPLE: dict[str, Any] = {
    "id": 1,
    "epoch": 1,
    "input": "Hi",
    "target": "Hello",
    "messages": [
        {"id": "a", "role": "system", "content": "attachment://0a"},
        {"id": "b", "role": "user", "content": "Hi", "source": "input"},
        {"id": "c", "role": "assistant", "content": "Hello", "source": "generate", "model": "m"},
    ],
    "output": {
        "model": "m",
        "completion": "Hello",
        "choices": [
            {"message": {"id": "c", "role": "assistant", "content": "Hello"}, "stop_reason": "stop"}
        ],
    },
    "scores": {"match": {"value": "C"}},
    "attachments": {"0a": "Be brief."},
}
SECOND = SAMPLE | {
    "epoch": 2,
    "output": {"model": "m", "choices": [{"message": {"role": "assistant", "content": "Yo"}}]},
}

TRACES = {
    "OpenTelemetry traces (OTLP)": Input(
        [
            {
                "resourceSpans": [
                    {
                        "resource": {"attributes": []},
                        "scopeSpans": [
                            {
                                "spans": [
                                    {
                                        "traceId": "1",
                                        "spanId": "2",
                                        "name": "chat m",
                                        "attributes": otlp(
                                            gen_ai__input__messages=ASKED,
                                            gen_ai__output__messages=SAID,
                                            gen_ai__response__model="m",
                                        ),
                                    },
                                    {"traceId": "1", "spanId": "3", "name": "GET /"},
                                    {
                                        "traceId": "1",
                                        "spanId": "4",
                                        "name": "chat n",
                                        "attributes": otlp(gen_ai__request__model="n"),
                                        "events": [
                                            {
                                                "name": "gen_ai.client.inference.operation.details",
                                                "attributes": otlp(
                                                    gen_ai__input__messages=ASKED,
                                                    gen_ai__output__messages=AGAIN,
                                                ),
                                            }
                                        ],
                                    },
                                ]
                            }
                        ],
                    }
                ]
            }
        ],
        ["u:Hi | Hello ? Yo (m, n)"],
    ),
    "OpenTelemetry spans": Input(
        [
            SPAN | {"attributes": genai(SAID)},
            SPAN | {"attributes": genai(AGAIN)},
            SPAN
            | {
                "attributes": {
                    "gen_ai.prompt.0.role": "user",
                    "gen_ai.prompt.0.content": "Why?",
                    "gen_ai.completion.0.role": "assistant",
                    "gen_ai.completion.0.content": "Because.",
                    "gen_ai.completion.0.finish_reason": "stop",
                }
            },
            SPAN | {"name": "GET /", "attributes": {"http.method": "GET"}},
        ],
        ["s:Be brief. / u:Hi | Hello ? Yo (m, m)", "u:Why? | Because."],
    ),
    "OpenTelemetry spans, a column for each attribute": Input(
        [{"span_id": "2", **genai(SAID)}], ["s:Be brief. / u:Hi | Hello (m)"]
    ),
    "OpenTelemetry spans, as a table of Phoenix": Input(
        [
            {
                "context.span_id": "2",
                **{f"attributes.{name}": value for name, value in genai(SAID).items()},
            }
        ],
        ["s:Be brief. / u:Hi | Hello (m)"],
    ),
    "OpenInference spans, a column for each attribute": Input(
        [
            {
                "llm.model_name": "m",
                "llm.input_messages": json.dumps([{"message": {"role": "user", "content": "Hi"}}]),
                "llm.output_messages": json.dumps(
                    [{"message": {"role": "assistant", "content": "Hello"}}]
                ),
            }
        ],
        ["u:Hi | Hello (m)"],
    ),
    "Phoenix spans": Input(
        [
            {
                "name": "ChatCompletion",
                "span_kind": "LLM",
                "context.span_id": "2",
                "attributes.llm.model_name": "m",
                "attributes.llm.input_messages": PHOENIX_ASKED,
                "attributes.llm.output_messages": [
                    {"message.role": "assistant", "message.content": answer}
                ],
                "attributes.input.value": "{}",
                "attributes.output.value": answer,
            }
            for answer in ("Hello", "Yo")
        ],
        ["s:Be brief. / u:Hi | Hello ? Yo (m, m)"],
    ),
    "Phoenix spans of retrievers, tools and chains": Input(
        [
            {
                "name": "search",
                "span_kind": "RETRIEVER",
                "context.span_id": "3",
                "attributes.input.value": "Hi",
                "attributes.retrieval.documents": [{"document.content": "A greeting."}],
            },
        ],
        [],
    ),
    "Langfuse observations and traces": Input(
        [
            {
                "id": "o1",
                "traceId": "t1",
                "type": "GENERATION",
                "name": "answer",
                "model": "m",
                "input": {"messages": talk("Hi")},
                "output": says("Hello")[0],
                "latency": 1.5,
            },
            {
                "id": "o2",
                "traceId": "t2",
                "type": "GENERATION",
                "model": "n",
                "input": json.dumps({"messages": talk("Hi")}),
                "output": json.dumps({"role": "assistant", "content": "Yo"}),
            },
            {"id": "o3", "traceId": "t2", "type": "SPAN", "input": "Hi", "output": "Hm"},
            {
                "id": "t3",
                "sessionId": "s",
                "input": "Why?",
                "output": "Because.",
                "observations": ["o9"],
            },
        ],
        ["u:Hi | Hello ? Yo (m, n)", "u:Why? | Because."],
    ),
    "Inspect samples": Input([SAMPLE, SECOND], ["s:Be brief. / u:Hi | Hello ? Yo (m, m)"]),
    "Inspect log": Input(
        [
            {
                "version": 2,
                "status": "success",
                "eval": {"model": "m", "task": "t"},
                "samples": [SAMPLE, SECOND],
            }
        ],
        ["s:Be brief. / u:Hi | Hello ? Yo (m, m)"],
    ),
    "Inspect, about a log": Input(
        [{"version": 2, "eval": {"model": "m"}, "status": "success"}], []
    ),
    "Inspect, summaries of samples": Input(
        [{"id": 1, "epoch": 1, "input": "Hi", "target": "Hello", "scores": {}}], []
    ),
    "Inspect, scores over epochs": Input([{"scorer": "match", "samples": []}], []),
    "Potato items and annotations": Input(
        [
            {"id": "i1", "prompt": "Hi", "text": ["Hello", "Yo"]},
            {
                "instance_id": "i1",
                "user_id": "ann",
                "labels": {"preference": {"selection": "B", "justification": "Short."}},
                "spans": {},
                "links": {},
            },
            {"instance_id": "i1", "user_id": "bo", "better.scale_value": "-2"},
            {"instance_id": "i1", "user_id": "cy", "labels": {"preference": {"selection": "tie"}}},
            {"id": "i2", "question": "Why?", "text": ["Because.", "No."]},
        ],
        [
            "u:Hi | Yo > Hello",
            "u:Hi | Hello > Yo x2",
            "u:Hi | Hello = Yo",
            "u:Why? | Because. ? No.",
        ],
    ),
}
