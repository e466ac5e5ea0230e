"""An answer that the server refuses again and again is set aside; those after it are saved."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from labeling.models import Assignment, Comparison, Project, User
from tests.chromium import check_axe
from tests.comparison_screen import (
    chosen_sides,
    judgments,
    on_screen,
    sign_in,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
STATE = "#save-state"
OPENER = "#aside-opener"
SHEET = "#aside-sheet"
FULL = """() => {
    Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError") };
}"""


def address_of(number: int) -> str:
    """Where the answer to this comparison goes."""
    comparison = Comparison.objects.order_by("-priority")[number - 1]
    return f"**/assignments/{Assignment.objects.get(comparison=comparison).uuid}/judgment/"


def answer_with(page: Page, address: str, status: int, text: str = "Not saved: no.") -> None:
    def refuse(route: Route) -> None:
        kind = "text/html" if status in (200, 500) else "text/plain"
        route.fulfill(status=status, content_type=kind, body=text)

    page.route(address, refuse)


def all_sent(page: Page) -> None:
    # `wait_for_function` would evaluate a string in the page, which its policy forbids.
    for _ in range(200):
        if not page.evaluate("JSON.stringify(localStorage).includes('pending')"):
            return
        page.wait_for_timeout(100)
    raise AssertionError("an answer is still kept")


def test_an_answer_on_which_the_server_fails_is_set_aside_and_the_next_are_saved(
    page: Page, path: str
) -> None:
    address = address_of(1)
    answer_with(page, address, 500)
    page.keyboard.press("1")
    on_screen(page, 2)
    page.keyboard.press("2")
    expect(page.locator(OPENER)).to_have_text("1 set aside", timeout=15_000)
    on_screen(page, 3)
    page.keyboard.press("2")
    on_screen(page, 4)
    expect(page.locator(STATE)).to_have_text("Saved ✓")
    assert chosen_sides() == ["right", "right"]
    assert "is set aside, and kept" in page.locator("#toasts").inner_text()
    page.click(OPENER)
    expect(page.locator(SHEET)).to_contain_text("Prompt number 1")
    expect(page.locator(SHEET)).to_contain_text("error 500")
    check_axe(page)
    page.unroute(address)
    page.get_by_role("button", name="Send again").click()
    all_sent(page)
    expect(page.locator(OPENER)).to_be_hidden()
    assert chosen_sides() == ["right", "right", "left"]


def test_a_page_that_waits_for_the_answer_goes_on_too(
    page: Page, live_server: LiveServer, project: Project, labeler: User
) -> None:
    page.route("**/ahead/", lambda route: route.abort())
    sign_in(page, live_server, f"/projects/{project.slug}/label/")
    on_screen(page, 1)
    answer_with(page, address_of(1), 500)
    page.keyboard.press("1")
    expect(page.locator(OPENER)).to_have_text("1 set aside", timeout=15_000)
    on_screen(page, 2)
    page.keyboard.press("2")
    on_screen(page, 3)
    assert chosen_sides() == ["right"]


@pytest.mark.parametrize("status", [400, 422])
def test_an_answer_refused_twice_is_set_aside_and_the_next_one_comes(
    page: Page, path: str, status: int
) -> None:
    answer_with(page, address_of(1), status)
    page.keyboard.press("1")
    expect(page.locator(STATE)).to_have_text("Not saved: no.")
    page.wait_for_timeout(100)
    on_screen(page, 1)
    page.keyboard.press("1")
    expect(page.locator(OPENER)).to_have_text("1 set aside")
    on_screen(page, 2)
    page.keyboard.press("2")
    on_screen(page, 3)
    assert chosen_sides() == ["right"]


def test_an_answer_to_what_is_no_longer_ones_own_is_kept(page: Page, path: str) -> None:
    Assignment.objects.filter(comparison=Comparison.objects.order_by("-priority")[0]).delete()
    page.keyboard.press("1")
    expect(page.locator(OPENER)).to_have_text("1 set aside")
    expect(page.locator("#toasts")).to_contain_text("no longer yours")
    on_screen(page, 2)
    page.keyboard.press("2")
    on_screen(page, 3)
    assert chosen_sides() == ["right"]


def test_what_is_set_aside_outlasts_a_reload_and_is_tried_once_more_with_it(
    page: Page, path: str
) -> None:
    address = address_of(1)
    answer_with(page, address, 500)
    page.keyboard.press("1")
    expect(page.locator(OPENER)).to_have_text("1 set aside", timeout=15_000)
    page.reload()
    on_screen(page, 2)
    expect(page.locator(OPENER)).to_have_text("1 set aside")
    expect(page.locator("#toasts")).not_to_contain_text("set aside")
    page.keyboard.press("2")
    on_screen(page, 3)
    page.unroute(address)
    page.reload()
    on_screen(page, 3)
    all_sent(page)
    expect(page.locator(OPENER)).to_be_hidden()
    assert chosen_sides() == ["right", "left"]


def test_answers_set_aside_while_the_server_failed_on_all_are_sent_when_it_is_well(
    page: Page, path: str
) -> None:
    answer_with(page, "**/judgment/", 500)
    page.keyboard.press("1")
    on_screen(page, 2)
    expect(page.locator(OPENER)).to_have_text("1 set aside", timeout=15_000)
    page.unroute("**/judgment/")
    page.keyboard.press("2")
    on_screen(page, 3)
    all_sent(page)
    expect(page.locator(OPENER)).to_be_hidden()
    assert sorted(chosen_sides()) == ["left", "right"]


@pytest.mark.parametrize("status", [401, 409, 429, 503])
def test_what_passes_sets_nothing_aside(page: Page, path: str, status: int) -> None:
    address = address_of(1)
    answer_with(page, address, status)
    page.keyboard.press("1")
    on_screen(page, 2)
    for _ in range(4):
        page.wait_for_event("response", lambda response: response.url.endswith("/judgment/"))
    expect(page.locator(STATE)).to_contain_text("1 kept")
    expect(page.locator(OPENER)).to_be_hidden()
    page.unroute(address)
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator(STATE)).to_have_text("Saved ✓")
    assert chosen_sides() == ["left"]


def test_a_page_of_somebody_else_between_is_no_saved_answer(page: Page, path: str) -> None:
    address = address_of(1)
    answer_with(page, address, 200, "<h1>Welcome to the hotel's network</h1>")
    page.keyboard.press("1")
    on_screen(page, 2)
    expect(page.locator(STATE)).to_contain_text("1 kept")
    page.unroute(address)
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator(STATE)).to_have_text("Saved ✓")
    assert chosen_sides() == ["left"]


def test_a_full_store_loses_no_answer_while_the_page_is_open(page: Page, path: str) -> None:
    page.context.set_offline(True)
    page.keyboard.press("1")
    on_screen(page, 2)
    expect(page.locator(STATE)).to_contain_text("1 kept")
    page.evaluate(FULL)
    page.keyboard.press("2")
    expect(page.locator(STATE)).to_contain_text("2 kept")
    page.context.set_offline(False)
    on_screen(page, 3)
    expect(page.locator(STATE)).to_have_text("Saved ✓")
    assert chosen_sides() == ["left", "right"]


def test_setting_aside_in_a_full_store_loses_nothing_with_a_reload(page: Page, path: str) -> None:
    address = address_of(1)
    answer_with(page, address, 500)
    page.keyboard.press("1")
    on_screen(page, 2)
    page.evaluate(FULL)
    expect(page.locator(OPENER)).to_have_text("1 set aside", timeout=15_000)
    page.unroute(address)
    page.once("dialog", lambda dialog: dialog.accept())  # leaving would lose what is not written
    page.reload()
    on_screen(page, 2)
    expect(page.locator(STATE)).to_have_text("Saved ✓")
    assert chosen_sides() == ["left"]


def test_another_window_shows_it_and_can_discard_it(
    page: Page, path: str, live_server: LiveServer
) -> None:
    other = page.context.new_page()
    other.goto(live_server.url + path)
    on_screen(other, 1)
    page.bring_to_front()
    answer_with(page, address_of(1), 422)
    for _ in range(2):
        on_screen(page, 1)
        page.keyboard.press("1")
        page.wait_for_timeout(300)
    expect(page.locator(OPENER)).to_have_text("1 set aside")
    other.bring_to_front()
    expect(other.locator(OPENER)).to_have_text("1 set aside")
    other.click(OPENER)
    other.get_by_role("button", name="Discard").click()
    other.get_by_role("button", name="Really discard it").click()
    expect(other.locator(OPENER)).to_be_hidden()
    page.bring_to_front()
    expect(page.locator(OPENER)).to_be_hidden()
    assert judgments() == []


def test_it_can_be_written_to_a_file_that_holds_no_token(
    page: Page, path: str, tmp_path: Path
) -> None:
    Assignment.objects.filter(comparison=Comparison.objects.order_by("-priority")[0]).delete()
    page.keyboard.press("w")
    page.keyboard.type("Because it is kind")
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    page.click(OPENER)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    download.value.save_as(tmp_path / "answer.json")
    (answer,) = json.loads((tmp_path / "answer.json").read_text())
    assert answer["prompt"] == "Prompt number 1"
    assert ["choice", "left"] in answer["fields"]
    assert ["rationale", "Because it is kind"] in answer["fields"]
    assert not re.search("csrf|token", json.dumps(answer))
