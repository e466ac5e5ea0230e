"""The settings in a browser: short enough to be looked over, and usable by keyboard."""

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from labeling.models import Project, Role
from modeling.models import LoopSettings
from modeling.settings import SETTINGS, Setting
from modeling.settings.recipes import RECIPES
from tests.chromium import sign_in, violations
from tests.factories import make_member, make_project, set_loop

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SCREENS = 3


@pytest.fixture
def project(page: Page, live_server: LiveServer) -> Project:
    project = make_project(name="Kindness")
    make_member(project, Role.ADMIN, "ada")
    page.set_viewport_size({"width": 1280, "height": 800})
    sign_in(page, live_server, "ada")
    return project


def height(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollHeight"))


def another_than_the_default(setting: Setting) -> Any:
    values = [value for value, is_allowed in setting.limits() if is_allowed]
    return next((value for value in values if value != setting.default), setting.default)


@pytest.mark.parametrize("name", ["project-settings", "project-loop-settings"])
def test_no_page_is_longer_than_three_screens(
    page: Page, live_server: LiveServer, project: Project, name: str
) -> None:
    page.goto(live_server.url + reverse(name, args=[project.slug]))
    assert height(page) <= SCREENS * 800


def test_no_recipe_makes_the_page_longer_than_three_screens(
    page: Page, live_server: LiveServer, project: Project
) -> None:
    """Each is chosen, then saved, so that the next is marked against the one before."""
    heights = {}
    for recipe in RECIPES:
        page.goto(live_server.url + reverse("project-loop-settings", args=[project.slug]))
        page.get_by_role("button", name=recipe.title).click()
        page.get_by_text("not saved yet", exact=False).first.wait_for()
        heights[f"{recipe.name}, chosen"] = height(page)
        page.locator(".settings-save button").click()
        page.get_by_text("Saved: ").wait_for()
        heights[f"{recipe.name}, saved"] = height(page)
    assert {name: tall for name, tall in heights.items() if tall > SCREENS * 800} == {}


def test_not_even_a_project_with_nothing_at_its_default_has_a_longer_page(
    page: Page, live_server: LiveServer, project: Project
) -> None:
    set_loop(project, **{name: another_than_the_default(one) for name, one in SETTINGS.items()})
    page.goto(live_server.url + reverse("project-loop-settings", args=[project.slug]))
    assert page.locator("details.more-settings[open]").count() == 0
    assert height(page) <= SCREENS * 800


def test_a_mark_beside_a_fold_opens_it_at_its_setting(
    page: Page, live_server: LiveServer, project: Project
) -> None:
    set_loop(project, reward_members=4)
    page.goto(live_server.url + reverse("project-loop-settings", args=[project.slug]))
    page.locator(".fold-marks").get_by_role("link", name="Models in the ensemble").press("Enter")
    field = page.get_by_label("Models in the ensemble")
    field.wait_for(state="visible")
    assert field.evaluate("each => each === document.activeElement")
    assert page.locator(".fold-marks").is_hidden(), "the open fold says it itself"


def test_a_refused_setting_of_a_fold_is_seen_and_reached_by_its_link(
    page: Page, live_server: LiveServer, project: Project
) -> None:
    page.goto(live_server.url + reverse("project-loop-settings", args=[project.slug]))
    page.get_by_text("More about learning").press("Enter")
    page.get_by_label("Epochs at most").fill("0")
    page.get_by_label("Epochs at most").press("Enter")
    link = page.locator(".error-link")
    link.wait_for()
    field = page.get_by_label("Epochs at most")
    assert field.is_visible()
    assert page.get_by_text("It has to be a whole number from 1 to 100, or empty.").is_visible()
    link.press("Enter")
    assert field.evaluate("each => each === document.activeElement")


def test_a_curator_changes_what_is_theirs_and_cannot_type_in_the_rest(
    page: Page, live_server: LiveServer, project: Project
) -> None:
    make_member(project, Role.CURATOR, "cora")
    page.context.clear_cookies()
    sign_in(page, live_server, "cora")
    page.goto(live_server.url + reverse("project-loop-settings", args=[project.slug]))
    assert page.get_by_label("Retrain after this many new preferences").is_disabled()
    assert page.locator("form.settings .recipes").count() == 0
    page.get_by_label("What comes first").select_option("random")
    page.get_by_role("button", name="Save settings").last.press("Enter")
    page.get_by_text("Saved: What comes first.").wait_for()
    assert LoopSettings.objects.get(project=project).selection == "random"
    assert violations(page) == []


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
    page.locator(".fold-marks").get_by_role("link", name="Heads on one model").press("Enter")
    page.locator("button[name=to_default][value=reward_heads]").press("Enter")
    page.get_by_text("Not saved yet; saved is 8.").wait_for()
    assert LoopSettings.objects.get(project=project).reward_heads == 8
