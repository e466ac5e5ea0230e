"""Looking gold through in a real browser: by keyboard alone, on a phone, in both themes."""

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from labeling.models import Gold, Project, Role
from labeling.quality import gold, gold_files, gold_release
from tests.chromium import sign_in, violations
from tests.factories import make_member, make_project, make_prompt, make_response
from tests.labeling.quality.test_gold import LONG
from tests.labeling.quality.test_gold_release import ROW, file_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def project() -> Project:
    project = make_project(name="Teatime", gold_share=0.1)
    curator = make_member(project, Role.CURATOR, "noor")
    for number in range(3):
        make_response(make_prompt(project, f"How do I make cocoa {number}?"), f"{LONG} {number}.")
    gold.construct(project, curator, 3)
    gold_files.add_gold_file(project, curator, file_of(ROW), name="own.jsonl")
    return project


def test_gold_is_looked_through_with_three_keys(
    page: Page, live_server: Any, project: Project
) -> None:
    sign_in(page, live_server, "noor")
    page.goto(live_server.url + reverse("quality-control", args=[project.slug]))
    page.get_by_role("button", name="One after the other").press("Enter")
    for key, left in (("n", 4), ("r", 3), ("x", 2), ("r", 1)):
        title = page.get_by_role("heading", level=1).inner_text()
        page.keyboard.press(key)
        expect(page.get_by_text(f"{left} to look through", exact=True)).to_be_visible()
        expect(page.get_by_role("heading", level=1)).not_to_have_text(title)
    page.keyboard.press("r")
    expect(page.get_by_role("heading", name="Quality control")).to_be_visible()
    assert [one.was_dropped for one in Gold.objects.order_by("pk")] == [False, False, True, False]
    assert not gold_release.waiting(project).exists()


def test_all_that_is_listed_is_ticked_with_one_box(
    page: Page, live_server: Any, project: Project
) -> None:
    sign_in(page, live_server, "noor")
    page.goto(live_server.url + reverse("quality-control", args=[project.slug]))
    page.get_by_label("Tick all listed").press("Space")
    page.get_by_role("button", name="Release ticked").press("Enter")
    expect(page.get_by_text("4 gold comparisons released.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_pages_of_gold_break_no_rule_of_axe_and_are_no_wider_than_the_screen(
    page: Page, live_server: Any, project: Project, scheme: Any, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    sign_in(page, live_server, "noor")
    addresses = [
        reverse("quality-control", args=[project.slug]),
        *(reverse("gold", args=[project.slug, one.pk]) for one in Gold.objects.all()[:1]),
    ]
    for address in addresses:
        page.goto(live_server.url + address)
        for details in page.locator("#waiting details").all()[:1]:
            details.locator("summary").click()
        assert violations(page) == []
        wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        assert not wide, address
