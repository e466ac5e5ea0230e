"""A file of no known shape is brought in by a newcomer in a real browser: by keyboard, on a phone,
without JavaScript, and for axe."""

from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from labeling.models import Role
from tests.chromium import sign_in, violations
from tests.factories import make_member, make_project
from tests.labeling.importing.test_mapping import ROWS, as_file

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def project(tmp_path: Path, settings: Any) -> Any:
    settings.DATA_DIR = tmp_path
    project = make_project()
    make_member(project, Role.CURATOR, "teammate")
    return project


def upload(page: Page, server: Any, project: Any) -> None:
    sign_in(page, server, "teammate")
    page.goto(server.url + reverse("import", args=[project.slug]))
    file = {"name": "votes.jsonl", "mimeType": "text/plain", "buffer": as_file(ROWS).read()}
    page.get_by_label("Files", exact=True).set_input_files(file)  # type: ignore[arg-type]
    page.get_by_role("button", name="Check the file").click()


def test_votes_in_a_column_become_preferences_by_keyboard(
    page: Page, live_server: Any, project: Any
) -> None:
    upload(page, live_server, project)
    rows = page.locator("#mapped-rows")
    expect(rows).to_contain_text("3 votes: A is better 2, B is better 1")
    page.get_by_label("people", exact=True).focus()
    page.keyboard.press("Home")
    expect(rows).to_contain_text("Nobody said yet which is better")
    page.keyboard.press("V")
    expect(rows).to_contain_text("3 votes: B is better 3")
    page.get_by_role("button", name="Check the file").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Import 9 rows").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name="Preferences stored 3")).to_be_visible()
    assert project.preferences.count() == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_page_breaks_no_rule_of_axe_and_is_no_wider_than_the_screen(
    page: Page, live_server: Any, project: Any, scheme: Any, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    upload(page, live_server, project)
    expect(page.get_by_role("heading", name="What the columns are")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_javascript_a_button_shows_the_rows(
    chromium: Browser, live_server: Any, project: Any
) -> None:
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        upload(page, live_server, project)
        page.get_by_label("people", exact=True).select_option("")
        page.get_by_role("button", name="Show the rows").click()
        expect(page.locator("#mapped-rows")).to_contain_text("Nobody said yet which is better")
