"""Whatever goes wrong while somebody judges: the answer is kept, saved once, and one is told so."""

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from labeling.models import (
    Assignment,
    Comparison,
    GuidelineVersion,
    Judgment,
    Membership,
    Project,
    User,
)
from tests.comparison_screen import (
    chosen_sides,
    fill_sign_in,
    judgments,
    on_screen,
    sign_in,
    with_next_ready,
)
from tests.factories import make_member

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
STATE = "#save-state"


def test_answers_given_without_connection_are_sent_in_order(page: Page, path: str) -> None:
    page.context.set_offline(True)
    page.keyboard.press("1")
    on_screen(page, 2)
    expect(page.locator(STATE)).to_contain_text("Waiting for connection · 1 kept")
    page.keyboard.press("2")
    expect(page.locator(STATE)).to_contain_text("Waiting for connection · 2 kept")
    expect(page.locator(".prompt")).to_contain_text("Prompt number 2")
    assert judgments() == []
    page.context.set_offline(False)
    on_screen(page, 3)
    expect(page.locator(STATE)).to_have_text("Saved ✓")
    expect(page.locator("#today")).to_have_text("2")
    assert chosen_sides() == ["left", "right"]


def test_answer_outlasts_a_reload(page: Page, path: str) -> None:
    page.route("**/judgment/", lambda route: route.abort())
    page.keyboard.press("2")
    on_screen(page, 2)
    expect(page.locator(STATE)).to_contain_text("Waiting for connection · 1 kept")
    page.reload()
    page.wait_for_timeout(300)
    assert judgments() == []
    page.unroute("**/judgment/")
    page.reload()
    on_screen(page, 2)
    assert chosen_sides() == ["right"]
    assert "pending" not in page.evaluate("JSON.stringify(localStorage)")


def test_session_that_ends_keeps_the_answer_until_sign_in(
    page: Page, path: str, live_server: LiveServer
) -> None:
    page.context.clear_cookies()
    page.keyboard.press("2")
    on_screen(page, 2)  # the bar has come anew with it
    expect(page.locator(STATE)).to_contain_text("Signed out · 1 kept")
    link = page.locator(f"{STATE} a").element_handle()
    for _ in range(2):  # tried again, in vain
        page.wait_for_event("response", lambda response: response.url.endswith("/judgment/"))
    assert link.evaluate("link => link.isConnected")  # one may be pressing it
    page.click(f"{STATE} a")
    fill_sign_in(page)
    page.wait_for_url(live_server.url + path)
    on_screen(page, 2)
    assert chosen_sides() == ["right"]


def test_next_person_on_the_machine_sends_nothing_of_the_last(
    page: Page, path: str, live_server: LiveServer, project: Project
) -> None:
    make_member(project, name="bob")
    page.route("**/judgment/", lambda route: route.abort())
    page.keyboard.press("2")
    expect(page.locator(STATE)).to_contain_text("Waiting for connection · 1 kept")
    page.context.clear_cookies()
    page.unroute("**/judgment/")
    page.goto(live_server.url + path)
    page.fill("[name=username]", "bob")
    page.fill("[name=password]", "bob-password")
    page.keyboard.press("Enter")
    page.wait_for_url(live_server.url + path)
    page.wait_for_timeout(500)
    assert judgments() == []
    assert "pending" in page.evaluate("JSON.stringify(localStorage)")


def test_reason_being_written_outlasts_a_reload(page: Page, path: str) -> None:
    page.keyboard.press("w")
    page.keyboard.type("Because it is")
    page.reload()
    on_screen(page, 1)
    expect(page.locator("#rationale")).to_have_value("Because it is")
    page.keyboard.press("1")
    on_screen(page, 2)
    expect(page.locator("#rationale")).to_have_value("")
    assert judgments()[0].rationale == "Because it is"
    assert "draft" not in page.evaluate("JSON.stringify(localStorage)")


def test_double_click_answers_once(page: Page, path: str) -> None:
    page.dblclick("button[value=left]")
    on_screen(page, 2)
    assert len(judgments()) == 1


def test_second_window_is_told_that_the_first_answer_stands(
    page: Page, path: str, live_server: LiveServer
) -> None:
    other = page.context.new_page()
    other.goto(live_server.url + path)
    on_screen(other, 1)
    page.bring_to_front()
    page.keyboard.press("1")
    on_screen(page, 2)
    other.bring_to_front()
    other.keyboard.press("2")
    expect(other.locator("#toasts")).to_contain_text("in another window: that answer stands")
    assert chosen_sides() == ["left"]


