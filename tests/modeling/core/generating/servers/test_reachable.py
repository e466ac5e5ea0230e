"""Where a policy's address may lead: what is refused, however it is written or looked up."""

import socket
from pathlib import Path
from typing import Any

import pytest

from labeling.network.reachable import Reach
from modeling.core import sample
from modeling.core.generating.servers.chat_server import origin_of, parse_server
from modeling.core.generating.servers.reachable import check_unasked
from modeling.core.program.errors import ProgramError
from tests.modeling.core.chat_server_double import Reply, completion, serve
from tests.modeling.core.factories import error_of, make_run, messages, run

PROMPTS = [{"id": "q", "prompt": messages("question")}]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Name -> what each look-up answers, one after the other; the last answer stays."""
    known: dict[str, list[list[str]]] = {}
    ask = socket.getaddrinfo

    def answer(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in known:
            return ask(host, port, *args, **kwargs)
        addresses = known[host].pop(0) if len(known[host]) > 1 else known[host][0]
        return [one for address in addresses for one in ask(address, port, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return known


def remote_run(folder: Path, base_url: str, extra: str = "") -> Path:
    policy = f"{base_url}?model=small&attempts=1{extra}"
    return make_run(folder, PROMPTS, "prompts.jsonl", policy=policy, n=1, max_new_tokens=8)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "LOCALHOST.", "a.localhost"])
def test_what_can_be_seen_is_refused_without_asking_anybody(host: str) -> None:
    server = parse_server(f"http://{host}:8000/v1?model=m")
    with pytest.raises(ProgramError) as caught:
        check_unasked(server.host, Reach())
    assert "POLICY_PRIVATE_HOSTS" in caught.value.hint


WRITTEN_ODDLY = """
2130706433 0x7f000001 0x7f.1 0177.0.0.1 127.1 1.2.3.4.5 127.0.0.01 127.0.0.1.. 999.1.1.1 a..b .a
a.0x -a a%2eb a*b [fe80::1%25eth0] [::1 [v1.a] [::ffff:127.0.0.1%1] h:99999 h:0 h:-1 h:x :80
good@evil @evil good:80@evil good#@evil good\\@evil ①②⑦.0.0.1 ｌocalhost 127。0。0。1 a\u202eb
"""


@pytest.mark.parametrize(
    "host", [*WRITTEN_ODDLY.split(), "", "a b", "a\tb", "a\nb", "a\x00b", "a" * 64]
)
def test_a_host_that_two_readers_could_read_differently_is_refused(host: str) -> None:
    with pytest.raises(ProgramError, match="address of the policy's server"):
        parse_server(f"http://{host}/v1?model=m")


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://API.Example.org./v1", "https://api.example.org"),
        ("api.example.org:443", "https://api.example.org"),
        ("http://h:80/v1", "http://h"),
        ("http://[0:0::1]:8000", "http://[::1]:8000"),
        ("http://two words", ""),
    ],
)
def test_a_server_is_written_in_one_way(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("parameter", "most"),
    [
        ("concurrency", "64"),
        ("samples_per_request", "64"),
        ("attempts", "20"),
        ("requests_per_minute", "60000"),
        ("timeout_seconds", "3600"),
    ],
)
def test_numbers_of_an_address_have_a_limit(parameter: str, most: str) -> None:
    parse_server(f"http://h/v1?model=m&{parameter}={most}")
    for beyond in (f"{most}1", "1e300"):
        with pytest.raises(ProgramError, match=f"has a {parameter} above {most}"):
            parse_server(f"http://h/v1?model=m&{parameter}={beyond}")


@pytest.mark.parametrize("query", ["model=a&model=b", "model=a%0Ab", "model=" + "m" * 500])
def test_an_address_says_one_thing_and_is_short(query: str) -> None:
    with pytest.raises(ProgramError, match="address of the policy's server"):
        parse_server(f"http://h/v1?{query}")


@pytest.mark.parametrize(
    "config", [{"n": 10**6}, {"max_new_tokens": 10**9}, {"temperature": 10**400}]
)
def test_numbers_of_a_sampling_have_a_limit(tmp_path: Path, config: dict[str, Any]) -> None:
    folder = make_run(tmp_path / "r", PROMPTS, "prompts.jsonl", policy="x", **config)
    assert " must be " in error_of(sample, folder)


def test_a_private_server_is_not_asked_unless_the_setting_allows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POLICY_PRIVATE_HOSTS")
    with serve(lambda body, _: completion(body)) as server:
        error = error_of(sample, remote_run(tmp_path / "r", server.url))
        assert "POLICY_PRIVATE_HOSTS=127.0.0.1" in error
        assert server.asked == []
        monkeypatch.setenv("POLICY_PRIVATE_HOSTS", "127.0.0.0/8")
        assert run(sample, remote_run(tmp_path / "s", server.url)) == 0


def test_of_several_addresses_of_a_name_each_must_be_allowed(
    tmp_path: Path, names: dict[str, list[list[str]]]
) -> None:
    """On loopback there is a server; the other address is never tried either."""
    names["two.example"] = [["127.0.0.1", "169.254.169.254"]]
    with serve(lambda body, _: completion(body)) as server:
        url = server.url.replace("127.0.0.1", "two.example")
        error = error_of(sample, remote_run(tmp_path / "r", url))
    assert "POLICY_PRIVATE_HOSTS=two.example" in error
    assert "169.254" not in error, "how the network is laid out is not told"
    assert server.asked == []


def test_a_connection_is_made_to_the_address_that_was_checked(
    tmp_path: Path, names: dict[str, list[list[str]]]
) -> None:
    """The second answer would lead to the cloud's own address; nobody asks a second time."""
    names["moves.example"] = [["127.0.0.1"], ["169.254.169.254"]]
    with serve(lambda body, _: completion(body)) as server:
        url = server.url.replace("127.0.0.1", "moves.example")
        assert run(sample, remote_run(tmp_path / "r", url)) == 0
    assert len(server.asked) == 1


def test_a_name_that_leads_elsewhere_later_is_refused_then(
    tmp_path: Path, names: dict[str, list[list[str]]]
) -> None:
    """The server closes each connection, so that each request is a new one."""
    names["moves.example"] = [["127.0.0.1"], ["10.0.0.1"]]

    def answer(body: Any, _: int) -> Reply:
        reply = completion(body)
        reply.headers["Connection"] = "close"
        return reply

    with serve(answer) as server:
        url = server.url.replace("127.0.0.1", "moves.example")
        folder = remote_run(tmp_path / "r", url, "&concurrency=1")
        prompts = '{"id": "p", "prompt": [{"role": "user", "content": "?"}]}\n'
        with (folder / "prompts.jsonl").open("a") as file:
            file.write(prompts)
        error = error_of(sample, folder)
    assert "POLICY_PRIVATE_HOSTS=moves.example" in error
    assert len(server.asked) == 1


def test_an_address_that_does_not_answer_is_not_the_end_of_a_name(
    tmp_path: Path, names: dict[str, list[list[str]]]
) -> None:
    names["two.example"] = [["127.0.0.2", "127.0.0.1"]]
    with serve(lambda body, _: completion(body)) as server:
        url = server.url.replace("127.0.0.1", "two.example")
        assert run(sample, remote_run(tmp_path / "r", url)) == 0


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    with (
        serve(lambda body, _: completion(body)) as inside,
        serve(lambda *_: Reply(307, {}, {"Location": f"{inside.url}/chat/completions"})) as outside,
    ):
        error = error_of(sample, remote_run(tmp_path / "r", outside.url))
    assert "sends requests on to another address (HTTP 307)" in error
    assert inside.url not in error
    assert inside.asked == []


def test_proxies_and_passwords_of_the_environment_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with (
        serve(lambda body, _: completion(body)) as server,
        serve(lambda body, _: completion(body)) as proxy,
    ):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert run(sample, remote_run(tmp_path / "r", server.url)) == 0
    assert proxy.asked == []
    assert [asked.key for asked in server.asked] == [""]


@pytest.mark.parametrize(
    "hosts",
    ["", "https://127.0.0.1", "http://127.0.0.1", "http://127.0.0.1:1", "http://localhost:{port}"],
)
def test_a_key_is_sent_to_no_server_but_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hosts: str
) -> None:
    monkeypatch.setenv("POLICY_API_KEY_X", "sk-very-secret")
    with serve(lambda body, _: completion(body)) as server:
        origin = server.url.removesuffix("/v1")
        monkeypatch.setenv("POLICY_API_KEY_X_HOSTS", hosts.format(port=origin.split(":")[-1]))
        folder = remote_run(tmp_path / "r", server.url, "&api_key_env=POLICY_API_KEY_X")
        error = error_of(sample, folder)
        assert f"POLICY_API_KEY_X_HOSTS={origin}" in error
        assert "secret" not in error
        assert server.asked == []
        monkeypatch.setenv("POLICY_API_KEY_X_HOSTS", f"https://api.example.org, {origin}")
        assert run(sample, folder) == 0
    assert {asked.key for asked in server.asked} == {"Bearer sk-very-secret"}


def test_the_list_of_a_keys_servers_is_no_key() -> None:
    with pytest.raises(ProgramError, match="other than POLICY_API_KEY"):
        parse_server("http://h/v1?model=m&api_key_env=POLICY_API_KEY_HOSTS")


def test_a_key_that_no_header_can_hold_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLICY_API_KEY", "sk-geheim\nX-Evil: ü")
    folder = remote_run(tmp_path / "r", "http://h/v1", "&api_key_env=POLICY_API_KEY")
    error = error_of(sample, folder)
    assert "holds characters that no key has" in error
    assert "geheim" not in error
