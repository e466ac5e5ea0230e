"""What an htmx request gets when its person is signed out: nothing is swapped in, nothing lost."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import Role
from tests.factories import make_member, make_project

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def ask(client: Client, path: str, page: str = "") -> Any:
    """As a script on the page asks for a part of it."""
    headers = HTMX | ({"HX-Current-URL": f"http://testserver{page}"} if page else {})
    return client.get(path, headers=headers)


def wanted(answer: Any) -> str:
    """Where the sign-in page leads back to."""
    address = urlsplit(answer["HX-Redirect"])
    assert address.path == reverse("sign-in")
    (next_page,) = parse_qs(address.query)["next"]
    return next_page


@pytest.mark.parametrize(
    "page",
    [
        "/projects/a/preferences/",
        "/projects/a/preferences/?state=in_use&doubt=open",
        "/projects/a/preferences/?q=a%26b%20%23c&split=dev",
        "/projects/a/audit/?action=import&target=gold+3",
    ],
)
def test_the_whole_page_that_was_open_is_come_back_to(client: Client, page: str) -> None:
    answer = ask(client, "/projects/a/preferences/", page)
    assert answer.status_code == 200
    assert answer.content == b""
    assert wanted(answer) == page


def test_a_page_that_does_not_say_where_it_is_comes_back_to_what_it_asked_for(
    client: Client,
) -> None:
    answer = ask(client, "/projects/a/preferences/?state=in_use&split=dev")
    assert wanted(answer) == "/projects/a/preferences/?state=in_use&split=dev"


def test_a_page_of_another_site_is_not_come_back_to(client: Client) -> None:
    headers = HTMX | {"HX-Current-URL": "https://evil.example.org/projects/a/"}
    answer = client.get("/projects/a/preferences/", headers=headers)
    assert wanted(answer) == "/projects/a/preferences/"


def test_who_signs_in_there_is_led_back_with_all_filters(client: Client) -> None:
    project = make_project(slug="a")
    curator = make_member(project, Role.CURATOR, "ada")
    page = "/projects/a/preferences/?state=in_use&split=dev"
    sign_in = ask(client, "/projects/a/preferences/", page)["HX-Redirect"]
    data = {"username": curator.username, "password": "ada-password"}
    answer = client.post(sign_in, data)
    assert answer["Location"] == page


def test_what_is_sent_is_refused_with_a_status_that_keeps_it(client: Client) -> None:
    answer = client.post(reverse("preferences-exclude", args=["a"]), {"id": 1}, headers=HTMX)
    assert answer.status_code == 401
    assert "Sign in again in another tab" in answer.content.decode()
    assert "HX-Redirect" not in answer


def test_a_browser_without_scripts_is_redirected_as_ever(client: Client) -> None:
    answer = client.get("/projects/a/preferences/?state=in_use&split=dev")
    assert answer.status_code == 302
    (next_page,) = parse_qs(urlsplit(answer["Location"]).query)["next"]
    assert next_page == "/projects/a/preferences/?state=in_use&split=dev"


def test_who_is_signed_in_is_redirected_by_views_as_they_say(client: Client) -> None:
    project = make_project()
    client.force_login(make_member(project, Role.CURATOR))
    answer = client.post(reverse("members-weigh", args=[project.slug]), headers=HTMX)
    assert answer["Location"] == reverse("members", args=[project.slug])
