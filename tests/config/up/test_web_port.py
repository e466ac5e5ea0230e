"""The port of the web server: read from the settings, checked, written down for other terminals."""

import errno
import json
import re
import socket
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.up import web_port


@pytest.mark.parametrize(("text", "port"), [("", 8000), ("1", 1), ("65535", 65535), ("80.0", 80)])
def test_a_port_is_a_number_in_its_range(
    monkeypatch: pytest.MonkeyPatch, text: str, port: int
) -> None:
    monkeypatch.setenv("PORT", text)
    assert web_port.from_environment() == port


@pytest.mark.parametrize("text", ["0", "65536", "-1", "80.5"])
def test_a_port_beyond_its_range_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PORT", text)
    words = re.escape(f"PORT='{text}' is not a whole number from 1 to 65535")
    with pytest.raises(ImproperlyConfigured, match=words):
        web_port.from_environment()


@pytest.mark.parametrize("text", ["nan", "inf", "http"])
def test_a_port_that_is_no_number_is_one_line_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("PORT", text)
    with pytest.raises(ImproperlyConfigured, match="is not a number"):
        web_port.from_environment()


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000/"),
        ("::1", "http://[::1]:8000/"),
        ("labels.example.org", "http://labels.example.org:8000/"),
    ],
)
def test_an_address_of_ipv6_stands_in_brackets(host: str, address: str) -> None:
    assert web_port.address(host, 8000) == address


@pytest.mark.parametrize(
    ("host", "opened"), [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("10.0.0.5", "10.0.0.5")]
)
def test_what_is_written_down_is_read_as_a_browser_opens_it(
    tmp_path: Path, host: str, opened: str
) -> None:
    web_port.note(tmp_path, host, 8123)
    assert web_port.noted(tmp_path) == (opened, 8123)


@pytest.mark.parametrize("text", [None, "", '["127.0.0.1"', "[1, 2, 3]"])
def test_without_a_note_the_settings_say_where_it_would_listen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    if text is not None:
        (tmp_path / web_port.NOTE).write_text(text)
    monkeypatch.setenv("HOST", "0.0.0.0")
    monkeypatch.setenv("PORT", "9001")
    assert web_port.noted(tmp_path) == ("127.0.0.1", 9001)


def test_a_note_that_cannot_be_written_stops_no_start(tmp_path: Path) -> None:
    web_port.note(tmp_path / "none", "127.0.0.1", 8000)
    assert not (tmp_path / "none").exists()


def test_a_note_holds_host_and_port_and_nothing_secret(tmp_path: Path) -> None:
    web_port.note(tmp_path, "127.0.0.1", 8000)
    assert json.loads((tmp_path / web_port.NOTE).read_text()) == ["127.0.0.1", 8000]


def test_a_port_in_use_is_named_with_the_next_one() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(ImproperlyConfigured, match=f"Port {port} .* PORT={port + 1} make run"):
            web_port.check_is_free("127.0.0.1", port)
    web_port.check_is_free("127.0.0.1", port)


def test_a_host_of_another_machine_cannot_be_listened_on() -> None:
    # An address kept for documents: no machine has it.
    with pytest.raises(ImproperlyConfigured, match=r"HOST=192\.0\.2\.1 PORT=8000 cannot be"):
        web_port.check_is_free("192.0.2.1", 8000)


def test_a_port_that_needs_rights_says_which_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_rights(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", no_rights)
    with pytest.raises(ImproperlyConfigured, match="Port 80 needs special rights"):
        web_port.check_is_free("127.0.0.1", 80)


def test_nobody_who_listens_does_not_answer() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        assert not web_port.answers("127.0.0.1", reserved.getsockname()[1])
