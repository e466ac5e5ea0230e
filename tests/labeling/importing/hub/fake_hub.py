"""A hub on the loopback interface: its answer about a data set, and its files."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

SHA = "c" * 40


@dataclass
class FakeHub:
    """Data sets by id: their files by revision and name, and their cards."""

    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    cards: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: dict[str, tuple[int, str]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    address: str = ""


def _handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.requests.append((self.command, path))
            hub.tokens.add(self.headers.get("Authorization", ""))
            parts = path.strip("/").split("/")
            if parts[:2] == ["api", "datasets"]:
                rest = "/".join(parts[2:])
                name, _, revision = rest.partition("/revision/")
                self._about(name, revision)
            elif "/resolve/" in path:
                name, _, rest = path.removeprefix("/datasets/").partition("/resolve/")
                revision, _, file = rest.partition("/")
                self._file(name, revision, file)
            else:
                self._send(404, b"")

        def _about(self, name: str, revision: str) -> None:
            key = f"{name}@{revision}" if revision and revision != SHA else name
            if key in hub.refused or key not in hub.files:
                status, code = hub.refused.get(
                    key, (404, "RevisionNotFound" if revision else "RepoNotFound")
                )
                self._send(status, b"{}", {"X-Error-Code": code})
                return
            siblings = [
                {"rfilename": file, "size": len(content)}
                for file, content in hub.files[key].items()
            ]
            answer = {
                "id": name,
                "sha": SHA,
                "siblings": siblings,
                "cardData": hub.cards.get(name, {}),
            }
            self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

        def _file(self, name: str, revision: str, file: str) -> None:
            for key, files in hub.files.items():
                if key.split("@")[0] == name and file in files:
                    content = files[file]
                    break
            else:
                self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
                return
            etag = hashlib.sha1(content).hexdigest()
            self._send(200, content, {"X-Repo-Commit": revision, "ETag": f'"{etag}"'})

        def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    return Handler


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    hub = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
