"""One's own account: what its forms take at their limits, and what they refuse beside the field."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import User
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(client: Client) -> User:
    ada = make_user("ada", email="ada@example.org", first_name="Ada")
    client.force_login(ada)
    return ada


def send(client: Client, name: str, **data: str) -> Any:
    return client.post(reverse(name), data)


@pytest.mark.parametrize(
    "name", ["", "Zoë", "李 明", "x" * 150, "x " + "y" * 148, "🙂 O'Neill-Ünal", "<b>Ada</b>"]
)
def test_a_name_is_kept_as_it_is_given(client: Client, ada: User, name: str) -> None:
    answer = send(client, "account-name", full_name=name)
    assert answer["Location"] == reverse("account")
    ada.refresh_from_db()
    assert ada.get_full_name() == name
    assert "<b>Ada</b>" not in client.get(reverse("account")).content.decode()


@pytest.mark.parametrize("name", ["x" * 151, "a\tb", "a\u202eb", "a\u200bb", "a\nb"])
def test_a_name_that_hides_something_or_has_no_end_is_refused(
    client: Client, ada: User, name: str
) -> None:
    answer = send(client, "account-name", full_name=name)
    assert answer.status_code == 422
    assert list(answer.context["name_form"].errors) == ["full_name"]
    ada.refresh_from_db()
    assert ada.get_full_name() == "Ada"


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", ""])
def test_a_zone_of_the_list_is_kept(client: Client, ada: User, zone: str) -> None:
    send(client, "account-timezone", timezone=zone)
    ada.refresh_from_db()
    assert ada.timezone == zone


@pytest.mark.parametrize(
    "zone", ["Mars/Olympus", "../../etc/passwd", "europe/berlin", "EST", "x" * 99]
)
def test_a_zone_that_is_none_is_refused(client: Client, ada: User, zone: str) -> None:
    answer = send(client, "account-timezone", timezone=zone)
    assert answer.status_code == 422
    ada.refresh_from_db()
    assert ada.timezone == ""


@pytest.mark.parametrize(
    "cookie", ["Europe/Berlin", "Mars/Olympus", "../../etc/passwd", "x" * 4000]
)
def test_the_zone_of_the_browser_is_named_where_there_is_one(
    client: Client, ada: User, cookie: str
) -> None:
    client.cookies["timezone"] = cookie
    page = client.get(reverse("account")).content.decode()
    assert ("The zone of the browser (Europe/Berlin)" in page) is (cookie == "Europe/Berlin")
    assert "etc/passwd" not in page


LONG = ".".join(["x" * 60] * 4) + ".org"  # a host's name of 247 characters


@pytest.mark.parametrize("email", ["ada", "a b@example.org", "ada@", "ada.lovelace@" + LONG])
def test_an_address_that_is_none_is_refused_beside_its_field(
    client: Client, ada: User, email: str
) -> None:
    answer = send(client, "account-email", email=email, email_password="ada-password")
    assert answer.status_code == 422
    assert list(answer.context["email_form"].errors) == ["email"]
    ada.refresh_from_db()
    assert ada.email == "ada@example.org"


def test_the_longest_address_that_fits_its_column_is_taken(
    client: Client, ada: User, settings: Any
) -> None:
    settings.EMAIL_HOST = ""  # nothing is mailed: the address is claimed
    email = "adalov@" + LONG
    assert len(email) == 254
    answer = send(client, "account-email", email=email, email_password="ada-password")
    assert answer["Location"] == reverse("account")
    ada.refresh_from_db()
    assert ada.email == email


def test_a_refused_form_shows_the_others_as_they_are(client: Client, ada: User) -> None:
    answer = send(client, "account-email", email="ada", email_password="ada-password")
    assert answer.context["name_form"]["full_name"].value() == "Ada"
    assert "ada-password" not in answer.content.decode()


@pytest.mark.parametrize("token", ["abc", "a:b:c", "%00", "x" * 2000, "ü"])
def test_a_made_up_link_confirms_nothing(client: Client, ada: User, token: str) -> None:
    answer = client.get(reverse("confirm-email", args=[token]))
    assert answer.status_code == 410
    assert client.post(reverse("confirm-email", args=[token])).status_code == 410
    ada.refresh_from_db()
    assert ada.email == "ada@example.org"


@pytest.mark.parametrize(
    ("uid", "token"), [("MQ", "set-password"), ("x", "abc-123"), ("AAAA", "a"), ("é", "a-b")]
)
def test_a_made_up_link_sets_no_password(client: Client, uid: str, token: str) -> None:
    answer = client.get(reverse("set-password", args=[uid, token]), follow=True)
    assert answer.status_code in (200, 410)
    assert "new_password1" not in answer.content.decode()
