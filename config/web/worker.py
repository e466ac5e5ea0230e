"""A gunicorn worker in which only whole requests reach a thread: waitress in gunicorn's processes.

Gunicorn's own threads read their requests themselves, so that two dozen connections that send half
a request, or take their answer a byte at a time, keep all of them. Here waitress's loop reads and
writes every connection, and threads see requests that have arrived and answers that are kept for
whoever is slow. Gunicorn starts, watches and stops the processes as before.

What a connection may take: a request has to be there within some seconds and at a least speed; an
idle one is closed; and where there are too many, those that have not served anything go first.
"""

import os
import re
import socket
import time
from contextlib import suppress
from typing import Any

from gunicorn.workers.base import Worker
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher
from waitress.wasyncore import loop

from config.web.headers import HEADERS
from config.web.refusals import HEADED, page

MOST_CONNECTIONS = 500  # of one process; a soft limit of 1,024 open files is common
# Seconds for a request to arrive, and bytes a second by which it may take longer.
REQUEST_SECONDS = 20.0
REQUEST_BYTES_PER_SECOND = 16 * 2**10
STALLED_SECONDS = 60.0  # in which nobody took anything of an answer
MOST_HEADER_BYTES = 64 * 2**10
MOST_BODY_BYTES = 21 * 2**20  # a little above what Django takes of a form or of JSON
MOST_FILE_BYTES = 2**30 + 2**20  # what an import takes, and the form around it
MOST_UNFINISHED_BYTES = 2 * 2**30  # of all requests of one process that are still on their way
IN_MEMORY_BYTES = 64 * 2**10  # of a body; more lies in a temporary file
TAKES_FILES = re.compile(r"(/api/v1)?/projects/[^/]+/imports?/")
TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Parser(HTTPRequestParser):
    """Parses a request, and takes bodies as large as files at the addresses of imports only."""

    adj: Any

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if TAKES_FILES.fullmatch(self.path):
            self.adj = self.adj.for_files


class RefusalTask(ErrorTask):
    """Answers what was refused before Django saw it, such as a body that is too large. A browser
    gets a page like the others."""

    def execute(self) -> None:
        if "text/html" not in self.request.headers.get("ACCEPT", ""):
            super().execute()
            return
        error = self.request.error
        title, advice = HEADED.get(error.code, HEADED[400])
        body = page(None, error.code, title, "", advice).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers += [("Content-Type", "text/html; charset=utf-8"), *HEADERS.items()]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Channel(HTTPChannel):
    """One connection, which knows since when it waits and what for."""

    parser_class = Parser
    error_task_class = RefusalTask
    has_served = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.waits_since = time.monotonic()
        super().__init__(*args, **kwargs)

    def received(self, data: bytes) -> Any:
        if self.request is None:
            self.waits_since = time.monotonic()
        return super().received(data)

    def service(self) -> None:
        super().service()
        self.has_served = True
        self.waits_since = time.monotonic()

    def write_soon(self, data: Any) -> Any:
        if not self.total_outbufs_len:
            self.waits_since = time.monotonic()  # from here on for whoever reads the answer
        return super().write_soon(data)

    def _flush_some(self, do_close: bool = True) -> Any:
        has_sent = super()._flush_some(do_close=do_close)
        if has_sent:
            self.waits_since = time.monotonic()
        return has_sent

    @property
    def unfinished_bytes(self) -> int:
        request = self.request
        return 0 if request is None else request.header_bytes_received + request.body_bytes_received

    def is_at_rest(self) -> bool:
        """Whether no thread works for it and nothing is left to send."""
        return not self.requests and not self.total_outbufs_len

    def patience(self, keepalive: float) -> float:
        """Returns the seconds that it may wait for what it waits for now."""
        if self.total_outbufs_len:
            return STALLED_SECONDS
        if self.requests:
            return float("inf")  # it waits for our thread, which is no fault of the other side
        if self.request is None:
            return keepalive
        return REQUEST_SECONDS + self.unfinished_bytes / REQUEST_BYTES_PER_SECOND

    def hang_up(self) -> None:
        if self.request is not None and self.is_at_rest():
            with suppress(OSError):  # the other side is gone or takes nothing: it ends all the same
                self.socket.send(TIMED_OUT)
            self.request.close()
        self.handle_close()


