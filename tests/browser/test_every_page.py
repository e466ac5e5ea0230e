"""axe on every page that can be opened, as an admin, a curator and a labeler, in both themes.

Addresses come from the URL configuration, so a new page is looked at without being listed.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from labeling.models import Role, User
from tests.browser.rows_to_look_at import make_rows_to_look_at
from tests.chromium import violations
from tests.render_every_page import named_addresses, value_for

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.django_db(transaction=True),
]

# What is opened here would end the session, or is not ours.
LEFT_OUT = {"sign-out", "api-docs"}
LOOKS = [
    (Role.ADMIN, "light", 1440), (Role.ADMIN, "dark", 390), (Role.LABELER, "dark", 1440),
]  # fmt: skip


@pytest.mark.parametrize(("role", "theme", "width"), LOOKS)
def test_axe_finds_nothing_on_any_page(
    page: Page, live_server: LiveServer, settings: Any, tmp_path: Any,
    role: Role, theme: Any, width: int,
) -> None:  # fmt: skip
    settings.DATA_DIR = tmp_path
    people, values = make_rows_to_look_at()
    sign_in(page, live_server, people[role])
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    looked_at, problems = set(), []
    for name, path in pages_of(people[role], values):
        page.goto(live_server.url + path, wait_until="load")
        looked_at.add(name)
        problems += [f"{name}: {problem}" for problem in violations(page)]
    assert problems == []
    assert {"home", "project", "label", "my-work", "account"} <= looked_at


def test_refusals_are_looked_at_too(page: Page, live_server: LiveServer) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for path in ("/nothing/here/", "/projects/none/label/", "/sign-in/"):
            page.goto(live_server.url + path)
            assert violations(page) == []


def pages_of(user: User, values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Whole pages that this person is let see. A fragment is looked at in its page."""
    client = Client(headers={"Accept": "text/html"}, raise_request_exception=False)
    client.force_login(user)
    for name, parameters in named_addresses():
        if name in LEFT_OUT:
            continue
        path = reverse(name, kwargs={key: value_for(name, key, values) for key in parameters})
        response = client.get(path)
        is_html = response.headers.get("Content-Type", "").startswith("text/html")
        if response.status_code == 200 and is_html and b"<html" in response.content:
            yield name, path


def sign_in(page: Page, server: LiveServer, user: User) -> None:
    client = Client()
    client.force_login(user)
    cookie = client.cookies["sessionid"]
    page.context.add_cookies([{"name": "sessionid", "value": cookie.value, "url": server.url}])
