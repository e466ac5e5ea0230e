"""Two people share a browser: what one answered waits for them, and is never the other's."""

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling.models import Judgment, Membership, Project, User
from tests.chromium import check_axe
from tests.comparison_screen import chosen_sides, judgments, on_screen
from tests.factories import make_member

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
STATE = "#save-state"
KEPT = "JSON.stringify(localStorage).split('\\\\\"uuid\\\\\"').length - 1"


@pytest.fixture(autouse=True)
def bob(project: Project) -> User:
    return make_member(project, name="bob")


def sign_out(tab: Page, live_server: LiveServer) -> None:
    tab.goto(live_server.url)
    tab.click(".user-menu summary")
    tab.click(".user-menu button")
    tab.wait_for_url("**/sign-in/**")


def sign_in_as(tab: Page, live_server: LiveServer, name: str, path: str = "/") -> None:
    tab.goto(f"{live_server.url}/sign-in/?next={path}")
    tab.fill("[name=username]", name)
    tab.fill("[name=password]", f"{name}-password")
    tab.keyboard.press("Enter")
    tab.wait_for_url(live_server.url + path)


@pytest.fixture
def other(page: Page, path: str, live_server: LiveServer) -> Page:
    """Another tab of the browser, in which Ada has signed out and Bob has signed in."""
    other = page.context.new_page()
    sign_out(other, live_server)
    sign_in_as(other, live_server, "bob")
    page.bring_to_front()
    return other


def test_answers_wait_for_their_owner_while_somebody_else_is_signed_in(
    page: Page, other: Page, live_server: LiveServer
) -> None:
    page.keyboard.press("1")
    on_screen(page, 2)
    expect(page.locator(STATE)).to_contain_text("Signed in as someone else · 1 kept")
    page.keyboard.press("2")
    expect(page.locator(STATE)).to_contain_text("Signed in as someone else · 2 kept")
    expect(page.locator("#toasts")).to_contain_text("until ada signs in again")
    check_axe(page)
    assert not Judgment.objects.exists()
    sign_out(other, live_server)
    sign_in_as(other, live_server, "ada")
    page.bring_to_front()
    # It may have tried again by itself already.
    page.evaluate(f"document.querySelector('{STATE} button')?.click()")
    expect(page.locator(STATE)).to_have_text("Saved ✓")
    assert chosen_sides() == ["left", "right"]
    assert {judgment.labeler.username for judgment in judgments()} == {"ada"}


def test_the_other_person_is_told_what_is_kept_and_labels_in_peace(
    page: Page, other: Page, path: str, live_server: LiveServer
) -> None:
    page.keyboard.press("2")
    expect(page.locator(STATE)).to_contain_text("1 kept")
    page.close()
    other.goto(live_server.url + path)
    expect(other.locator("#toasts")).to_contain_text("1 answer is kept on this computer until ada")
    expect(other.locator("#choices")).to_be_focused()
    other.wait_for_timeout(300)
    other.keyboard.press("1")
    expect(other.locator(STATE)).to_have_text("Saved ✓")
    assert [judgment.labeler.username for judgment in judgments()] == ["bob"]
    sign_out(other, live_server)
    sign_in_as(other, live_server, "ada", path)
    expect(other.locator(STATE)).to_have_text("Saved ✓")
    assert [judgment.labeler.username for judgment in judgments()] == ["bob", "ada"]


def test_answers_without_a_connection_and_then_a_change_of_accounts(
    page: Page, path: str, live_server: LiveServer
) -> None:
    page.route("**/judgment/", lambda route: route.abort())
    page.keyboard.press("1")
    on_screen(page, 2)
    other = page.context.new_page()
    sign_out(other, live_server)
    page.bring_to_front()
    page.unroute("**/judgment/")
    page.evaluate("dispatchEvent(new Event('online'))")  # or it has tried again by itself
    expect(page.locator(STATE)).to_contain_text("Signed out · 1 kept")
    sign_in_as(other, live_server, "bob")
    page.bring_to_front()
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator(STATE)).to_contain_text("Signed in as someone else · 1 kept")
    assert not Judgment.objects.exists()
    sign_out(other, live_server)
    sign_in_as(other, live_server, "ada")
    page.bring_to_front()
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator(STATE)).to_have_text("Saved ✓")
    assert chosen_sides() == ["left"]


def test_a_page_left_open_undoes_nothing_of_the_next_person(
    page: Page, other: Page, path: str, live_server: LiveServer
) -> None:
    other.goto(live_server.url + path)
    expect(other.locator("#choices")).to_be_focused()
    other.wait_for_timeout(300)
    other.keyboard.press("1")
    expect(other.locator(STATE)).to_have_text("Saved ✓")
    page.bring_to_front()
    page.keyboard.press("u")
    expect(page.locator(STATE)).to_contain_text("someone else")
    assert len(judgments()) == 1


def test_an_answer_of_somebody_taken_out_is_kept_and_saved_when_they_are_back(
    page: Page, path: str, project: Project, labeler: User
) -> None:
    Membership.objects.filter(user=labeler).delete()
    page.keyboard.press("1")
    expect(page.locator("#aside-opener")).to_have_text("1 set aside")
    page.wait_for_timeout(300)
    assert page.evaluate(KEPT) == 1
    Membership.objects.create(project=project, user=labeler)
    page.reload()
    expect(page.locator("#aside-opener")).to_be_hidden()
    assert chosen_sides() == ["left"]
