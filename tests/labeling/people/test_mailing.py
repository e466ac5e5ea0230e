"""Mails: what they are made of, what happens when one is not taken, where links lead."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from django.core import mail
from django.test import RequestFactory

from labeling.people import mailing


def test_a_subject_is_one_line() -> None:
    assert mailing.send("ann@example.org", "Join A\r\nBcc: eve@example.org", "Hello.")
    assert mail.outbox[0].subject == "Join A Bcc: eve@example.org"
    assert mail.outbox[0].recipients() == ["ann@example.org"]


@pytest.mark.parametrize("fault", [ConnectionRefusedError, TimeoutError])
def test_a_server_that_does_not_take_a_mail_is_noted_and_no_error(
    fault: type[OSError], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise fault("no")

    monkeypatch.setattr(mailing, "send_mail", refuse)
    assert not mailing.send("ann@example.org", "Hello", "Hello.")
    assert "did not take a mail" in caplog.text


def test_a_job_that_fails_in_the_background_is_noted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    closed: list[bool] = []
    monkeypatch.setattr(mailing, "connection", SimpleNamespace(close=lambda: closed.append(True)))
    with caplog.at_level(logging.ERROR):
        mailing._do(lambda: 1 / 0)
    assert "A mail was not sent." in caplog.text
    assert closed == [True], "its thread's connection is given back"


@pytest.mark.parametrize(
    ("site_url", "hosts", "host", "expected"),
    [
        ("https://tea.example.org", ["a.example.org"], "localhost", "https://tea.example.org"),
        ("", ["localhost"], "localhost", "http://localhost"),
        ("", ["tea.example.org"], "localhost", "http://tea.example.org"),
        ("", ["tea.example.org"], "127.0.0.1:8000", "http://tea.example.org"),
        ("", ["tea.example.org"], "tea.example.org:8000", "http://tea.example.org:8000"),
        ("", [".example.org", "localhost"], "localhost", "http://localhost"),
        ("", ["*", "localhost"], "localhost", "http://localhost"),
        ("", ["one.example.org", "two.example.org"], "localhost", "http://one.example.org"),
    ],
)
def test_links_lead_to_a_host_that_the_operator_has_named(
    site_url: str, hosts: list[str], host: str, expected: str, settings: Any
) -> None:
    settings.SITE_URL, settings.ALLOWED_HOSTS = site_url, [*hosts, "localhost", "127.0.0.1"]
    assert mailing.site(RequestFactory().get("/", headers={"host": host})) == expected
