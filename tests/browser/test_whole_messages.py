"""Tool calls and reasoning on the comparison screen and in the drawer: folded, by keyboard too."""

from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling.models import Project
from tests.chromium import check_axe
from tests.comparison_screen import sign_in
from tests.factories import (
    claim_and_judge,
    make_member,
    make_project,
    make_prompt,
    make_response,
    queue,
)

pytestmark = pytest.mark.django_db(transaction=True)

CALL = {"id": "c", "function": {"name": "thermometer", "arguments": '{"city": "Turin"}'}}


@pytest.fixture
def project() -> Project:
    project = make_project(name="Warmth", random_share=0)
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "How warm is Turin?"},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "The thermometer is broken.", "tool_call_id": "c"},
    ]
    tools = [{"type": "function", "function": {"name": "thermometer"}}]
    prompt = make_prompt(project, messages=messages, extra={"tools": tools})
    thought = "It is May, and most days of May are warm there. " * 6
    answers: list[tuple[str, dict[str, Any]]] = [
        ("", {"tool_calls": [CALL]}),
        ("About 21 degrees.", {"reasoning_content": thought}),
    ]
    queue(*(make_response(prompt, text, extra=extra) for text, extra in answers))
    return project


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_answer_that_is_a_call_is_open_and_reasoning_is_folded(
    page: Page,
    live_server: LiveServer,
    project: Project,
    width: int,
    scheme: Literal["light", "dark"],
) -> None:
    make_member(project, name="ada")
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    sign_in(page, live_server, f"/projects/{project.slug}/label/")
    call = page.locator(".response details", has_text="Tool call: thermometer")
    expect(call.locator("pre")).to_be_visible()
    reasoning = page.locator(".response details", has_text="Reasoning")
    expect(reasoning.locator("p")).to_be_hidden()
    reasoning.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(reasoning.locator("p")).to_be_visible()
    tools = page.locator(".prompt details", has_text="Tools that it may call")
    tools.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(tools.locator("pre")).to_contain_text("thermometer")
    check_axe(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_drawer_shows_what_the_labeler_saw(
    page: Page, live_server: LiveServer, project: Project, scheme: Literal["light", "dark"]
) -> None:
    labeler = make_member(project, "curator", name="ada")
    claim_and_judge(labeler, project)
    page.emulate_media(color_scheme=scheme)
    sign_in(page, live_server, f"/projects/{project.slug}/preferences/")
    page.locator("#preferences a.excerpt").first.click()
    drawer = page.locator("#preference")
    expect(drawer.locator("summary", has_text="Reasoning")).to_be_visible()
    drawer.locator("section.side summary", has_text="Tool call: thermometer").focus()
    page.keyboard.press("Enter")
    expect(drawer.locator("section.side pre")).to_contain_text("Turin")
    check_axe(page)
