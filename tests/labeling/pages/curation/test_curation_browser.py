"""A curator works on the table of preferences by keyboard alone, in a real browser; and every
curation page is checked for what a screen reader or weak eyes would stumble over."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling.curation.decisions import exclude
from labeling.models import AuditEntry, Preference, Project, Role, User
from tests.factories import (
    claim_and_judge,
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
    make_prompt,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Open = Callable[[str], None]


@pytest.fixture
def project() -> Project:
    """Five preferences, the newest about wool."""
    project = make_project(random_share=0)
    make_comparisons(project, 4)
    labeler = make_member(project, name="lena")
    for _ in range(4):
        claim_and_judge(labeler, project, "left")
    make_comparison(project, prompt=make_prompt(project, "How do I wash wool?"))
    claim_and_judge(labeler, project, "left")
    return project


@pytest.fixture
def teammate(project: Project) -> User:
    return make_member(project, Role.CURATOR, "teammate")


@pytest.fixture
def open_page(page: Page, live_server: LiveServer, teammate: User, client: Client) -> Open:
    client.force_login(teammate)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}]
    )

    def to(path: str) -> None:
        page.goto(live_server.url + path)

    return to


def excluded() -> list[int]:
    rows = Preference.objects.filter(excluded=True).order_by("-id")
    return list(rows.values_list("id", flat=True))


def test_search_open_exclude_and_undo_by_keyboard(
    project: Project, page: Page, open_page: Open
) -> None:
    newest = Preference.objects.latest("id")
    open_page(f"/projects/{project.slug}/preferences/")
    page.keyboard.press("/")
    page.keyboard.type("wool")
    expect(page.locator(".count")).to_have_text("1 matches")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#preference h2")).to_have_text(f"Preference {newest.pk}")
    assert f"open={newest.pk}" in page.url

    page.keyboard.press("e")
    page.keyboard.press("Enter")
    expect(page.locator("#change-error")).to_contain_text("Say in a few words why")
    page.keyboard.type("Duplicate")
    page.keyboard.press("Enter")
    expect(page.locator("#last-change")).to_contain_text("1 preference excluded.")
    expect(page.locator("#preference .facts")).to_contain_text("excluded")
    assert excluded() == [newest.pk]

    page.keyboard.press("z")
    expect(page.locator("#last-change")).to_contain_text("Undone: 1 preference restored.")
    assert excluded() == []
    page.keyboard.press("Escape")
    expect(page.locator("#preference")).to_be_hidden()
    assert "open=" not in page.url
    assert AuditEntry.objects.count() == 2


def test_ticking_rows_moves_with_the_arrows_and_changes_them_together(
    project: Project, page: Page, open_page: Open
) -> None:
    ids = list(Preference.objects.order_by("-id").values_list("id", flat=True))
    open_page(f"/projects/{project.slug}/preferences/")
    for key in ("ArrowDown", "x", "ArrowDown", "ArrowDown", "x"):
        page.keyboard.press(key)
    expect(page.locator("[data-ticked]")).to_have_text("2 ticked")
    page.keyboard.press("e")
    page.keyboard.type("Duplicate")
    page.keyboard.press("Enter")
    expect(page.locator("#last-change")).to_contain_text("2 preferences excluded.")
    assert excluded() == [ids[0], ids[2]]


def test_going_back_shows_the_page_before(project: Project, page: Page, open_page: Open) -> None:
    open_page(f"/projects/{project.slug}/preferences/")
    page.locator(".facet a", has_text="in use").click()
    expect(page.locator(".facet a[aria-current]")).to_contain_text("in use")
    page.go_back()
    expect(page.locator(".facet a[aria-current]")).to_have_count(0)
    expect(page.locator("h1")).to_have_text("Preferences")
    expect(page.locator("tr[data-row]")).to_have_count(5)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_the_curation_pages(
    theme: str, project: Project, teammate: User, page: Page, open_page: Open
) -> None:
    newest = Preference.objects.latest("id").pk
    exclude(project, teammate, [newest], "Duplicate")
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    found = {}
    for path in (
        "curation/",
        f"preferences/?open={newest}",
        f"preferences/{newest}/",
        "preferences/?q=nothing+like+it",
        "preferences/?split=nope",
        "audit/",
    ):
        open_page(f"/projects/{project.slug}/{path}")
        results = Axe().run(page)
        if results.violations_count:
            found[path] = results.generate_report()
    assert found == {}
