"""A hub on the loopback: the endpoints that a push uses, with repositories in memory and with the
faults that a test asks for."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_" + "a" * 34
LFS_FROM = 500  # bytes; larger files go another way


@dataclass
class Repository:
    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)

    @property
    def sha(self) -> str:
        return hashlib.sha1(repr((self.commits, sorted(self.files))).encode()).hexdigest()


@dataclass
class FakeHub:
    """`faults`: by the end of a request's path, statuses to answer with, one after the other; 0
    closes the connection, and a negative one does the work and then closes it."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    stored: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[int]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    owners: tuple[str, ...] = ("team",)
    url: str = ""

    def fault_of(self, path: str) -> int | None:
        for end, statuses in self.faults.items():
            if end in path and statuses:
                return statuses.pop(0)
        return None


def answer(hub: FakeHub, method: str, path: str, body: bytes) -> tuple[int, Any]:
    place, _, query = path.partition("?")
    if place.startswith("/lfs/"):
        oid = place.rpartition("/")[2]
        if hashlib.sha256(body).hexdigest() != oid:
            return 400, {"error": "another hash"}
        hub.stored[oid] = body
        return 200, {}
    if place == "/api/validate-yaml":
        return 200, {"errors": [], "warnings": []}
    if place == "/api/repos/create":
        return create(hub, json.loads(body))
    if place.endswith(".git/info/lfs/objects/batch"):
        return 200, {
            "transfer": "basic",
            "objects": [upload(hub, one) for one in json.loads(body)["objects"]],
        }
    _, _, _, owner, name, *rest = place.split("/")
    repository = hub.repositories.get(f"{owner}/{name}")
    if repository is None:
        return 404, {"error": "Repository not found"}
    if not rest:
        return 200, described(f"{owner}/{name}", repository, "blobs" in query)
    if rest[0] == "preupload":
        return 200, {"files": [mode(one) for one in json.loads(body)["files"]]}
    return commit(hub, f"{owner}/{name}", repository, body)


def create(hub: FakeHub, asked: dict[str, Any]) -> tuple[int, Any]:
    repo_id = f"{asked['organization']}/{asked['name']}"
    if asked["organization"] not in hub.owners:
        return 403, {"error": "You do not have the rights to create this."}
    url = f"{hub.url}/datasets/{repo_id}"
    if repo_id in hub.repositories:
        return 409, {"error": "You already created this dataset repo", "url": url}
    hub.repositories[repo_id] = Repository(asked.get("visibility") == "private")
    hub.repositories[repo_id].files[".gitattributes"] = b"*.parquet filter=lfs\n"
    return 200, {"url": url}


def described(repo_id: str, repository: Repository, with_blobs: bool) -> dict[str, Any]:
    return {
        "id": repo_id,
        "sha": repository.sha,
        "private": repository.private,
        "siblings": [
            {"rfilename": name, **(blob(content) if with_blobs else {})}
            for name, content in repository.files.items()
        ],
    }


def blob(content: bytes) -> dict[str, Any]:
    if len(content) > LFS_FROM:
        sha256 = hashlib.sha256(content).hexdigest()
        lfs = {"sha256": sha256, "size": len(content), "pointerSize": 130}
        return {"size": len(content), "blobId": "0" * 40, "lfs": lfs}
    header = b"blob %d\0" % len(content)
    return {"size": len(content), "blobId": hashlib.sha1(header + content).hexdigest()}


def mode(file: dict[str, Any]) -> dict[str, Any]:
    kind = "lfs" if file["size"] > LFS_FROM else "regular"
    return {"path": file["path"], "uploadMode": kind, "shouldIgnore": False, "oid": None}


def upload(hub: FakeHub, one: dict[str, Any]) -> dict[str, Any]:
    if one["oid"] in hub.stored:
        return one
    return {**one, "actions": {"upload": {"href": f"{hub.url}/lfs/{one['oid']}"}}}


def commit(hub: FakeHub, repo_id: str, repository: Repository, body: bytes) -> tuple[int, Any]:
    """All of it, or nothing."""
    lines = [json.loads(line) for line in body.splitlines()]
    header = lines[0]["value"]
    if header.get("parentCommit") not in (None, repository.sha):
        return 412, {"error": "A commit has happened since"}
    files = dict(repository.files)
    for line in lines[1:]:
        value = line["value"]
        if line["key"] == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        elif line["key"] == "lfsFile":
            if value["oid"] not in hub.stored:
                return 400, {"error": "the file was not uploaded"}
            files[value["path"]] = hub.stored[value["oid"]]
        else:
            files.pop(value["path"], None)
    repository.files = files
    repository.commits.append(header["summary"])
    return 200, {
        "commitOid": repository.sha,
        "commitUrl": f"{hub.url}/datasets/{repo_id}/commit/{repository.sha}",
    }


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Transfer-Encoding") == "chunked":
                body = self.read_chunks()
            hub.requests.append((self.command, self.path))
            fault = hub.fault_of(self.path)
            status = 0
            content: dict[str, Any] = {}
            if fault is None or fault < 0:
                is_known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
                if is_known or self.path.startswith("/lfs/"):
                    status, content = answer(hub, self.command, self.path, body)
                else:
                    status, content = 401, {"error": "Invalid credentials"}
            elif fault > 0:
                status, content = fault, {"error": "asked for by the test"}
            if fault is not None and fault <= 0:
                self.close_connection = True
                return
            written = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            if status == 404:
                self.send_header("X-Error-Code", "RepoNotFound")
            if status == 401:
                self.send_header("X-Error-Message", "Invalid credentials in Authorization header")
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        def read_chunks(self) -> bytes:
            content = b""
            while size := int(self.rfile.readline(), 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return content

        do_GET = do_POST = do_PUT = handle_any

        def log_message(self, *args: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    )
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