def test_back_and_forth_shows_what_is_still_to_judge(
    page: Page, path: str, live_server: LiveServer
) -> None:
    page.keyboard.press("1")
    on_screen(page, 2)
    page.goto(live_server.url + "/")
    page.go_back()
    on_screen(page, 2)
    assert len(judgments()) == 1


def test_clock_that_is_wrong_changes_nothing(
    page: Page, live_server: LiveServer, project: Project, labeler: User
) -> None:
    page.add_init_script("const now = Date.now; Date.now = () => now() + 40 * 365 * 864e5")
    sign_in(page, live_server, f"/projects/{project.slug}/label/")
    on_screen(page, 1)
    page.keyboard.press("1")
    on_screen(page, 2)
    (judgment,) = judgments()
    assert not judgment.is_late
    assert judgment.seconds is not None and judgment.seconds < 60


def test_removed_labeler_reads_why_nothing_is_saved(page: Page, path: str, labeler: User) -> None:
    Membership.objects.filter(user=labeler).delete()
    page.keyboard.press("1")
    expect(page.locator("#toasts")).to_contain_text("you are no longer a member of this project")
    assert judgments() == []


def test_new_guidelines_are_announced_with_a_link(page: Page, path: str, project: Project) -> None:
    version = GuidelineVersion.objects.create(project=project, number=2, text="Be **kinder**.")
    Project.objects.filter(pk=project.pk).update(guidelines=version)
    page.keyboard.press("1")
    expect(page.locator("#guidelines-notice")).to_be_visible()
    page.click("#guidelines-notice a")
    expect(page.locator("#guidelines-drawer")).to_contain_text("Version 2")
    page.keyboard.press("Escape")
    expect(page.locator("#guidelines-notice")).to_be_hidden()


def test_withdrawn_comparison_says_that_its_answer_does_not_count(page: Page, path: str) -> None:
    first = Comparison.objects.order_by("-priority")[0]
    Comparison.objects.filter(pk=first.pk).update(state=Comparison.State.WITHDRAWN)
    page.keyboard.press("1")
    expect(page.locator("#toasts")).to_contain_text("not counted: the comparison was withdrawn")
    on_screen(page, 2)


def test_refused_answer_comes_back_on_screen(page: Page, path: str) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=400, content_type="text/plain", body="Not saved: choose again.")

    page.route("**/judgment/", refuse)
    page.keyboard.press("1")
    expect(page.locator(STATE)).to_have_text("Not saved: choose again.")
    page.wait_for_timeout(100)  # the choice is seen for a moment before it is taken back
    on_screen(page, 1)
    page.unroute("**/judgment/")
    page.keyboard.press("2")
    on_screen(page, 2)
    assert chosen_sides() == ["right"]


def test_closing_gives_the_leases_back_soon(
    page: Page, path: str, live_server: LiveServer, labeler: User
) -> None:
    page.goto("about:blank")
    page.wait_for_timeout(700)
    held = Assignment.objects.filter(labeler=labeler, state=Assignment.State.LEASED)
    assert len(held) == 2
    for lease in held:
        assert (lease.expires_at - timezone.now()).total_seconds() < 31


def test_answer_before_the_next_one_has_come_shows_it_once(
    page: Page, live_server: LiveServer, project: Project, labeler: User
) -> None:
    """The next one then comes twice: in the reply, and as what had been asked for ahead."""
    held_back: list[Route] = []

    def hold(route: Route) -> None:
        if len(held_back) < 2:
            held_back.append(route)
        else:
            route.continue_()

    page.route("**/ahead/", hold)
    sign_in(page, live_server, f"/projects/{project.slug}/label/")
    on_screen(page, 1)
    page.wait_for_timeout(300)
    page.route("**/judgment/", hold)
    page.keyboard.press("1")
    page.wait_for_timeout(300)
    assert len(held_back) == 2
    for route in held_back:
        route.continue_()
        page.wait_for_timeout(400)
    on_screen(page, 2)
    page.keyboard.press("1")
    on_screen(page, 3)
    assert len(judgments()) == 2


def test_undo_right_after_an_answer_waits_for_it(page: Page, path: str) -> None:
    page.keyboard.press("1")
    page.wait_for_timeout(100)
    page.keyboard.press("u")
    on_screen(page, 1)
    assert Judgment.objects.get().superseded_at is not None
    expect(page.locator("#today")).to_have_text("0")


def test_nothing_moves_when_the_next_one_comes(page: Page, path: str) -> None:
    page.evaluate(
        """() => { window.shift = 0; new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) window.shift += entry.value;
        }).observe({ type: "layout-shift", buffered: false }); }"""
    )
    for number in (1, 2, 3):
        on_screen(page, number)
        with_next_ready(page)
        page.keyboard.press("1")
    on_screen(page, 4)
    assert page.evaluate("window.shift") == 0
