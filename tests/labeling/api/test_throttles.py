"""A loop that went wrong, or a guesser, takes only so much of the server."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from config.settings import THROTTLE_RATES
from labeling.models import Role
from labeling.people.invitations import create_invitation
from tests.factories import client_with_token, make_member, make_project, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def few(settings: Settings) -> Iterator[None]:
    settings.THROTTLE_RATES = dict.fromkeys(THROTTLE_RATES, "3/min")
    cache.clear()
    yield
    cache.clear()


def statuses(client: Client, path: str, count: int = 4) -> list[int]:
    return [client.get(path).status_code for _ in range(count)]


def test_a_token_has_its_own_limit_and_is_told_when_to_come_back() -> None:
    user = make_user()
    first, second = client_with_token(user), client_with_token(user)
    assert statuses(first, "/api/v1/") == [200, 200, 200, 429]
    assert statuses(second, "/api/v1/", 1) == [200]
    answer = first.get("/api/v1/")
    assert 0 < int(answer["Retry-After"]) <= 60
    assert "Too many requests: try again in" in answer.json()["detail"]


def test_who_signs_in_with_a_browser_is_counted_too(client: Client) -> None:
    client.force_login(make_user())
    assert statuses(client, "/api/v1/") == [200, 200, 200, 429]


def test_strangers_are_counted_by_address() -> None:
    near, far = Client(REMOTE_ADDR="203.0.113.9"), Client(REMOTE_ADDR="198.51.100.7")
    assert statuses(near, "/api/schema/") == [200, 200, 200, 429]
    assert statuses(far, "/api/schema/", 1) == [200]
    assert near.get("/api/schema/", HTTP_X_FORWARDED_FOR="198.51.100.8").status_code == 429


def test_guessed_keys_are_refused_more_and_more_and_real_ones_are_not() -> None:
    guesser = Client(headers={"authorization": "Token pref_nonsense"})
    assert statuses(guesser, "/api/v1/") == [401, 401, 401, 429]
    assert statuses(client_with_token(make_user()), "/api/v1/", 1) == [200]


def test_an_invitation_is_accepted_only_so_often_from_one_address(client: Client) -> None:
    project = make_project()
    _invited, token = create_invitation(project, make_member(project, Role.ADMIN), Role.LABELER)
    page = reverse("invitation", args=[token])
    found = [client.post(page, {"username": ""}).status_code for _ in range(4)]
    assert found == [422, 422, 422, 429]
    assert "Try again in 1 minute, at" in client.post(page).content.decode()
    assert client.get(page).status_code == 200


def test_passwords_are_set_only_so_often_from_one_address(client: Client) -> None:
    page = reverse("set-password", args=["MQ", "abc-123"])
    assert [client.post(page).status_code for _ in range(4)][-1] == 429
