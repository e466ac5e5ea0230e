"""Connections and look-ups of a policy's server, without any network."""

import asyncio
import ipaddress
import socket
import threading
from functools import partial
from typing import Any

import httpcore2
import pytest

from labeling.network.checked_network import MOST_TRIED, CheckedBackend
from labeling.network.reachable import Reach, addresses_in, look_up, read_reach
from modeling.core.generating.servers import chat_client, reachable
from modeling.core.generating.servers.chat_client import ChatClient, Reply, RequestRefused
from modeling.core.generating.servers.chat_server import parse_server
from modeling.core.generating.servers.reachable import check_addresses, reach_of_program
from modeling.core.program.errors import ProgramError

PUBLIC = [f"1.1.1.{number}" for number in range(1, 7)]


class Inner:
    """Connects to the addresses of `up` alone, and remembers what it was asked for."""

    def __init__(self, *up: str) -> None:
        self.up, self.tried = up, list[str]()
        self.seconds: list[float | None] = []

    async def connect_tcp(self, host: str, port: int, timeout: float | None, *_: Any) -> str:
        self.tried.append(host)
        self.seconds.append(timeout)
        if host not in self.up:
            raise httpcore2.ConnectError("refused")
        return f"{host}:{port}"


def backend(inner: Inner, reach: Reach | None = None) -> CheckedBackend:
    made = CheckedBackend(partial(check_addresses, reach=reach or Reach()))
    made.inner = inner  # type: ignore[assignment]
    return made


def connect(made: CheckedBackend, host: str, timeout: float | None = 8.0) -> Any:
    return asyncio.run(made.connect_tcp(host, 443, timeout))


def names(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    answer = [(None, None, None, "", (address, 443)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)


def test_addresses_of_a_name_are_tried_in_their_order_within_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names(monkeypatch, *PUBLIC[:2])
    inner = Inner(PUBLIC[1])
    assert connect(backend(inner), "host.example") == f"{PUBLIC[1]}:443"
    assert inner.tried == PUBLIC[:2]
    assert inner.seconds == [4.0, 4.0], "each has its part of the time"


def test_only_the_first_few_addresses_of_a_name_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, *PUBLIC)
    inner = Inner()
    with pytest.raises(httpcore2.ConnectError, match="refused"):
        connect(backend(inner), "host.example", None)
    assert inner.tried == PUBLIC[:MOST_TRIED]
    assert inner.seconds == [None] * MOST_TRIED


def test_one_private_address_among_the_last_is_enough_to_refuse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names(monkeypatch, *PUBLIC, "10.0.0.1")
    inner = Inner(*PUBLIC)
    with pytest.raises(ProgramError, match=r"The server host\.example is on this machine"):
        connect(backend(inner), "host.example")
    assert inner.tried == []


def test_a_written_address_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(*_: Any, **__: Any) -> Any:
        raise AssertionError("not reached")

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    inner = Inner(PUBLIC[0])
    assert connect(backend(inner), PUBLIC[0]) == f"{PUBLIC[0]}:443"
    with pytest.raises(ProgramError):
        connect(backend(inner), "::ffff:127.0.0.1")


@pytest.mark.parametrize(
    "trouble",
    [socket.gaierror("no such name"), OSError("down"), UnicodeError("label too long")],
)
def test_a_name_that_nobody_knows_is_a_connection_that_failed(
    monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    def ask(*_: Any, **__: Any) -> Any:
        raise trouble

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    with pytest.raises(httpcore2.ConnectError, match="its name is not known here"):
        connect(backend(Inner()), "host.example")
    assert look_up("host.example", 5) == []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
    with pytest.raises(httpcore2.ConnectError, match="its name is not known here"):
        connect(backend(Inner()), "host.example")


def test_a_look_up_that_takes_too_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def ask(*_: Any, **__: Any) -> Any:
        over.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", ask)

    async def lookup() -> None:
        made = backend(Inner())
        try:
            with pytest.raises(httpcore2.ConnectTimeout, match="was not looked up in time"):
                await made.connect_tcp("host.example", 443, 0.01)
            assert look_up("host.example", 0.01) == []
        finally:
            over.set()

    asyncio.run(lookup())


def test_a_server_has_no_path_of_this_machine() -> None:
    with pytest.raises(httpcore2.ConnectError, match="has a network address"):
        asyncio.run(backend(Inner()).connect_unix_socket("/run/docker.sock"))


def test_an_answer_names_each_address_once_in_its_order() -> None:
    rows = [(0, 0, 0, "", (address, 0)) for address in ("8.8.8.8", "::1", "8.8.8.8")]
    assert addresses_in(rows) == [ipaddress.ip_address("8.8.8.8"), ipaddress.ip_address("::1")]


def test_the_setting_is_read_with_commas_and_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(reachable.SETTING, "gpu-box, 10.0.0.5\tnone [fd00::1]")
    reach = reach_of_program()
    assert reach.names == {"gpu-box"}
    assert [str(network) for network in reach.networks] == ["10.0.0.5/32", "fd00::1/128"]
    monkeypatch.setenv(reachable.SETTING, "http://gpu-box")
    with pytest.raises(ProgramError, match="holds 'http://gpu-box', which is no address") as caught:
        reach_of_program()
    assert caught.value.where == reachable.SETTING
    monkeypatch.delenv(reachable.SETTING)
    assert reach_of_program() == Reach()


def test_a_name_of_the_setting_leads_to_private_machines_and_never_to_credentials() -> None:
    reach = read_reach(["GPU-Box.", "169.254.0.0/16"])
    inside, credentials = ipaddress.ip_address("10.0.0.9"), ipaddress.ip_address("169.254.169.254")
    assert reach.allows("gpu-box", inside)
    assert not reach.allows("other", inside)
    assert reach.allows("other", credentials), "listed as a network it is meant"
    by_name = read_reach(["gpu-box"])
    assert not by_name.allows("gpu-box", credentials)
    assert not by_name.allows("gpu-box", ipaddress.ip_address("::ffff:169.254.169.254"))


def client(monkeypatch: pytest.MonkeyPatch, *replies: Reply | Exception, extra: str = "") -> Any:
    """A client whose server gives these replies, one after the other; what it said is kept."""
    monkeypatch.setattr(chat_client, "FIRST_PAUSE", 0.0)
    said: list[str] = []
    made: Any = ChatClient(parse_server(f"https://1.1.1.1/v1?model=small{extra}"), said.append)
    left = list(replies)

    async def fetch(method: str, path: str, most: int, body: Any = None) -> Reply:
        made.asked.append((method, path))
        reply = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(reply, Exception):
            raise reply
        return reply

    made._fetch, made.asked, made.sentences = fetch, [], said
    return made


def ask(made: Any, count: int = 1) -> Any:
    async def once() -> Any:
        async with made:
            return await made.ask([], count, {"max_tokens": 20})

    return asyncio.run(once())


GOOD = Reply(200, b'{"choices": [{"message": {"content": "fine"}, "finish_reason": "stop"}]}')


@pytest.mark.parametrize("status", sorted(chat_client.AGAIN))
def test_each_status_that_may_pass_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    made = client(monkeypatch, Reply(status, b'{"error": "busy"}'), GOOD)
    assert ask(made).usable[0].text == "fine"
    assert made.sentences == [f"small at https://1.1.1.1/v1: HTTP {status} busy; trying again."]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (301, "sends requests on to another address (HTTP 301), which is not followed"),
        (307, "sends requests on to another address (HTTP 307), which is not followed"),
        (401, "refuses requests without a key: HTTP 401"),
        (403, "refuses requests without a key: HTTP 403"),
        (404, "has no chat completions of the model 'small': HTTP 404"),
        (405, "has no chat completions of the model 'small': HTTP 405"),
    ],
)
def test_what_waiting_does_not_mend_ends_the_run_at_once(
    monkeypatch: pytest.MonkeyPatch, status: int, words: str
) -> None:
    made = client(monkeypatch, Reply(status, b"<html>"))
    with pytest.raises(ProgramError) as caught:
        ask(made)
    assert words in caught.value.message
    assert [path for _, path in made.asked if path != "models"] == ["chat/completions"]


