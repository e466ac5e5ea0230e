"""Keys on the keyboards that people have: other digits, other letters, other places, compositions.

The browser is told what is printed on the key (`key`) and which place it has (`code`), as it hears
it from the system.
"""

from typing import Any

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling.models import Judgment, Project, Role, User
from tests import chromium
from tests.comparison_screen import chosen_sides, judgments, on_screen, sign_in
from tests.factories import claim_and_judge, make_comparison, make_member, make_project

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def press(page: Page, key: str, code: str, **more: Any) -> None:
    keyboard = page.context.new_cdp_session(page)
    event = {"key": key, "code": code, "windowsVirtualKeyCode": 65, **more}
    keyboard.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **event})
    keyboard.send("Input.dispatchKeyEvent", {"type": "keyUp", **event})


SHIFT = {"modifiers": 8}
KEYS: list[Any] = [
    pytest.param("&", "Digit1", {}, "left", id="AZERTY, the row of digits"),
    pytest.param("é", "Digit2", {}, "right", id="AZERTY, a letter in that row"),
    pytest.param("2", "Digit2", SHIFT, "right", id="AZERTY with Shift"),
    pytest.param("+", "Digit1", {}, "left", id="Czech"),
    pytest.param("2", "Numpad2", {}, "right", id="number pad"),
    pytest.param("١", "Digit1", {}, "left", id="Arabic digits"),
    pytest.param("ы", "KeyS", {}, "skip", id="Cyrillic"),
    pytest.param("Ы", "KeyS", {}, "skip", id="Cyrillic, capitals locked"),
    pytest.param("σ", "KeyS", {}, "skip", id="Greek"),
    pytest.param("ㄴ", "KeyS", {}, "skip", id="Korean"),
    pytest.param("s", "Semicolon", {}, "skip", id="Dvorak, where S is elsewhere"),
]
NOTHING: list[Any] = [
    pytest.param("o", "KeyS", {}, id="Dvorak, another letter in the place of S"),
    pytest.param("!", "Digit1", SHIFT, id="a sign above a digit"),
    pytest.param("²", "Digit2", {"modifiers": 1}, id="with Alt"),
    pytest.param("Ы", "KeyS", SHIFT, id="a capital letter"),
]


@pytest.mark.parametrize(("key", "code", "more", "said"), KEYS)
def test_a_key_answers_by_what_is_printed_on_it_or_else_by_its_place(
    page: Page, path: str, key: str, code: str, more: dict[str, int], said: str
) -> None:
    press(page, key, code, **more)
    on_screen(page, 2)
    expect(page.locator("#save-state")).to_have_text("Saved ✓")
    assert [said] == (["skip"] if judgments()[0].kind == "skip" else chosen_sides())


@pytest.mark.parametrize(("key", "code", "more"), NOTHING)
def test_a_key_that_means_something_else_answers_nothing(
    page: Page, path: str, key: str, code: str, more: dict[str, int]
) -> None:
    press(page, key, code, **more)
    page.wait_for_timeout(300)
    on_screen(page, 1)
    assert not Judgment.objects.exists()


def test_aspects_and_places_are_chosen_by_the_row_of_digits_of_azerty(
    page: Page, live_server: LiveServer
) -> None:
    project = make_project(random_share=0, aspects=["helpful"])
    make_comparison(project, priority=2)
    make_comparison(project, ("One.", "Two.", "Three."), priority=1)
    make_member(project, name="ada")
    sign_in(page, live_server, f"/projects/{project.slug}/label/")
    expect(page.locator("#choices")).to_be_focused()
    page.wait_for_timeout(300)
    press(page, "ф", "KeyA")
    press(page, '"', "Digit3")
    press(page, "&", "Digit1")
    expect(page.locator(".place").first).to_be_visible()
    page.wait_for_timeout(300)
    for key, code in [("é", "Digit2"), ("&", "Digit1"), ('"', "Digit3")]:
        press(page, key, code)
    page.keyboard.press("Enter")
    expect(page.locator("#nothing")).to_be_visible()
    pair, ranking = judgments()
    assert pair.aspects == {"helpful": pair.order[1]}
    assert [tier[0] for tier in ranking.tiers] == [ranking.order[at] for at in (1, 0, 2)]


@pytest.mark.parametrize("word", ["Enter", "Escape", "1"])
def test_a_key_that_ends_a_composition_sends_and_closes_nothing(
    page: Page, live_server: LiveServer, word: str
) -> None:
    project = make_project(random_share=0, ask_reason="required")
    make_comparison(project)
    make_member(project, name="ada")
    sign_in(page, live_server, f"/projects/{project.slug}/label/")
    expect(page.locator("#choices")).to_be_focused()
    page.wait_for_timeout(300)
    page.keyboard.press("1")
    expect(page.locator("#rationale")).to_be_focused()
    page.keyboard.insert_text("にほん")
    # As Safari has it: the composition is over, and only the old code tells that this was its end.
    press(page, word, "Enter", windowsVirtualKeyCode=229)
    page.wait_for_timeout(300)
    expect(page.locator("#rationale")).to_be_focused()
    assert not Judgment.objects.exists()
    page.keyboard.press("Enter")
    expect(page.locator("#nothing")).to_be_visible()
    assert judgments()[0].rationale == "にほん"


def test_brackets_scroll_where_no_key_has_them(
    page: Page, live_server: LiveServer, project: Project, labeler: User
) -> None:
    long = "\n\n".join(f"Paragraph {number}" for number in range(200))
    make_comparison(project, (long, f"{long} more"), priority=1000)
    sign_in(page, live_server, f"/projects/{project.slug}/label/")
    expect(page.locator("#choices")).to_be_focused()
    top = "document.querySelector('#response-A').scrollTop"
    press(page, "ü", "BracketLeft")
    assert page.evaluate(top) > 0
    press(page, "Ü", "BracketLeft", **SHIFT)
    assert page.evaluate(top) == 0


def test_own_keys_are_pressed_and_chosen_on_other_keyboards(
    page: Page, path: str, live_server: LiveServer, labeler: User
) -> None:
    page.goto(f"{live_server.url}/account/settings/?next={path}")
    page.focus("[name='key-s']")
    press(page, "й", "KeyQ")
    expect(page.locator("[name='key-s']")).to_have_value("q")
    page.focus("[name='key-u']")
    press(page, "&", "Digit1")  # the first choice's: said before it is saved
    expect(page.locator("[name='key-u']")).to_have_js_property("validity.valid", False)
    page.keyboard.press("Backspace")
    page.click("text=Save")
    on_screen(page, 1)
    press(page, "й", "KeyQ")
    on_screen(page, 2)
    press(page, "ы", "KeyS")
    page.wait_for_timeout(300)
    assert [judgment.kind for judgment in judgments()] == ["skip"]


def test_curation_is_steered_on_other_keyboards(page: Page, live_server: LiveServer) -> None:
    project = make_project()
    make_member(project, Role.CURATOR, "owner")
    make_comparison(project)
    claim_and_judge(make_member(project), project)
    chromium.sign_in(page, live_server, "owner")
    page.goto(f"{live_server.url}/projects/{project.slug}/preferences/")
    page.locator("a.excerpt").focus()
    press(page, "ч", "KeyX")
    expect(page.locator("input[name=id]")).to_be_checked()
    press(page, ".", "KeyE")  # Dvorak
    expect(page.locator("#reason")).not_to_be_focused()
    press(page, "у", "KeyE")
    expect(page.locator("#reason")).to_be_focused()
