"""Answers of a server that misbehaves: what cannot be used is counted and left out."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from modeling.core import sample
from modeling.core.generating.servers import chat_client, remote_policy
from modeling.core.generating.servers.chat_answer import excerpt
from tests.modeling.core.chat_server_double import Reply, completion, serve
from tests.modeling.core.factories import error_of, lines, make_run, messages, read, run

PROMPTS = [{"id": f"q{n}", "prompt": messages(f"question {n}")} for n in range(8)]
GOOD = b'{"choices": [{"message": {"content": "fine"}, "finish_reason": "stop"}]}'


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_client, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(remote_policy, "SECONDS_BETWEEN_LOOKS", 0.02)


def remote_run(folder: Path, url: str, extra: str = "") -> Path:
    policy = f"{url}?model=small&attempts=2{extra}"
    return make_run(folder, PROMPTS, "prompts.jsonl", policy=policy, n=1, max_new_tokens=20)


def said(content: Any) -> bytes:
    return json.dumps({"choices": [{"message": {"content": content}}]}).encode()


ODD: dict[str, tuple[Reply, str]] = {
    "lone surrogate": (Reply(200, said("half \ud83d")), "half a character"),
    "another encoding": (Reply(200, GOOD.replace(b"fine", b"f\xfcr")), "not UTF-8"),
    "UTF-16": (Reply(200, GOOD.decode().encode("utf-16")), "not UTF-8"),
    "megabytes": (Reply(200, said("x" * 6_000_000)), "longer than 292,864 bytes"),
    "a long text": (Reply(200, said("x" * 6_000)), "longer than 20 tokens can be"),
    "not JSON": (Reply(200, b"<html>Welcome</html>"), "not JSON"),
    "empty": (Reply(200, b""), "not JSON"),
    "deep": (Reply(200, b"[" * 200_000), "not JSON"),
    "long number": (Reply(200, b'{"choices": ' + b"9" * 9_000 + b"}"), "not JSON"),
    "NaN": (Reply(200, GOOD[:-1] + b', "usage": {"completion_tokens": NaN}}'), "not JSON"),
    "a list": (Reply(200, b"[]"), "no choices"),
    "null": (Reply(200, b"null"), "no choices"),
    "no choices": (Reply(200, b'{"object": "error"}'), "no choices"),
    "choices of another kind": (Reply(200, b'{"choices": {"0": 1}}'), "no choices"),
    "no choice": (Reply(200, b'{"choices": []}'), "left 1 samples out"),
    "odd choices": (Reply(200, b'{"choices": [null, 1, "a", [], {}]}'), "left 1 samples out"),
    "odd message": (Reply(200, b'{"choices": [{"message": []}]}'), "left 1 samples out"),
    "null content": (Reply(200, said(None)), "left 1 samples out"),
    "content of parts": (Reply(200, said([{"text": "a"}])), "left 1 samples out"),
    "packed": (Reply(200, b"\x1f\x8b", {"Content-Encoding": "gzip"}), "compressed"),
}


@pytest.mark.parametrize("kind", ODD)
def test_an_answer_that_cannot_be_used_is_left_out_and_named(tmp_path: Path, kind: str) -> None:
    odd, words = ODD[kind]

    def answer(body: dict[str, Any], _: int) -> Reply:
        return odd if body["messages"][0]["content"] == "question 3" else completion(body)

    with serve(answer) as server:
        folder = remote_run(tmp_path / "run", server.url)
        assert run(sample, folder) == 0
    assert [row["id"] for row in lines(folder / "samples.jsonl")] == [
        f"q{n}" for n in range(8) if n != 3
    ]
    result = read(folder / "result.json")
    assert (result["count"], result["missing"]) == (7, 1)
    (sentence,) = result["warnings"]
    assert words in sentence
    assert "Welcome" not in sentence


@pytest.mark.parametrize("usage", [True, -5, 10**30, 3.5, "7", None, {}])
def test_a_number_of_tokens_that_cannot_be_is_not_known(tmp_path: Path, usage: Any) -> None:
    def answer(body: dict[str, Any], _: int) -> Reply:
        reply = completion(body)
        reply.body["usage"]["completion_tokens"] = usage
        return reply

    with serve(answer) as server:
        folder = remote_run(tmp_path / "run", server.url)
        assert run(sample, folder) == 0
    assert {row["tokens"] for row in lines(folder / "samples.jsonl")} == {None}


def test_the_run_fails_when_more_than_half_cannot_be_used(tmp_path: Path) -> None:
    """What came well before is kept, and not asked for again."""
    broken = True

    def answer(body: dict[str, Any], _: int) -> Reply:
        number = int(body["messages"][0]["content"].split()[1])
        return Reply(200, b"?") if broken and number >= 3 else completion(body)

    with serve(answer) as server:
        folder = remote_run(tmp_path / "run", server.url, "&concurrency=1")
        error = error_of(sample, folder)
        assert "cannot be used: 5 of 8 responses" in error
        assert "The server's answer is not JSON (5)" in error
        assert len(lines(folder / "samples.jsonl")) == 3
        broken, asked = False, len(server.asked)
        assert run(sample, folder) == 0
        assert len(server.asked) - asked == 5


@contextmanager
def raw_server(send: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """Takes a request and leaves the rest to `send`, until the event is set."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()
    threads = list[threading.Thread]()

    def talk(connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(65536)
                send(connection, over)
            except OSError:
                pass  # the client has gone, as it should

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=talk, args=(connection,)))
            threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()
        for thread in threads:
            thread.join()