@pytest.mark.parametrize("status", [400, 402, 413, 418, 422, 451, 501])
def test_any_other_refusal_is_of_this_request_alone(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    made = client(monkeypatch, Reply(status, b'{"detail": "too long"}'))
    with pytest.raises(RequestRefused, match=f"HTTP {status} too long"):
        ask(made)


@pytest.mark.parametrize(
    ("models", "hint"),
    [
        (b'{"data": [{"id": "a"}, {"id": 7}]}', "The server offers: a, 7."),
        (b'{"data": []}', "Check the address: most servers want it to end in /v1"),
        (b'{"data": {"a": 1}}', "Check the address"),
        (b'{"data": [{"name": "a"}]}', "Check the address"),
        (b"<html>", "Check the address"),
        (b"[]", "Check the address"),
    ],
)
def test_models_on_offer_are_named_where_they_can_be_read(
    monkeypatch: pytest.MonkeyPatch, models: bytes, hint: str
) -> None:
    made = client(monkeypatch, Reply(404, b""), Reply(200, models))
    with pytest.raises(ProgramError) as caught:
        ask(made)
    assert hint in caught.value.hint


def test_an_answer_longer_than_it_may_be_is_asked_for_again_and_then_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = client(monkeypatch, Reply(200, b"x", is_whole=False), extra="&attempts=3")
    with pytest.raises(chat_client.Unusable, match=r"is longer than \d+,\d+ bytes"):
        ask(made)
    assert len(made.asked) == 3
    assert len(made.sentences) == 1, "said once"


def test_an_answer_that_comes_too_slowly_is_waited_for_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = client(monkeypatch, chat_client._TooSlow("took longer than 1 s"), extra="&attempts=9")
    with pytest.raises(chat_client.Unusable, match="took longer"):
        ask(made)
    assert len(made.asked) == chat_client.TIMES_SLOW


def test_only_a_hundred_kinds_of_trouble_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server could put another number into each of its refusals."""
    made = client(monkeypatch, GOOD)
    for number in range(200):
        made._say_once(f"trouble {number}")
        made._say_once(f"trouble {number}")
    assert made.sentences == [f"trouble {number}" for number in range(100)]
