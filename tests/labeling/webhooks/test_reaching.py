"""Where a webhook may lead, however its address is written."""

import socket
from typing import Any

import pytest

from labeling.network.reachable import read_reach
from labeling.webhooks.reaching import NotAllowed, checked_address
from labeling.webhooks.sending import Outgoing, send_all


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("http://example.com/", "not https"),
        ("ftp://example.com/", "no http or https URL"),
        ("https://", "no http or https URL"),
        ("https://user:secret@example.com/", "user name or password"),
        ("https://example.com/#a", "characters that no address has"),
        ("https://example.com/?a=#b", "is not sent"),
        ("https://exämple.com/", "characters that no address has"),
        ("https://example.com/a b", "characters that no address has"),
        ("https://example.com:0/", "port 0"),
        ("https://example.com:99999/", "cannot be read"),
        ("https://0x7f.1/", "neither a name nor an address"),
        ("https://2130706433/", "neither a name nor an address"),
        ("https://" + "a" * 500 + ".com/", "longer than 500"),
        ("https://localhost/", "not public"),
        ("https://api.localhost/", "not public"),
        ("https://127.0.0.1/", "not public"),
        ("https://10.0.0.1/", "not public"),
        ("https://100.64.1.1/", "not public"),
        ("https://169.254.169.254/latest/meta-data/", "not public"),
        ("https://168.63.129.16/", "not public"),
        ("https://[::1]/", "not public"),
        ("https://[::ffff:10.0.0.1]/", "not public"),
        ("https://[fd00:ec2::254]/", "not public"),
        ("https://[fe80::1]/", "not public"),
        ("https://[64:ff9b::a00:1]/", "not public"),
    ],
)
def test_what_is_no_public_address_by_https_is_refused(text: str, words: str) -> None:
    with pytest.raises(NotAllowed, match=words):
        checked_address(text)


def names(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    """Each look-up of any name answers the next of these; the last one stays."""
    left = list(answers)

    def answer(*_: Any, **__: Any) -> Any:
        address = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)


def test_a_name_that_leads_inside_is_refused_when_it_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names(monkeypatch, "10.0.0.7")
    with pytest.raises(NotAllowed) as caught:
        checked_address("https://hooks.example/")
    assert "10.0.0.7" not in str(caught.value), "it would say how the network is laid out"


def test_a_public_address_is_written_in_one_way(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, "1.1.1.1")
    assert checked_address(" https://Hooks.Example:443/a?key=B ") == "https://hooks.example/a?key=B"
    assert checked_address("https://hooks.example") == "https://hooks.example/"


def test_what_the_operator_names_may_be_sent_to_without_tls(settings: Any) -> None:
    settings.WEBHOOK_PRIVATE_HOSTS = ["localhost", "ci-box", "10.1.0.0/16"]
    for host in ("localhost:8080", "127.0.0.1", "ci-box", "10.1.2.3"):
        assert checked_address(f"http://{host}/a", look=False) == f"http://{host}/a"
    with pytest.raises(NotAllowed, match="not https"):
        checked_address("http://10.2.0.1/", look=False)


def test_a_name_that_moves_inside_after_the_check_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names(monkeypatch, "1.1.1.1", "127.0.0.1")
    address = checked_address("https://moves.example/")
    (outcome,) = send_all([Outgoing(address, b"{}", {})], read_reach([]))
    assert outcome.status is None
    assert "not public" in outcome.problem and "127.0.0.1" not in outcome.problem