def drip(connection: socket.socket, over: threading.Event, head: bytes, drop: bytes) -> None:
    connection.sendall(head)
    while not over.wait(0.02):
        connection.sendall(drop)


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "drop", "words"),
    [
        (OK + b"Content-Length: 100000\r\n\r\n", b" ", "took longer than 0.3 s"),
        (CHUNKED, b"1\r\n \r\n", "took longer than 0.3 s"),
        (OK, b"X: y\r\n", "no answer within 0.3 s"),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 1000\r\n\r\n", b" ", "no answer within 0.3 s"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", "no answer within 0.3 s"),
    ],
    ids=["body", "chunks", "headers", "error", "informational"],
)
def test_a_server_that_drips_is_not_waited_for(
    tmp_path: Path, head: bytes, drop: bytes, words: str
) -> None:
    """Each byte comes in time; the whole never does."""
    with raw_server(lambda connection, over: drip(connection, over, head, drop)) as url:
        error = error_of(sample, remote_run(tmp_path / "run", url, "&timeout_seconds=0.3"))
    assert words in error


def test_an_endless_answer_is_not_read_to_its_end(tmp_path: Path) -> None:
    def pour(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(CHUNKED)
        while not over.is_set():
            connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")

    with raw_server(pour) as url:
        error = error_of(sample, remote_run(tmp_path / "run", url))
    assert "longer than 292,864 bytes" in error


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 307 Go\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n",
        b"",
    ],
    ids=["broken off", "no HTTP", "bad length", "bad redirect", "closed"],
)
def test_what_is_no_http_fails_the_run_in_words(tmp_path: Path, answer: bytes) -> None:
    with raw_server(lambda connection, _: connection.sendall(answer)) as url:
        error = error_of(sample, remote_run(tmp_path / "run", url))
    assert url in error
    assert "not foreseen" not in error


@pytest.mark.parametrize("wait", ["nan", "-5", "soon", "Mon, 99 Foo 99999 99:99:99 GMT", "٣"])
def test_a_retry_after_that_says_nothing_is_no_failure(tmp_path: Path, wait: str) -> None:
    headers = {"Retry-After": wait.encode().decode("latin-1")}

    def answer(body: dict[str, Any], number: int) -> Reply:
        return Reply(429, {}, headers) if number == 0 else completion(body)

    with serve(answer) as server:
        assert run(sample, remote_run(tmp_path / "run", server.url)) == 0


KEY = "sk-0123456789abcdef"


@pytest.mark.parametrize(
    ("parsed", "words"),
    [
        ({"error": {"message": "no\x1b[31m such\u202e\n model"}}, "no [31m such model"),
        ({"detail": [{"loc": ["x"], "msg": "too long"}, {"msg": "and odd"}]}, "too long; and odd"),
        ({"error": {"message": f"wrong key {KEY}"}}, "wrong key [key]"),
        ({"error": {"message": f"wrong key {KEY[:9]}…"}}, "[its words repeat the key]"),
        ({"error": {"message": " ".join(KEY)}}, "[its words repeat the key]"),
        ({"error": {"message": "c2stMDEyMzQ1Njc4OWFiY2RlZg=="}}, "[its words repeat the key]"),
        ({"error": {"message": "x" * 10_000}}, "x" * 200),
        ({"error": {"secret": "page"}}, ""),
        ({"users": ["root"]}, ""),
        (["root"], ""),
        ("root:x:0:0", ""),
    ],
)
def test_a_refusal_is_quoted_shortly_cleanly_and_without_the_key(parsed: Any, words: str) -> None:
    assert excerpt(parsed, KEY) == words


