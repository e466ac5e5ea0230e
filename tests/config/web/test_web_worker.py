"""Connections that are slow, half-sent or many keep no thread from anybody."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from waitress.task import ThreadedTaskDispatcher
from waitress.wasyncore import close_all, loop

from config.web import worker
from tests.config.up_helpers import ROOT, environment, free_port, wait_until

HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n"
HALVES = {
    "nothing": b"",
    "half a line": b"GET / HT",
    "half the headers": HEAD + b"X-A: ",
    "half the body": HEAD + b"\r\n12345",
    "half a chunk": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nab",
    "a body that is waited for": HEAD + b"Expect: 100-continue\r\n\r\n",
}


class Running:
    """Waitress's loop as the worker runs it, with one thread for requests."""

    def __init__(self, application: Callable[..., Any]) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.threads = ThreadedTaskDispatcher()
        self.threads.set_thread_count(1)
        self.server = worker.make_server(application, self.listener, self.threads)
        self.ended = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        while not self.ended:
            self.server.sweep(keepalive=30.0)
            loop(timeout=0.01, use_poll=True, map=self.server._map, count=1)

    def stop(self) -> None:
        self.ended = True
        self.thread.join()
        self.threads.shutdown()
        for channel in list(self.server.active_channels.values()):
            channel.handle_close()  # with the files of answers that nobody took
        close_all(self.server._map)
        self.listener.close()

    def connect(self, data: bytes = b"") -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        connection.sendall(data)
        return connection


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body) or 2))])
    return [body or b"ok"]


@pytest.fixture
def running() -> Iterator[Callable[..., Running]]:
    with ExitStack() as stack:

        def start(application: Callable[..., Any] = echo) -> Running:
            server = Running(application)
            stack.callback(server.stop)
            return server

        yield start


def ask(port: int, path: str = "/") -> bytes:
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request)
        return connection.makefile("rb").read()


def answer_on(connection: socket.socket, end: bytes = b"ok") -> bytes:
    """One answer on a connection that stays open."""
    received = b""
    while not received.endswith(end):
        piece = connection.recv(2**16)
        assert piece, received
        received += piece
    return received


def rest_of(connection: socket.socket) -> bytes:
    """What still comes until the server ends it; one that had not read all resets it."""
    received = b""
    try:
        while piece := connection.recv(2**16):
            received += piece
    except ConnectionResetError:
        pass
    connection.close()
    return received