class Server(TcpWSGIServer):
    """Listens on gunicorn's socket, and keeps the number of connections within bounds."""

    channel_class = Channel

    def maintenance(self, now: float) -> None:
        """Does nothing: waitress's clock moves with the system's. `sweep` does its work."""

    def handle_accept(self) -> None:
        if len(self.active_channels) >= MOST_CONNECTIONS:
            self.make_room()
        super().handle_accept()

    def make_room(self) -> None:
        """Ends one connection at rest: the one that has waited longest among those that have served
        nothing yet, or else among all. A browser opens it again without a word."""
        resting = [channel for channel in self.active_channels.values() if channel.is_at_rest()]
        if resting:
            min(resting, key=lambda channel: (channel.has_served, channel.waits_since)).hang_up()

    def sweep(self, keepalive: float) -> None:
        """Ends what has waited too long. While requests on their way hold more than
        MOST_UNFINISHED_BYTES together, it ends the largest."""
        now = time.monotonic()
        channels = list(self.active_channels.values())
        for channel in channels:
            if now - channel.waits_since > channel.patience(keepalive):
                channel.hang_up()
        channels = sorted(self.active_channels.values(), key=lambda one: one.unfinished_bytes)
        while sum(channel.unfinished_bytes for channel in channels) > MOST_UNFINISHED_BYTES:
            channels.pop().hang_up()

    def is_busy(self) -> bool:
        return any(not channel.is_at_rest() for channel in self.active_channels.values())


class BufferingWorker(Worker):
    """Runs waitress's loop in the main thread of one process, and requests in `threads` others."""

    server: Server | None = None

    def run(self) -> None:
        threads = ThreadedTaskDispatcher()
        threads.queue_logger.setLevel("ERROR")  # a queue for some milliseconds is no warning
        threads.set_thread_count(self.cfg.threads)
        self.server = server = make_server(self.wsgi, self.sockets[0].sock, threads)
        next_look = 0.0
        while self.alive and self.is_watched():
            if time.monotonic() >= next_look:
                self.notify()
                server.sweep(self.cfg.keepalive)
                next_look = time.monotonic() + 1
            loop(timeout=1, use_poll=True, map=server._map, count=1)
        self.finish(server)
        threads.shutdown(timeout=1)

    def is_watched(self) -> bool:
        """Whether gunicorn's first process lives: else nobody would start or stop this one."""
        return bool(self.ppid == os.getppid())

    def handle_exit(self, sig: int, frame: Any) -> None:
        super().handle_exit(sig, frame)
        if self.server:
            self.server.pull_trigger()  # or the loop would wait for its next event

    def finish(self, server: Server) -> None:
        """Takes nothing new and ends what it has begun, as long as gunicorn waits for it."""
        server.accepting = False
        until = time.monotonic() + self.cfg.graceful_timeout - 1
        while server.is_busy() and time.monotonic() < until:
            self.notify()
            loop(timeout=0.1, use_poll=True, map=server._map, count=1)


def make_server(
    application: Any, listener: socket.socket, threads: ThreadedTaskDispatcher
) -> Server:
    common: dict[str, Any] = {
        "sockets": [listener],
        "ident": None,
        "max_request_header_size": MOST_HEADER_BYTES,
        "inbuf_overflow": IN_MEMORY_BYTES,
        "connection_limit": 2 * MOST_CONNECTIONS,  # never reached: `make_room` comes before
        "log_socket_errors": False,
        # They are read where it is known which proxies are trusted
        # (labeling/people/signing_in/addresses.py).
        "clear_untrusted_proxy_headers": False,
    }
    adjustments = Adjustments(max_request_body_size=MOST_BODY_BYTES, **common)
    adjustments.for_files = Adjustments(max_request_body_size=MOST_FILE_BYTES, **common)
    family, kind, protocol = listener.family, listener.type, listener.proto
    return Server(
        application,
        map={},
        _sock=listener,
        dispatcher=threads,
        adj=adjustments,
        bind_socket=False,
        sockinfo=(family, kind, protocol, listener.getsockname()),
    )