def test_pages_that_are_no_refusal_are_not_quoted(tmp_path: Path) -> None:
    page = Reply(404, b"<html>internal wiki: the password is swordfish</html>")
    with serve(lambda *_: page) as server:
        folder = remote_run(tmp_path / "run", server.url)
        error = error_of(sample, folder)
    assert "HTTP 404" in error
    for path in folder.iterdir():
        assert "swordfish" not in path.read_text()


def test_a_completion_that_repeats_the_key_is_shown_to_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLICY_API_KEY", KEY)

    def answer(body: dict[str, Any], _: int) -> Reply:
        if body["messages"][0]["content"] == "question 3":
            return Reply(200, said(f"You sent Authorization: Bearer {KEY}"))
        return completion(body)

    with serve(answer) as server:
        monkeypatch.setenv("POLICY_API_KEY_HOSTS", server.url)
        folder = remote_run(tmp_path / "run", server.url, "&api_key_env=POLICY_API_KEY")
        assert run(sample, folder) == 0
    assert "the text repeats the key" in read(folder / "result.json")["warnings"][0]
    assert KEY not in (folder / "samples.jsonl").read_text()


def chosen(message: dict[str, Any], finish: str = "stop") -> bytes:
    return json.dumps({"choices": [{"message": message, "finish_reason": finish}]}).encode()


CALLS = [{"id": "x", "type": "function", "function": {"name": "look", "arguments": "{}"}}]


def test_a_tool_call_is_a_finished_response_with_its_call(tmp_path: Path) -> None:
    message = {"content": None, "tool_calls": CALLS, "audio": None, "annotations": []}
    with serve(lambda *_: Reply(200, chosen(message, "tool_calls"))) as server:
        folder = remote_run(tmp_path / "run", server.url)
        assert run(sample, folder) == 0
    row = lines(folder / "samples.jsonl")[0]
    assert (row["text"], row["finished"], row["extra"]) == ("", True, {"tool_calls": CALLS})
    assert read(folder / "result.json")["warnings"] == []


def test_reasoning_is_kept_and_what_is_not_kept_is_counted(tmp_path: Path) -> None:
    message = {"content": "fine", "reasoning_content": "Hm.", "mood": "good", "<b>": "x"}
    with serve(lambda *_: Reply(200, chosen(message))) as server:
        folder = remote_run(tmp_path / "run", server.url)
        assert run(sample, folder) == 0
    assert lines(folder / "samples.jsonl")[0]["extra"] == {"reasoning_content": "Hm."}
    (warning,) = read(folder / "result.json")["warnings"]
    assert "“mood” of 8 messages was not kept" in warning


def test_reasoning_as_long_as_no_tokens_can_be_is_left_out(tmp_path: Path) -> None:
    message = {"content": "fine", "reasoning_content": "x" * 6_000}
    with serve(lambda *_: Reply(200, chosen(message))) as server:
        folder = remote_run(tmp_path / "run", server.url)
        assert "longer than 20 tokens" in str(error_of(sample, folder))


def test_tools_and_whole_messages_reach_the_server(tmp_path: Path) -> None:
    tools = [{"type": "function", "function": {"name": "look"}}]
    asked = [*messages("Look."), {"role": "assistant", "content": "", "tool_calls": CALLS}]
    prompt = {"id": "q", "prompt": [*asked, {"role": "tool", "content": "", "tool_call_id": "x"}]}
    with serve(lambda body, _: completion(body)) as server:
        policy = f"{server.url}?model=small"
        rows = [prompt | {"tools": tools}]
        folder = make_run(tmp_path / "run", rows, "prompts.jsonl", policy=policy, n=1)
        assert run(sample, folder) == 0
        body = server.asked[0].body
    assert (body["messages"], body["tools"]) == (prompt["prompt"], tools)
