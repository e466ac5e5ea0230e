"""Guessing passwords ends soon and for a while, wherever one is taken, and for nobody else."""

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.conf import settings as django_settings
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client
from pytest_django import Settings

from labeling.models import User
from tests.factories import make_user

pytestmark = pytest.mark.django_db
PAGES = ["/sign-in/", "/admin/login/"]
LIMIT = django_settings.AXES_FAILURE_LIMIT


@pytest.fixture
def ada() -> User:
    return make_user("ada", is_staff=True)


class Trying(Client):
    """A client that remembers how its attempt was answered."""

    response: Any


def attempt(page: str, name: str = "ada", password: str = "wrong", **request_from: Any) -> Trying:
    client = Trying()
    client.response = client.post(
        page, {"username": name, "password": password, "next": "/"}, **request_from
    )
    return client


def is_let_in(page: str, name: str = "ada", **request_from: Any) -> bool:
    client = attempt(page, name, f"{name}-password", **request_from)
    return "_auth_user_id" in client.session


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("page", PAGES)
def test_after_some_failures_even_the_right_password_waits_and_is_told_until_when(
    page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(LIMIT):
        assert b"_auth_user_id" not in attempt(page).response.content
    hashed: list[str] = []
    monkeypatch.setattr(
        MD5PasswordHasher, "verify", lambda self, given, stored: hashed.append(given) or True
    )
    answer = attempt(page, password="ada-password").response
    assert answer.status_code == 429
    assert "Try again in 15 minutes, at " in answer.content.decode()
    assert 800 < int(answer["Retry-After"]) <= 900
    assert hashed == []  # nor does guessing cost the server anything


@pytest.mark.usefixtures("ada")
def test_the_pause_holds_on_every_page_and_passes(settings: Settings) -> None:
    for _ in range(LIMIT):
        attempt("/sign-in/")
    assert not is_let_in("/admin/login/")
    for row in AccessAttempt.objects.all():
        AccessAttempt.objects.update(attempt_time=row.attempt_time - timedelta(minutes=16))
    assert is_let_in("/sign-in/")


@pytest.mark.usefixtures("ada")
def test_trying_during_the_pause_does_not_prolong_it() -> None:
    for _ in range(LIMIT):
        attempt("/sign-in/")
    before = AccessAttempt.objects.get().attempt_time
    for _ in range(5):
        attempt("/sign-in/")
    assert AccessAttempt.objects.get().attempt_time == before


@pytest.mark.usefixtures("ada")
def test_a_stranger_locks_nobody_out_elsewhere() -> None:
    for _ in range(LIMIT + 5):
        attempt("/sign-in/", REMOTE_ADDR="203.0.113.9")
    assert not is_let_in("/sign-in/", REMOTE_ADDR="203.0.113.9")
    assert is_let_in("/sign-in/", REMOTE_ADDR="198.51.100.7")


@pytest.mark.usefixtures("ada")
def test_one_address_cannot_try_a_name_after_the_other() -> None:
    for number in range(10 * LIMIT):
        attempt("/sign-in/", f"name{number}", REMOTE_ADDR="203.0.113.9")
    assert attempt("/sign-in/", "fresh", REMOTE_ADDR="203.0.113.9").response.status_code == 429
    assert is_let_in("/sign-in/", REMOTE_ADDR="198.51.100.7")


@pytest.mark.usefixtures("ada")
def test_an_account_of_ones_own_buys_no_more_guesses() -> None:
    make_user("mallory")
    for number in range(LIMIT):
        attempt("/sign-in/")
        if number % 3 == 0:
            assert is_let_in("/sign-in/", "mallory")
    assert not is_let_in("/sign-in/")


@pytest.mark.usefixtures("ada")
def test_somebody_who_remembers_starts_anew() -> None:
    for _ in range(LIMIT - 1):
        attempt("/sign-in/")
    assert is_let_in("/sign-in/")
    for _ in range(LIMIT - 1):
        attempt("/sign-in/")
    assert is_let_in("/sign-in/")


@pytest.mark.usefixtures("ada")
def test_other_spellings_browsers_and_forwarded_headers_are_the_same_guesser() -> None:
    for number in range(LIMIT):
        attempt(
            "/sign-in/",
            ["ada", "ADA", "Ada", "ａｄａ"][number % 4],
            HTTP_USER_AGENT=f"browser {number}",
            HTTP_X_FORWARDED_FOR=f"198.51.100.{number}",
        )
    assert not is_let_in("/sign-in/", HTTP_X_FORWARDED_FOR="198.51.100.200")


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(("text", "status"), [("\0", 400), ("x" * 5000, 200), ("\ufffd", 200)])
def test_odd_names_and_agents_are_answered(text: str, status: int) -> None:
    answer = attempt("/sign-in/", text, HTTP_USER_AGENT="y" * 3000, HTTP_ACCEPT="z" * 3000).response
    assert answer.status_code == status


def test_no_password_is_kept() -> None:
    attempt("/sign-in/", "ada", "my-secret-word")
    assert "my-secret-word" not in str(AccessAttempt.objects.values_list())
