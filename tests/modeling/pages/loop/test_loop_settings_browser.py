"""The settings in a browser: short enough to be looked over, and usable by keyboard."""

import pytest
from django.urls import reverse
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from labeling.models import Project, Role
from modeling.models import LoopSettings
from tests.chromium import sign_in
from tests.factories import make_member, make_project

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SCREENS = 3


@pytest.fixture
def project(page: Page, live_server: LiveServer) -> Project:
    project = make_project(name="Kindness")
    make_member(project, Role.ADMIN, "ada")
    page.set_viewport_size({"width": 1280, "height": 800})
    sign_in(page, live_server, "ada")
    return project


@pytest.mark.parametrize("name", ["project-settings", "project-loop-settings"])
def test_no_page_is_longer_than_three_screens(
    page: Page, live_server: LiveServer, project: Project, name: str
) -> None:
    page.goto(live_server.url + reverse(name, args=[project.slug]))
    height = page.evaluate("document.documentElement.scrollHeight")
    assert height <= SCREENS * 800


def test_a_recipe_by_keyboard_is_filled_in_and_then_saved(
    page: Page, live_server: LiveServer, project: Project
) -> None:
    page.goto(live_server.url + reverse("project-loop-settings", args=[project.slug]))
    page.get_by_role("button", name="Quick mode on a laptop").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Not saved yet; saved is 100.").wait_for()
    assert page.get_by_label("Retrain after this many new preferences").input_value() == "16"
    # Enter in a field saves: it is no press of the first recipe.
    page.get_by_label("Retrain after this many new preferences").press("Enter")
    page.get_by_text("Saved: ").wait_for()
    asked = LoopSettings.objects.get(project=project)
    assert (asked.retrain_after, asked.reward_method) == (16, "frozen")
    page.get_by_text("More about learning").press("Enter")
    page.locator("button[name=to_default][value=reward_heads]").press("Enter")
    page.get_by_text("Not saved yet; saved is 8.").wait_for()
    assert LoopSettings.objects.get(project=project).reward_heads == 8
