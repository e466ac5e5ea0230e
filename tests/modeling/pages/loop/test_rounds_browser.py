"""Rounds, samples, policies and the selection in a real browser: axe, phones, both themes."""

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from labeling.models import Role
from modeling.models.versions import loop_of
from modeling.selection import ordering
from tests.chromium import sign_in, violations
from tests.factories import make_member, make_project, make_prompt, make_response
from tests.modeling.page_helpers import make_history
from tests.modeling.pages.loop.test_pages_rounds import candidate_of, decided
from tests.modeling.selection_helpers import judge_next, live_model, queue_pairs

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def project() -> Any:
    """A round that was decided, one whose improvement the guard has stopped, and a queue."""
    project = make_project(name="Teatime", improvement="best_of_n", random_share=0, gold_share=0)
    make_member(project, Role.ADMIN, "owner")
    make_history(project, 1)
    done = decided(project)
    prompt = make_prompt(project, "How do I make tea?")
    make_response(prompt, "Boil the water first.", origin="policy", policy_version=1)
    make_response(prompt, "", origin="policy", policy_version=done.candidate.version)
    decided(project, state="rejected", win_rate=None)
    candidate_of(project)
    loop = loop_of(project)
    loop.improvement_stopped = "The responses have become twice as long."
    loop.save()
    ordering.forget()
    queue_pairs(project, live_model(project), [(3.0, [1.0, 0.0]), (0.02, [0.0, 1.0])] * 6)
    ordering.follow(project)
    judge_next(project, 4)
    ordering.follow(project)
    return project


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_no_page_breaks_a_rule_of_axe_or_is_wider_than_the_screen(
    page: Page, live_server: Any, project: Any, scheme: Any, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    sign_in(page, live_server, "owner")
    for name in ("project", "rounds", "samples", "policies", "selection"):
        address = reverse(name, args=[project.slug])
        page.goto(live_server.url + address)
        page.wait_for_load_state("networkidle")
        assert violations(page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address


def test_a_stopped_improvement_is_resumed_by_keyboard(
    page: Page, live_server: Any, project: Any
) -> None:
    sign_in(page, live_server, "owner")
    page.goto(live_server.url + reverse("rounds", args=[project.slug]))
    expect(page.get_by_text("twice as long").first).to_be_visible()
    page.get_by_label("Why").first.focus()
    page.keyboard.type("The prompts asked for more")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Why")).to_have_count(0)
    assert loop_of(project).improvement_stopped == ""
