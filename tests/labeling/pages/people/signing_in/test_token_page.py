"""The page of API tokens: wrong forms make none, keys are shown once, and only to their person."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from labeling.models import ApiToken, Scope, User
from labeling.people.signing_in.tokens import MOST_TOKENS, make_token
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(client: Client) -> User:
    ada = make_user("ada")
    client.force_login(ada)
    return ada


def send(client: Client, **fields: Any) -> Any:
    return client.post(reverse("api-token"), {"scopes": ["read"], "days": "90"} | fields)


def test_a_key_is_on_the_page_once(client: Client, ada: User) -> None:
    answer = send(client, name="Nightly")
    key = answer.context["new_key"]
    assert answer.content.decode().count(key) >= 1
    assert key not in client.get(reverse("api-token")).content.decode()
    assert answer["Cache-Control"].find("no-store") >= 0


def test_a_token_without_a_name_gets_its_day(client: Client, ada: User) -> None:
    send(client, name="   ")
    today = timezone.localdate()
    assert ApiToken.objects.get().name == f"Made on {today:%-d %b %Y}"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"scopes": []}, "Choose at least one."),
        ({"scopes": ["admin"]}, "not one of the available choices"),
        ({"scopes": ["read", "admin"]}, "not one of the available choices"),
        ({"days": "7"}, "not one of the available choices"),
        ({"days": "-1"}, "not one of the available choices"),
        ({"name": "x" * 81}, "at most 80 characters"),
    ],
)
def test_a_form_that_asks_for_what_there_is_not_makes_no_token(
    client: Client, ada: User, fields: dict[str, Any], words: str
) -> None:
    answer = send(client, **fields)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not ApiToken.objects.exists()


def test_a_refused_form_keeps_what_was_ticked(client: Client, ada: User) -> None:
    answer = send(client, scopes=["write", "label"], days="7")
    ticked = {name for name, _label, _words, is_ticked in answer.context["scopes"] if is_ticked}
    assert ticked == {"write", "label"}


def test_a_token_may_last_until_it_is_revoked(client: Client, ada: User) -> None:
    send(client, days="")
    assert ApiToken.objects.get().expires_at is None


def test_the_last_token_that_there_is_room_for(client: Client, ada: User) -> None:
    for _ in range(MOST_TOKENS - 1):
        make_token(ada, "x", [Scope.READ])
    assert send(client).status_code == 200
    answer = send(client)
    assert answer.status_code == 422
    assert f"You have {MOST_TOKENS} tokens" in answer.content.decode()
    assert ada.api_tokens.count() == MOST_TOKENS


def test_a_name_of_signs_is_shown_as_signs(client: Client, ada: User) -> None:
    name = "<script>alert('ä')</script>"
    send(client, name=name)
    page = client.get(reverse("api-token")).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_tokens_of_others_are_neither_shown_nor_revoked(client: Client, ada: User) -> None:
    other, _key = make_token(make_user("eva"), "Secret plan", [Scope.READ])
    assert "Secret plan" not in client.get(reverse("api-token")).content.decode()
    answer = client.post(reverse("api-token-revoke", args=[other.pk]), follow=True)
    assert "That token is gone already." in answer.content.decode()
    assert ApiToken.objects.get() == other


def test_a_revoked_token_is_named_and_revoking_again_says_so(client: Client, ada: User) -> None:
    token, _key = make_token(ada, "Nightly", [Scope.READ])
    url = reverse("api-token-revoke", args=[token.pk])
    assert "“Nightly” is revoked" in client.post(url, follow=True).content.decode()
    assert "gone already" in client.post(url, follow=True).content.decode()
    assert client.get(url).status_code == 405
