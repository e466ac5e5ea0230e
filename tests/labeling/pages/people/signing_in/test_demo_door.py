"""The demo's door opens with the printed secret, on this machine, until people have accounts."""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db.models import QuerySet
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from labeling.models import User
from labeling.people.signing_in import demo
from tests.factories import client_with_token, make_user

pytestmark = pytest.mark.django_db
SIGN_IN = "/sign-in/"
ENTER = "/demo-sign-in/"
# What nginx's `proxy_pass http://127.0.0.1:8000;` makes of a stranger's request, with nothing set.
PLAIN_NGINX = {
    "REMOTE_ADDR": "127.0.0.1",
    "HTTP_HOST": "127.0.0.1:8000",
    "HTTP_CONNECTION": "close",
}


@pytest.fixture
def client() -> Client:
    return Client(SERVER_NAME="localhost")


@pytest.fixture
def address(settings: Settings, tmp_path: Path) -> str:
    """What `up` prints."""
    settings.DEMO_MODE, settings.DATA_DIR = True, tmp_path
    for name in demo.USERS.values():
        without_password(name)
    return f"/demo/{demo.renew_secret(tmp_path)}/"


def demo_users() -> QuerySet[User]:
    return User.objects.filter(username__in=demo.USERS.values())


def without_password(name: str = "somebody", **fields: object) -> User:
    user = make_user(name, **fields)
    user.set_unusable_password()
    user.save()
    return user


def offers_demo(client: Client, **request_from: Any) -> bool:
    return "Enter as" in client.get(SIGN_IN, **request_from).content.decode()


def enter(client: Client, role: str = "admin", **request_from: Any) -> int:
    return client.post(ENTER, {"role": role}, **request_from).status_code


@pytest.mark.parametrize("role", ["labeler", "curator", "admin"])
def test_the_printed_address_lets_in_with_one_click(
    client: Client, address: str, role: str
) -> None:
    page = client.get(address, HTTP_HOST="127.0.0.1:8000", follow=True)
    assert f'value="{role}"' in page.content.decode()
    response = client.post(ENTER, {"role": role}, HTTP_HOST="localhost:8000")
    assert response["Location"] == "/"
    assert client.get("/").context["user"].username == f"demo-{role}"


@pytest.mark.parametrize("request_from", [PLAIN_NGINX, {}, {"HTTP_HOST": "localhost"}])
@pytest.mark.usefixtures("address")
def test_a_stranger_behind_a_plain_proxy_finds_no_demo(
    client: Client, request_from: dict[str, Any]
) -> None:
    assert "demo" not in client.get(SIGN_IN, **request_from).content.decode().lower()
    assert enter(client, **request_from) == 404
    for guess in ("x", "demo-secret", " ", "%00", "0" * 43):
        assert client.get(f"/demo/{guess}/", **request_from).status_code == 404
        client.cookies["demo"] = guess
        assert enter(client, **request_from) == 404
    assert "_auth_user_id" not in client.session


def test_the_secret_of_an_earlier_start_opens_nothing(
    client: Client, address: str, settings: Settings
) -> None:
    client.get(address)
    demo.renew_secret(settings.DATA_DIR)
    assert not offers_demo(client)
    assert client.get(address).status_code == 404


@pytest.mark.usefixtures("address")
def test_the_empty_secret_is_none(client: Client, settings: Settings) -> None:
    client.cookies["demo"] = demo.keepsake("")
    demo.forget_secret(settings.DATA_DIR)
    assert enter(client) == 404


def test_the_secret_stays_out_of_pages_referrers_and_other_hands(
    client: Client, address: str, settings: Settings
) -> None:
    secret = demo.secret()
    response = client.get(address)
    assert (response["Location"], response["Referrer-Policy"]) == (SIGN_IN, "no-referrer")
    assert "no-store" in response["Cache-Control"]
    cookie = response.cookies["demo"]
    assert secret not in cookie.value and cookie["httponly"] and cookie["samesite"] == "Lax"
    assert secret not in client.get(SIGN_IN).content.decode()
    mode = (settings.DATA_DIR / demo.SECRET_FILE).stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


PEOPLE: dict[str, Callable[[], object]] = {
    "a password": lambda: make_user("ada"),
    "a password, though switched off": lambda: make_user("ada", is_active=False),
    "an API token": lambda: client_with_token(without_password()),
    "another way of signing in": lambda: without_password(last_login=timezone.now()),
    "a password for a demo user": lambda: demo_users().update(password="md5$a$b"),
}


@pytest.mark.parametrize("what", PEOPLE)
def test_the_first_account_shuts_the_door(client: Client, address: str, what: str) -> None:
    client.get(address)
    assert offers_demo(client)
    PEOPLE[what]()
    assert not offers_demo(client)
    assert enter(client) == 404
    assert Client(SERVER_NAME="localhost").get(address).status_code == 404


def test_simulated_and_demo_users_do_not_shut_it(client: Client, address: str) -> None:
    without_password()
    client.get(address)
    assert enter(client, "labeler") == 302
    client.post("/sign-out/")
    assert offers_demo(client)


@pytest.mark.parametrize(
    "request_from",
    [
        {"REMOTE_ADDR": "192.168.1.7", "HTTP_HOST": "localhost"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "labels.example.org"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost.example.org"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost", "HTTP_X_FORWARDED_FOR": "1.2.3.4"},
        {"REMOTE_ADDR": "", "HTTP_HOST": "localhost"},
    ],
)  # fmt: skip
def test_the_secret_is_of_no_use_from_other_machines(
    client: Client, address: str, request_from: dict[str, Any]
) -> None:
    assert client.get(address, **request_from).status_code == 404
    client.get(address)
    assert not offers_demo(client, **request_from)
    assert enter(client, **request_from) == 404


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1"])
def test_every_loopback_address_is_this_machine(client: Client, address: str, peer: str) -> None:
    client.get(address)
    assert offers_demo(client, REMOTE_ADDR=peer, HTTP_HOST="[::1]:8000")


def test_no_secret_opens_a_demo_that_is_switched_off(
    client: Client, address: str, settings: Settings
) -> None:
    client.get(address)
    settings.DEMO_MODE = False
    assert enter(client) == 404
    assert client.get(address).status_code == 404


def test_entering_asks_for_a_post_with_token(address: str) -> None:
    strict = Client(enforce_csrf_checks=True, SERVER_NAME="localhost")
    strict.get(address)
    assert strict.get(ENTER).status_code == 405
    assert enter(strict) == 403


def test_missing_demo_users_are_named_with_the_remedy(client: Client, address: str) -> None:
    client.get(address)
    demo_users().delete()
    response = client.post(ENTER, {"role": "admin"}, follow=True)
    assert "create_demo" in response.content.decode()
