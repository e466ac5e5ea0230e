"""A program that receives webhooks, on this machine: it writes down what came, and answers as it is
told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """What came so far. `answers` are given one after the other; the last one stays."""

    url: str = ""
    answers: list[tuple[int, dict[str, str], bytes]] = field(
        default_factory=lambda: [(200, {}, b"ok")]
    )
    requests: list[Received] = field(default_factory=list)


@contextmanager
def receiving(*answers: tuple[int, dict[str, str], bytes]) -> Iterator[Receiver]:
    """Listens as long as the block lasts."""
    receiver = Receiver()
    if answers:
        receiver.answers = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.requests.append(Received(self.path, headers, body))
            more = len(receiver.answers) > 1
            status, extra, text = receiver.answers.pop(0) if more else receiver.answers[0]
            self.send_response(status)
            for name, value in {"content-length": str(len(text)), **extra}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
