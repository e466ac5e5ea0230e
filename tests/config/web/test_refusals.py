"""Whatever is refused: the page looks like the others, says why, and leads back."""

import re
from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig
from django.template import loader
from django.test import Client, RequestFactory, override_settings

from config.web import refusals, trouble
from labeling.models import Project, Role
from tests.factories import make_member, make_project, make_user

pytestmark = pytest.mark.django_db

BROWSER = {"Accept": "text/html,application/xhtml+xml", "Referer": "http://testserver/before/"}
HTMX = {"HX-Request": "true"}
JUDGE = "/assignments/00000000-0000-0000-0000-000000000000/judgment/"


@pytest.fixture
def project() -> Project:
    return make_project(slug="teatime")


@pytest.fixture
def browser(project: Project) -> Client:
    client = Client(headers=BROWSER, raise_request_exception=False, enforce_csrf_checks=True)
    client.force_login(make_member(project, Role.LABELER, "ada"))
    return client


def refused(browser: Client, status: int) -> Any:
    match status:
        case 400:
            return browser.get("/", headers={**BROWSER, "Host": "bad host"})
        case 403:
            return browser.get("/projects/teatime/settings/")
        case 404:
            return browser.get("/projects/none/label/")
        case 405:
            return browser.get("/projects/teatime/train/")
        case 415:
            return browser.get(
                "/", headers={**BROWSER, "Content-Type": "text/plain; charset=utf-7"}
            )
    raise AssertionError(status)


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (403, "This page is for admins of the project; you are a labeler."),
        (404, "There is no such project, or you are not a member of it."),
        (405, "This address takes other requests"),
        (415, "The charset of a request must be UTF-8."),
    ],
)
def test_a_refusal_is_a_page_like_the_others_that_leads_back(
    browser: Client, status: int, why: str
) -> None:
    response = refused(browser, status)
    assert response.status_code == status
    text = response.content.decode()
    assert_looks_like_the_product(text)
    assert why in text
    assert 'href="http://testserver/before/"' in text
    assert 'aria-label="ada: account"' in text or status == 415, "one's own menu"


def test_no_page_leads_back_to_a_stranger_or_to_itself(browser: Client) -> None:
    for came_from in ("https://evil.example/", "http://testserver/x/", "javascript:alert(1)"):
        text = browser.get("/x/", headers={**BROWSER, "Referer": came_from}).content.decode()
        assert came_from not in text
        assert 'href="/"' in text


def test_an_address_that_is_none_lists_no_addresses(browser: Client) -> None:
    text = browser.get("/nothing/here/").content.decode()
    assert_looks_like_the_product(text)
    assert "tried" not in text and "healthz" not in text


@override_settings(ALLOWED_HOSTS=["preferable.example"])
def test_a_host_that_is_not_served_says_what_to_do(browser: Client) -> None:
    response = browser.get("/")
    assert response.status_code == 400
    assert "ALLOWED_HOSTS" in response.content.decode()


def test_a_form_that_is_too_large_is_refused_as_too_large() -> None:
    request = RequestFactory().post("/account/name/")
    response = refusals.bad_request(request, RequestDataTooBig("more than 1 MB"))
    assert response.status_code == 413
    assert_looks_like_the_product(response.content.decode())


@pytest.mark.parametrize("debug", [False, True])
def test_a_form_without_its_token_says_that_nothing_is_lost(
    browser: Client, settings: Any, debug: bool
) -> None:
    settings.DEBUG = debug
    response = browser.post("/account/name/", {"full_name": "Ada"})
    assert response.status_code == 403
    text = response.content.decode()
    assert_looks_like_the_product(text)
    assert "nothing is lost" in text and "reload the page" in text
    assert "CSRF verification" not in text


def test_htmx_is_told_of_a_missing_token_by_a_message_and_not_finally(browser: Client) -> None:
    """The comparison screen keeps an answer that is refused without plain words."""
    response = browser.post(JUDGE, headers=HTMX)
    assert response.status_code == 403
    assert "Reload it" in response["HX-Trigger"]
    assert not response["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize("path", ["/projects/none/label/", "/nothing/"])
def test_htmx_gets_a_sentence_and_no_page(browser: Client, path: str) -> None:
    response = browser.get(path, headers=HTMX)
    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/plain")
    assert "<" not in response.content.decode()


def test_an_unknown_address_of_the_api_is_a_problem(client: Client) -> None:
    response = client.get("/api/v1/none/")
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == 404


def test_plain_words_stay_plain_for_a_program(browser: Client) -> None:
    response = Client().get("/", headers={"Content-Type": "text/plain; charset=utf-7"})
    assert response["Content-Type"].startswith("text/plain")


def test_a_limit_is_told_to_htmx_in_words(client: Client, settings: Any) -> None:
    settings.THROTTLE_RATES = {**settings.THROTTLE_RATES, "page:demo-sign-in": "1/hour"}
    client.post("/demo-sign-in/")
    response = client.post("/demo-sign-in/", headers=HTMX)
    assert response.status_code == 429
    assert response["Content-Type"].startswith("text/plain")
    page = client.post("/demo-sign-in/").content.decode()
    assert 'href="/"' in page


def test_a_page_of_trouble_needs_no_template(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: Any, **_more: Any) -> Any:
        raise OSError("no template can be read")

    monkeypatch.setattr(refusals, "render_to_string", fail)
    text = trouble.server_error(RequestFactory().get("/")).content.decode()
    assert "Something went wrong on our side" in text and "href='/'" in text


def test_a_menu_that_cannot_be_read_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(template: str, context: Any = None, request: Any = None) -> str:
        if request is not None:
            raise ValueError("a context processor fails")
        return loader.render_to_string(template, context)

    monkeypatch.setattr(refusals, "render_to_string", fail)
    request = RequestFactory().get("/nothing/")
    request.user = make_user()
    assert_looks_like_the_product(refusals.not_found(request, Exception()).content.decode())


def assert_looks_like_the_product(text: str) -> None:
    assert '<a class="brand"' in text
    assert 'href="/static/css/app.css"' in text
    assert len(re.findall(r"<h1", text)) == 1
    assert 'href="/">All projects</a>' in text
