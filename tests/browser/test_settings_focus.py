"""The settings page by keyboard: nothing ever lies over what has the focus."""

import pytest
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from labeling.models import Project, Role
from tests.chromium import sign_in
from tests.factories import make_member, make_project

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Whether the control itself is what one would click at its middle; None: it cannot be clicked.
IS_ON_TOP = """() => {
  const control = document.activeElement;
  if (!control || control === document.body) return null;
  const box = control.getBoundingClientRect();
  if (!box.width || !box.height) return `${control.outerHTML.slice(0, 80)}: no box`;
  const reach = Math.min(box.height / 2, 20);
  const spots = [[box.left + Math.min(box.width / 2, 12), box.top + reach],
                 [box.left + Math.min(box.width / 2, 12), box.bottom - reach]];
  for (const [x, y] of spots) {
    const top = document.elementFromPoint(x, y);
    if (!top || !(control.contains(top) || top.contains(control)))
      return `${control.id || control.outerHTML.slice(0, 60)} lies under ${top?.className}`;
  }
  return "";
}"""


@pytest.fixture
def project() -> Project:
    return make_project(slug="teatime")


@pytest.mark.parametrize(
    ("width", "height"),
    [(1440, 900), (1024, 640), (720, 450), (390, 844)],
    ids=["wide", "low", "200 % zoom", "phone"],
)
def test_nothing_lies_over_what_has_the_focus(
    page: Page, live_server: LiveServer, project: Project, width: int, height: int
) -> None:
    make_member(project, Role.ADMIN, "ada")
    page.set_viewport_size({"width": width, "height": height})
    sign_in(page, live_server, "ada")
    page.goto(f"{live_server.url}/projects/teatime/settings/")
    page.evaluate(
        "for (const each of document.querySelectorAll('details.more-settings')) each.open = true"
    )
    page.locator("#main").focus()
    covered = []
    for _ in range(140):
        page.keyboard.press("Tab")
        found = page.evaluate(IS_ON_TOP)
        if found is None:
            break
        if found:
            covered.append(found)
    assert covered == []
    assert page.evaluate("document.activeElement.closest('form.settings') === null")


def test_a_form_that_was_open_before_one_signed_in_again_is_saved(
    page: Page, live_server: LiveServer, project: Project
) -> None:
    """Signing in changes the token that forms carry."""
    make_member(project, Role.ADMIN, "ada")
    sign_in(page, live_server, "ada")
    page.goto(f"{live_server.url}/projects/teatime/settings/")
    other = page.context.new_page()
    other.goto(f"{live_server.url}/account/")
    other.locator(".user-menu summary").click()
    other.get_by_role("button", name="Sign out").click()
    sign_in(other, live_server, "ada")
    page.get_by_label("Question").fill("Which is kinder?")
    page.get_by_role("button", name="Save settings").click()
    page.wait_for_load_state()
    project.refresh_from_db()
    assert project.question == "Which is kinder?"
