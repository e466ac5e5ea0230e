"""Room to read: the responses have half of the window, the bar folds, earlier messages are open."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling.models import Project
from tests.chromium import check_axe
from tests.comparison_screen import judgments, sign_in
from tests.factories import make_comparison, make_member, make_project, make_prompt

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LONG = "\n\n".join(
    f"Paragraph {number} says a little more than the one before." for number in range(60)
)
EVERYTHING: dict[str, Any] = {
    "scale": "strength",
    "aspects": ["helpful", "honest", "harmless"],
    "allow_rewrite": True,
    "reason_chips": ["clearer", "safer"],
}
WINDOWS: dict[str, Any] = {
    "1280 x 720": (1280, 720, 2, EVERYTHING),
    "1280 x 720 with a required reason": (1280, 720, 2, {**EVERYTHING, "ask_reason": "required"}),
    "a phone": (390, 844, 2, EVERYTHING),
    "levels on a phone": (390, 844, 2, {**EVERYTHING, "scale": "levels"}),
    "a small phone": (360, 640, 2, EVERYTHING),
    "ranking at 200 %": (640, 360, 4, {"scale": "ranking"}),
    "strength at 200 %": (640, 360, 2, EVERYTHING),
}


def open_page(page: Page, live_server: LiveServer, size: int = 2, **settings: Any) -> None:
    project = make_project(random_share=0, **settings)
    for number in (1, 2):
        texts = tuple(f"Response {letter}. {LONG}" for letter in range(size))
        prompt = make_prompt(project, f"Prompt number {number}. {LONG}")
        make_comparison(project, texts, prompt=prompt, priority=-number)
    make_member(project, name="ada")
    sign_in(page, live_server, f"/projects/{project.slug}/label/")
    expect(page.locator("#choices")).to_be_focused()
    page.wait_for_timeout(300)


def height(page: Page, what: str) -> float:
    box = page.locator(what).bounding_box()
    assert box is not None
    window = page.viewport_size
    assert window is not None and box["y"] >= 0 and box["y"] + box["height"] <= window["height"] + 1
    return box["height"]


@pytest.mark.parametrize(("width", "tall", "size", "mode"), WINDOWS.values(), ids=WINDOWS)
def test_the_responses_have_half_of_the_window(
    page: Page,
    live_server: LiveServer,
    width: int,
    tall: int,
    size: int,
    mode: dict[str, Any],
) -> None:
    page.set_viewport_size({"width": width, "height": tall})
    open_page(page, live_server, size, **mode)
    assert height(page, ".panes") >= tall / 2
    assert height(page, ".prompt") >= 40
    assert height(page, ".bar") > 0


def test_the_bar_is_folded_by_key_and_by_button_and_stays_as_it_was_left(
    page: Page, live_server: LiveServer
) -> None:
    open_page(page, live_server, **EVERYTHING)
    unfolded = height(page, ".bar")
    page.keyboard.press("b")
    assert height(page, ".bar") < unfolded / 2
    expect(page.locator(".aspects")).to_be_hidden()
    expect(page.locator("[data-fold]")).to_have_attribute("aria-expanded", "false")
    check_axe(page)
    page.reload()
    expect(page.locator("#choices")).to_be_focused()
    assert height(page, ".bar") < unfolded / 2
    page.click("[data-fold]")
    assert height(page, ".bar") == unfolded


def test_what_is_asked_unfolds_the_bar_and_the_next_one_is_folded_again(
    page: Page, live_server: LiveServer
) -> None:
    open_page(page, live_server, aspects=["helpful"], allow_rewrite=True)
    page.keyboard.press("b")
    folded = height(page, ".bar")
    page.keyboard.press("1")
    expect(page.locator(".bar-hint")).to_have_text("Still to choose: helpful")
    page.keyboard.press("2")
    page.keyboard.press("t")
    expect(page.locator("#rewrite")).to_be_focused()
    page.keyboard.type("Better")
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    expect(page.locator(".prompt")).to_contain_text("Prompt number 2")
    expect(page.locator("#save-state")).to_have_text("Saved ✓")
    assert height(page, ".bar") == folded
    (judgment,) = judgments()
    assert judgment.rewrite is not None


def test_a_ranking_is_saved_with_the_bar_folded(page: Page, live_server: LiveServer) -> None:
    page.set_viewport_size({"width": 640, "height": 360})
    open_page(page, live_server, 3, scale="ranking")
    for key in "213":
        page.keyboard.press(key)
    page.click(".rank-save")
    expect(page.locator("#save-state")).to_have_text("Saved ✓")


# Earlier messages


def conversation(project: Project, number: int, words: str = "Some words.") -> None:
    turns = [("user", f"First question {number}. {words}"), ("assistant", f"First answer. {words}")]
    turns += [("user", f"Prompt number {number}")]
    messages = [{"role": role, "content": text} for role, text in turns]
    make_comparison(project, prompt=make_prompt(project, messages=messages), priority=-number)


def open_conversation(page: Page, live_server: LiveServer, words: str = "Some words.") -> None:
    project = make_project(random_share=0)
    for number in (1, 2):
        conversation(project, number, words)
    make_member(project, name="ada")
    sign_in(page, live_server, f"/projects/{project.slug}/label/")
    expect(page.locator("#choices")).to_be_focused()
    page.wait_for_timeout(300)


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Page]:
    with chromium.new_context(viewport={"width": 390, "height": 844}) as context:
        yield context.new_page()


def test_earlier_messages_are_open_and_the_last_one_is_in_view(
    page: Page, live_server: LiveServer
) -> None:
    open_conversation(page, live_server, LONG)
    expect(page.locator(".turn .cooked").first).to_be_visible()
    expect(page.locator(".prompt-inner > .cooked")).to_be_in_viewport()


def test_earlier_messages_stay_folded_once_somebody_has_folded_them(
    page: Page, live_server: LiveServer
) -> None:
    open_conversation(page, live_server)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method))
    page.keyboard.press("e")
    expect(page.locator(".turn .cooked").first).to_be_hidden()
    assert asked == []
    page.keyboard.press("1")
    expect(page.locator(".prompt")).to_contain_text("Prompt number 2")
    expect(page.locator(".turn .cooked").first).to_be_hidden()
    page.reload()
    expect(page.locator("#choices")).to_be_focused()
    expect(page.locator(".turn .cooked").first).to_be_hidden()
    page.click("details.earlier > summary")
    page.reload()
    expect(page.locator(".turn .cooked").first).to_be_visible()


def test_on_a_phone_earlier_messages_are_open_only_where_they_leave_the_last_one_in_view(
    phone: Page, live_server: LiveServer
) -> None:
    open_conversation(phone, live_server, LONG)
    expect(phone.locator(".turn .cooked").first).to_be_hidden()
    expect(phone.locator(".prompt-inner > .cooked")).to_be_in_viewport()
