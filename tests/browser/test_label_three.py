"""A person labels three comparisons by keyboard alone, in a real browser; and what the page does
when the connection, the network or the person is in trouble."""

import re
from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling.models import Judgment, Project, Scale, User
from tests.chromium import check_axe
from tests.factories import make_comparison, make_member, make_project, make_prompt

Theme = Literal["light", "dark"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TEXTS = [
    ("Blot it with **cold water**, then vinegar.", "Use bleach."),
    ("```python\nprint('hello')  # a comment\n```", "| a | b |\n|---|--:|\n| 1 | 2 |"),
    ("استخدم الملح 🧂 فوراً", "# Title\n\nSee [this](https://example.org) and ![that](https://x.example/p.png)."),
    ("Four.", "> Quoted."),
]  # fmt: skip
SignIn = Callable[[str], None]


@pytest.fixture
def project() -> Project:
    """Four comparisons; their order is the order they were made in."""
    project = make_project(name="Kindness", question="Which is kinder?", random_share=0)
    for number, texts in enumerate(TEXTS):
        prompt = make_prompt(project, f"Prompt number {number + 1}")
        make_comparison(project, texts, prompt=prompt, priority=10 - number)
    return project


@pytest.fixture
def labeler(project: Project) -> User:
    return make_member(project, name="ada")


@pytest.fixture
def sign_in(page: Page, live_server: LiveServer, labeler: User) -> SignIn:
    """Signs in on the form that leads to a page, and waits for that page."""

    def to(path: str) -> None:
        page.goto(live_server.url + path)
        page.focus("[name=username]")
        page.keyboard.type("ada")
        page.keyboard.press("Tab")
        page.keyboard.type("ada-password")
        page.keyboard.press("Enter")
        page.wait_for_url(live_server.url + path)

    return to


def on_screen(page: Page, number: int) -> None:
    """Waits until this comparison is there and takes answers."""
    expect(page.locator(".prompt")).to_contain_text(f"Prompt number {number}")
    expect(page.locator("#choices")).to_be_focused()
    # A press within the first quarter of a second is taken for a bouncing key; the rest of the wait
    # is for machines with other work.
    page.wait_for_timeout(700)


def judgments() -> list[Judgment]:
    return list(Judgment.objects.filter(superseded_at=None).order_by("id"))


def left_is_chosen(judgment: Judgment) -> bool:
    return bool(judgment.tiers == [[judgment.order[0]], [judgment.order[1]]])


def test_three_comparisons_by_keyboard_alone(page: Page, sign_in: SignIn, project: Project) -> None:
    sign_in(f"/projects/{project.slug}/label/")
    on_screen(page, 1)
    page.keyboard.press("1")
    on_screen(page, 2)
    expect(page.locator("#announcement")).to_have_text("Saved. Next comparison.")
    expect(page.locator("#save-state")).to_have_text("Saved ✓")
    expect(page.locator("#today")).to_have_text("1")
    page.keyboard.press("w")
    page.keyboard.type("Because 2 and 0 are keys too")
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")
    on_screen(page, 3)
    page.keyboard.press("3")
    on_screen(page, 4)

    first, second, third = judgments()
    assert left_is_chosen(first)
    assert second.tiers == [[second.order[1]], [second.order[0]]]
    assert second.rationale == "Because 2 and 0 are keys too"
    assert third.kind == Judgment.Kind.TIE
    assert all(judgment.seconds and judgment.seconds > 0 for judgment in judgments())


def test_undo_skip_and_the_end(page: Page, sign_in: SignIn, project: Project) -> None:
    sign_in(f"/projects/{project.slug}/label/")
    on_screen(page, 1)
    page.keyboard.press("0")
    on_screen(page, 2)
    page.keyboard.press("u")
    on_screen(page, 1)
    expect(page.locator("#today")).to_have_text("0")
    for number, key in enumerate(["2", "s", "1", "1"], start=1):
        on_screen(page, number)
        page.keyboard.press(key)
    expect(page.locator("#nothing")).to_be_visible()
    assert [judgment.kind for judgment in judgments()] == ["prefer", "skip", "prefer", "prefer"]


def test_keys_are_left_alone_where_they_mean_something_else(
    page: Page, sign_in: SignIn, project: Project
) -> None:
    sign_in(f"/projects/{project.slug}/label/")
    on_screen(page, 1)
    page.keyboard.press("Control+1")
    page.keyboard.press("?")
    expect(page.locator("#keys-sheet")).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    expect(page.locator("#guidelines-drawer")).to_contain_text("Version 1")
    page.keyboard.press("2")
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    expect(page.locator("#response-A .raw")).to_be_visible()
    expect(page.locator("#response-A .cooked")).to_be_hidden()
    expect(page.locator(".prompt")).to_contain_text("Prompt number 1")
    assert judgments() == []


def test_choice_survives_a_lost_connection(page: Page, sign_in: SignIn, project: Project) -> None:
    # Else the next comparison may be here in time, and is shown at once in the place of this one.
    page.route("**/ahead/", lambda route: route.abort())
    sign_in(f"/projects/{project.slug}/label/")
    on_screen(page, 1)
    page.context.set_offline(True)
    page.keyboard.press("1")
    expect(page.locator("#save-state")).to_contain_text("Waiting for connection")
    expect(page.locator("#response-A")).to_have_class(re.compile("is-chosen"))
    page.keyboard.press("2")
    assert judgments() == []
    page.context.set_offline(False)
    on_screen(page, 2)
    (judgment,) = judgments()
    assert left_is_chosen(judgment)


def test_answer_that_arrived_though_its_reply_was_lost_is_counted_once(
    page: Page, sign_in: SignIn, project: Project
) -> None:
    sign_in(f"/projects/{project.slug}/label/")
    on_screen(page, 1)
    lost: list[bool] = []

    def lose_the_reply(route, request) -> None:  # type: ignore[no-untyped-def]
        if lost:
            route.continue_()
        else:
            lost.append(route.fetch())
            route.abort("connectionreset")

    page.route("**/judgment/", lose_the_reply)
    page.keyboard.press("2")
    on_screen(page, 2)
    assert len(lost) == 1
    assert Judgment.objects.count() == 1


def test_works_without_javascript(
    chromium, live_server: LiveServer, project: Project, labeler: User
) -> None:  # type: ignore[no-untyped-def]
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{live_server.url}/projects/{project.slug}/label/")
        page.fill("[name=username]", "ada")
        page.fill("[name=password]", "ada-password")
        page.click("main button[type=submit]")
        page.click("button[value=left]")
        expect(page.locator(".prompt")).to_contain_text("Prompt number 2")
        page.click("button[form=undo]")
        expect(page.locator(".prompt")).to_contain_text("Prompt number 1")
    assert Judgment.objects.get().superseded_at is not None


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(page: Page, sign_in: SignIn, project: Project, theme: Theme) -> None:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    sign_in(f"/projects/{project.slug}/label/")
    for number, _ in enumerate(TEXTS, start=1):
        on_screen(page, number)
        check_axe(page)
        page.keyboard.press("1")
    expect(page.locator("#nothing")).to_be_visible()
    check_axe(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_a_phone_and_in_the_drawers(
    page: Page, sign_in: SignIn, project: Project, theme: Theme
) -> None:
    Project.objects.filter(pk=project.pk).update(scale=Scale.STRENGTH)
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.set_viewport_size({"width": 390, "height": 844})
    sign_in(f"/projects/{project.slug}/label/")
    on_screen(page, 1)
    check_axe(page)
    page.keyboard.press("w")
    check_axe(page)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    check_axe(page)
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    expect(page.locator("#guidelines")).to_be_visible()
    check_axe(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_before_and_around_labeling(
    page: Page,
    sign_in: SignIn,
    live_server: LiveServer,
    project: Project,
    theme: Literal["light", "dark"],
) -> None:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.goto(f"{live_server.url}/sign-in/")
    check_axe(page)
    sign_in("/")
    check_axe(page)
    page.goto(f"{live_server.url}/projects/{project.slug}/guidelines/")
    check_axe(page)