def test_the_real_server_answers_beside_sixty_four_half_sent_requests(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-c", "config/web/gunicorn_conf.py", "config.wsgi"]
    with (tmp_path / "web.log").open("wb") as log, ExitStack() as stack:
        web = subprocess.Popen(
            command, cwd=ROOT, env=environment(tmp_path, port), stdout=log, stderr=log
        )
        stack.callback(web.wait)
        stack.callback(web.terminate)
        wait_until(lambda: "Booting worker" in (tmp_path / "web.log").read_text(), "it listens")
        halves = [data for data in HALVES.values() for _ in range(11)]
        for data in halves:
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            connection.sendall(data)
        assert ask(port, "/sign-in/").startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize("what", HALVES)
def test_half_a_request_keeps_no_thread_and_is_ended(
    running: Callable[..., Running], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    server = running()
    connection = server.connect(HALVES[what])
    assert ask(server.port).endswith(b"ok")  # by the only thread there is
    monkeypatch.setattr(worker, "REQUEST_SECONDS", 0.0)
    monkeypatch.setattr(worker.Channel, "patience", lambda *_: 0.0)
    end = rest_of(connection)
    assert end == b"" or end.endswith(worker.TIMED_OUT)


def test_a_byte_now_and_then_does_not_prolong_a_request(
    running: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "REQUEST_SECONDS", 0.3)
    connection = running().connect(HEAD)
    began = time.monotonic()
    with suppress(BrokenPipeError, ConnectionResetError):
        while time.monotonic() - began < 20:
            connection.sendall(b"X")
            time.sleep(0.01)
    assert rest_of(connection) in (b"", worker.TIMED_OUT)


def test_a_large_request_may_take_as_long_as_its_bytes_need() -> None:
    class Half(worker.Channel):
        def __init__(self, received: int) -> None:
            self.requests: list[Any] = []
            self.request = worker.Parser(None)
            self.request.body_bytes_received = received

    minute = 60 * worker.REQUEST_BYTES_PER_SECOND
    assert Half(minute).patience(30) == worker.REQUEST_SECONDS + 60


def test_who_takes_an_answer_byte_by_byte_keeps_no_thread(
    running: Callable[..., Running],
) -> None:
    large = b"x" * (8 * 2**20)

    def pages(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [large if environ["PATH_INFO"] == "/large" else b"ok"]

    server = running(pages)
    slow = server.connect(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert slow.recv(1) == b"H"
    assert ask(server.port).endswith(b"ok")
    slow.close()


def test_a_stream_that_nobody_takes_is_ended(
    running: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        while environ["PATH_INFO"] == "/endless":
            yield b"x" * 2**20
        yield b"ok"  # chunked

    server = running(endless)
    monkeypatch.setattr(worker, "STALLED_SECONDS", 0.3)
    deaf = server.connect(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b"ok" in ask(server.port)
    deaf.close()


def test_where_there_are_too_many_the_idle_ones_make_room(
    running: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "MOST_CONNECTIONS", 3)
    server = running()
    served = server.connect(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer_on(served)
    idle = [server.connect(b"GET / HT") for _ in range(6)]
    assert ask(server.port).endswith(b"ok")
    served.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer_on(served)  # who has a page open keeps the connection
    assert rest_of(idle[0]) == worker.TIMED_OUT
    for connection in [served, *idle]:
        connection.close()


def test_half_sent_files_cannot_fill_the_disk(
    running: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "MOST_UNFINISHED_BYTES", 300_000)
    server = running()
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 400000\r\n\r\n"
    small = server.connect(HALVES["half the body"])
    large = server.connect(head + b"x" * 350_000)
    rest_of(large)
    small.sendall(b"67890")
    answer_on(small, b"1234567890")
    small.close()


@pytest.mark.parametrize(
    ("path", "status"),
    [("/projects/x/import/", b"200"), ("/api/v1/projects/x/imports/", b"200"), ("/", b"413")],
)
def test_only_imports_take_files(
    running: Callable[..., Running], monkeypatch: pytest.MonkeyPatch, path: str, status: bytes
) -> None:
    monkeypatch.setattr(worker, "MOST_BODY_BYTES", 1000)
    body = b"x" * 2000
    request = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    connection = running().connect(request + body)
    assert connection.recv(12)[9:] == status
    connection.close()


def test_a_browser_reads_on_a_page_that_its_form_was_too_large(
    running: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "MOST_BODY_BYTES", 1000)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\nContent-Length: 2000\r\n\r\n"
    connection = running().connect(head + b"x" * 2000)
    answer = connection.makefile("rb").read()
    assert b"HTTP/1.1 413" in answer and b"Content-Security-Policy" in answer
    assert b'<a class="brand"' in answer and b"This is too large" in answer
    connection.close()


def test_what_takes_files_is_what_the_addresses_say() -> None:
    for name in ("import", "api-imports"):
        assert worker.TAKES_FILES.fullmatch(reverse(name, args=["some-project"]))
    assert not worker.TAKES_FILES.fullmatch(reverse("project-settings", args=["import"]))


def test_headers_that_pretend_to_be_others_are_left_out(running: Callable[..., Running]) -> None:
    def names(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [])
        return [environ.get("HTTP_X_FORWARDED_FOR", "none").encode()]

    server = running(names)
    connection = server.connect(
        b"GET / HTTP/1.1\r\nHost: a\r\nX_Forwarded_For: 9.9.9.9\r\nConnection: close\r\n\r\n"
    )
    assert b"none" in connection.makefile("rb").read()
    connection.close()
