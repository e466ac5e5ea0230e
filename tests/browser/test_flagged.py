"""The page of flagged comparisons on a phone."""

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling.curation.set_aside import set_aside
from labeling.models import Role
from tests.chromium import check_axe, sign_in
from tests.factories import claim, make_comparison, make_member, make_project, make_prompt

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_restore_is_reached_without_scrolling_sideways(
    page: Page, live_server: LiveServer, theme: str
) -> None:
    project = make_project(random_share=0)
    prompt = make_prompt(project, "A prompt with many words in it, " * 20)
    comparison = make_comparison(project, prompt=prompt)
    make_member(project, Role.CURATOR, "owner")
    held = claim(make_member(project), project)
    assert held is not None
    set_aside(held, "Its texts have 12,400,000 characters; a page shows at most 12,300,000. " * 2)
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": 390, "height": 844})
    sign_in(page, live_server, "owner")
    page.goto(f"{live_server.url}/projects/{project.slug}/flagged/")
    button = page.get_by_role("button", name=f"Restore comparison {comparison.pk}")
    box = button.bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert page.locator(".table-wrap").evaluate("(e) => e.scrollWidth <= e.clientWidth")
    check_axe(page)
    button.click()
    expect(page.locator("#toasts")).to_contain_text("Restored")
