"""Undo at every moment: after an answer was saved, while it waits, and when its reply was lost."""

import pytest
from playwright.sync_api import Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from labeling.models import Judgment, Project, User
from tests.comparison_screen import chosen_sides, judgments, on_screen, sign_in, with_next_ready

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
STATE = "#save-state"


def test_undo_by_key_and_by_button_brings_the_reason_back(page: Page, path: str) -> None:
    page.keyboard.press("w")
    page.keyboard.type("Because it is kind")
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    on_screen(page, 2)
    expect(page.locator(STATE)).to_have_text("Saved ✓")
    for undo in (lambda: page.keyboard.press("u"), lambda: page.click("button[form=undo]")):
        undo()
        on_screen(page, 1)
        expect(page.locator("#rationale")).to_have_value("Because it is kind")
        expect(page.locator(".was-given")).to_have_attribute("value", "left")
        page.keyboard.press("1")
        on_screen(page, 2)
        expect(page.locator(STATE)).to_have_text("Saved ✓")
    assert [judgment.rationale for judgment in judgments()] == ["Because it is kind"]


def test_a_reason_that_is_cleared_after_an_undo_stays_cleared(page: Page, path: str) -> None:
    page.keyboard.press("w")
    page.keyboard.type("Because")
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    on_screen(page, 2)
    expect(page.locator(STATE)).to_have_text("Saved ✓")
    page.keyboard.press("u")
    on_screen(page, 1)
    page.keyboard.press("w")
    page.fill("#rationale", "")
    page.reload()
    on_screen(page, 1)
    expect(page.locator("#rationale")).to_have_value("")


def test_answers_that_wait_are_taken_back_one_by_one_without_a_connection(
    page: Page, path: str
) -> None:
    page.context.set_offline(True)
    page.keyboard.press("1")
    on_screen(page, 2)
    page.keyboard.press("w")
    page.keyboard.type("Warmer")
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    expect(page.locator(STATE)).to_contain_text("2 kept")
    page.keyboard.press("u")
    expect(page.locator("#announcement")).to_contain_text("You had said: B is better.")
    expect(page.locator("#rationale")).to_have_value("Warmer")
    expect(page.locator(".was-given")).to_have_attribute("value", "right")
    page.keyboard.press("u")
    on_screen(page, 1)
    expect(page.locator("#today")).to_have_text("0")
    page.keyboard.press("2")
    on_screen(page, 2)
    expect(page.locator("#rationale")).to_have_value("Warmer")
    page.keyboard.press("1")
    page.context.set_offline(False)
    on_screen(page, 3)
    expect(page.locator(STATE)).to_have_text("Saved ✓")
    assert chosen_sides() == ["right", "left"]
    assert Judgment.objects.count() == 2


def test_what_was_taken_back_is_never_sent(page: Page, path: str) -> None:
    page.context.set_offline(True)
    page.keyboard.press("1")
    on_screen(page, 2)
    page.keyboard.press("u")
    on_screen(page, 1)
    page.context.set_offline(False)
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator(STATE)).to_have_text("Taken back")
    page.wait_for_timeout(300)
    assert not Judgment.objects.exists()
    assert "pending" not in page.evaluate("JSON.stringify(localStorage)")


def test_an_answer_whose_reply_was_lost_is_undone_at_the_server_too(
    page: Page, live_server: LiveServer, project: Project, labeler: User
) -> None:
    sign_in(page, live_server, f"/projects/{project.slug}/label/")
    on_screen(page, 1)
    with_next_ready(page)
    lost: list[Route] = []

    def lose(route: Route) -> None:
        if not lost:
            route.fetch()
        lost.append(route)
        route.abort("connectionreset")

    page.route("**/judgment/", lose)
    page.route("**/undo/", lambda route: route.abort())
    page.keyboard.press("1")
    on_screen(page, 2)
    expect(page.locator(STATE)).to_contain_text("1 kept")
    assert chosen_sides() == ["left"]
    page.keyboard.press("u")
    on_screen(page, 1)
    page.keyboard.press("2")
    on_screen(page, 2)
    page.unroute("**/undo/")
    page.unroute("**/judgment/")
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator(STATE)).to_have_text("Saved ✓")
    assert chosen_sides() == ["right"]
