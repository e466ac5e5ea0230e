"""Who is signed in for a view that reads the user's row with others, and how accounts come in."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.test import RequestFactory
from django.utils import timezone

from labeling.models import User
from labeling.people.signing_in import demo
from labeling.people.signing_in.sessions import SignedOut, check, labeler_id
from labeling.people.signing_in.too_often import too_often
from labeling.people.signing_in.who_signs_in import (
    DEMO,
    IS_SIMULATED,
    NO_PASSWORD,
    SUPERUSER,
    mark_of,
)
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def request_of(user: User, **session: str) -> Any:
    request: Any = RequestFactory().get("/")
    request.session = {
        SESSION_KEY: str(user.pk), HASH_SESSION_KEY: user.get_session_auth_hash(), **session,
    }  # fmt: skip
    return request


def test_a_session_of_today_is_its_persons() -> None:
    ann = make_user()
    assert check(request_of(ann), ann) == ann
    assert labeler_id(request_of(ann)) == ann.pk


def test_a_session_signed_with_a_key_of_before_is_its_persons_still(settings: Any) -> None:
    ann = make_user()
    request = request_of(ann)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-" * 5
    assert check(request, ann) == ann


@pytest.mark.parametrize("kind", ["password", "inactive", "another", "no hash"])
def test_a_session_that_is_nobodys_lets_nobody_in(kind: str) -> None:
    ann, bob = make_user(), make_user()
    request = request_of(ann)
    if kind == "password":
        ann.set_password("another-long-password")
    if kind == "inactive":
        ann.is_active = False
    if kind == "no hash":
        del request.session[HASH_SESSION_KEY]
    with pytest.raises(SignedOut):
        check(request, bob if kind == "another" else ann)


@pytest.mark.parametrize("stored", ["", "x", "-1", "1.5", "None"])
def test_what_is_no_id_is_nobodys(stored: str) -> None:
    request: Any = RequestFactory().get("/")
    request.session = {SESSION_KEY: stored} if stored else {}
    assert labeler_id(request) is None


def without_password(name: str, **fields: Any) -> User:
    user = User(username=name, **fields)
    user.set_unusable_password()
    return user


@pytest.mark.parametrize(
    ("name", "fields", "mark"),
    [
        (demo.USERS["labeler"], {}, DEMO),
        ("simulated-12", {}, IS_SIMULATED),
        ("simulated-", {}, NO_PASSWORD),
        ("simulated-x", {}, NO_PASSWORD),
        ("12", {}, NO_PASSWORD),
        ("root", {"is_superuser": True}, SUPERUSER),
        ("ann", {}, NO_PASSWORD),
    ],
)
def test_an_account_without_a_password_is_marked_by_how_it_comes_in(
    name: str, fields: dict[str, Any], mark: Any
) -> None:
    assert mark_of(without_password(name, **fields)) == mark


def test_who_signs_in_with_a_password_has_no_mark() -> None:
    assert mark_of(make_user(demo.USERS["labeler"])) is None


@pytest.mark.parametrize(
    ("seconds", "words"), [(-5, "in 1 minute,"), (1, "in 1 minute,"), (61, "in 2 minutes,")]
)
def test_who_tries_too_often_reads_when_to_try_again(seconds: int, words: str) -> None:
    until = timezone.now() + timedelta(seconds=seconds)
    page = too_often(RequestFactory().get("/"), until, "Enough.")
    assert page.status_code == 429
    assert words in page.content.decode()
    assert 1 <= int(page["Retry-After"]) <= max(seconds, 1)


def test_a_fragment_is_told_in_plain_words() -> None:
    request = RequestFactory().get("/", headers={"hx-request": "true"})
    answer = too_often(request, timezone.now() + timedelta(minutes=5), "Enough.")
    assert answer.status_code == 429
    assert answer.content.decode().startswith("Enough. Try again in 5 minutes, at ")
