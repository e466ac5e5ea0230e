"""A small OpenAI-compatible server that answers as a test wishes, and remembers what it was asked.

It stands in for real servers where they misbehave; that a real one is understood is tested with
`transformers serve` (test_sample_serve.py).
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]


@dataclass
class Reply:
    status: int = 200
    body: Any = None  # JSON, or bytes as they are
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0  # until it comes


@dataclass
class Asked:
    body: Body
    key: str
    at: float


def completion(body: Body, count: int | None = None, **choice: Any) -> Reply:
    """What a good server says; the text tells the seed and the prompt."""
    text = f"seed {body['seed']}: {body['messages'][-1]['content']}"
    choices = [
        {"index": k, "message": {"role": "assistant", "content": f"{text} {k}"}}
        | {"finish_reason": "stop"}
        | choice
        for k in range(body.get("n", 1) if count is None else count)
    ]
    return Reply(body={"choices": choices, "usage": {"completion_tokens": 7}})


@dataclass
class ChatServerDouble:
    """`answer(body, number)` says what the request with that number, from 0, gets."""

    answer: Callable[[Body, int], Reply]
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    most_at_once: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, body: Body, key: str) -> Reply:
        with self._lock:
            number = len(self.asked)
            self.asked.append(Asked(body, key, time.monotonic()))
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        reply = self.answer(body, number)
        time.sleep(reply.seconds)
        with self._lock:
            self._now -= 1
        return reply


@contextmanager
def serve(answer: Callable[[Body, int], Reply]) -> Iterator[ChatServerDouble]:
    double = ChatServerDouble(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send(double.take(body, self.headers.get("Authorization", "")))

        def do_GET(self) -> None:
            self.send(Reply(body={"data": [{"id": "small"}, {"id": "large"}]}))

        def send(self, reply: Reply) -> None:
            content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body)
            content = content.encode() if isinstance(content, str) else content
            try:
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the client has not waited

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    double.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
