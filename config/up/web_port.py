"""The port that the web server listens on: read, checked to be free, asked whether it answers."""

import errno
import http.client
import json
import os
import socket
from contextlib import suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from config import environment

NOTE = "address.json"
LOCAL = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # all addresses: of them, this machine's own


def from_environment() -> int:
    return environment.whole_number("PORT", default=8000, lowest=1, highest=65535)


def address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def note(data_dir: Path, host: str, port: int) -> None:
    """Writes down where this start listens, for commands in another terminal."""
    with suppress(OSError):  # on a full disk: then they name the port of their own settings
        (data_dir / NOTE).write_text(json.dumps([host, port]))


def noted(data_dir: Path) -> tuple[str, int]:
    """Returns host and port of the last start, or else of the next one, as a browser opens them."""
    try:
        host, port = json.loads((data_dir / NOTE).read_text())
    except (OSError, ValueError):
        host, port = os.environ.get("HOST") or "127.0.0.1", from_environment()
    return LOCAL.get(host, host), port


def check_is_free(host: str, port: int) -> None:
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as problem:
        raise ImproperlyConfigured(_problem(host, port, problem)) from problem


def _problem(host: str, port: int, problem: OSError) -> str:
    if problem.errno == errno.EADDRINUSE:
        return (
            f"Port {port} is in use by another program: "
            f"choose another one, for instance PORT={port + 1} make run"
        )
    if problem.errno == errno.EACCES:
        return f"Port {port} needs special rights: choose one above 1023, for instance PORT=8000"
    return f"HOST={host} PORT={port} cannot be listened on ({problem.strerror})"


def answers(host: str, port: int) -> bool:
    """Whether the web server answers at /healthz."""
    connection = http.client.HTTPConnection(LOCAL.get(host, host), port, timeout=5)
    try:
        connection.request("GET", "/healthz", headers={"Host": "localhost"})
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
