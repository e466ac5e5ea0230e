"""One's own pages and those of curators in a real browser: by keyboard, on a phone, and for axe."""

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from labeling.models import Judgment, Membership, Preference, Role
from labeling.people import invitations
from labeling.quality import gold
from tests.chromium import sign_in, violations
from tests.factories import (
    judge_for,
    make_comparisons,
    make_member,
    make_project,
    make_prompt,
    make_response,
)
from tests.labeling.quality.test_gold import LONG

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def project() -> Any:
    project = make_project(overlap=2, random_share=0, gold_share=0)
    make_comparisons(project, 32)
    for name in ("noor", "ana"):
        labeler = make_member(project, name=name)
        for _ in range(32):
            judge_for(labeler, project, "Good." if name == "noor" else "Bad.")
    make_member(project, Role.ADMIN, "owner")
    return project


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_no_page_breaks_a_rule_of_axe_or_is_wider_than_the_screen(
    page: Page, live_server: Any, project: Any, settings: Any, scheme: Any, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    noor = Membership.objects.get(user__username="noor")
    Membership.objects.filter(pk=noor.pk).update(role=Role.ADMIN)
    sign_in(page, live_server, "noor")
    make_response(make_prompt(project), LONG)
    gold.construct(project, noor.user, 1)
    _, token = invitations.create_invitation(project, noor.user, Role.LABELER)
    other = make_project(name="A project with a rather long name that has to wrap somewhere")
    invitations.invite_account(other, make_member(other, Role.ADMIN), "noor", Role.LABELER)
    settings.EMAIL_HOST = "mail.example.org"
    own = Judgment.objects.filter(labeler=noor.user)[0]
    addresses = [
        reverse("members", args=[project.slug]),
        reverse("member", args=[project.slug, noor.pk]),
        reverse("agreement", args=[project.slug]),
        reverse("my-work", args=[project.slug]),
        reverse("my-judgment", args=[project.slug, own.pk]),
        reverse("my-settings"),
        reverse("account"),
        reverse("password-forgotten"),
        reverse("password-mailed"),
        reverse("home"),
        reverse("labeler-models", args=[project.slug, noor.pk]),
        reverse("quality-control", args=[project.slug]),
        reverse("flagged", args=[project.slug]),
        reverse("project-settings", args=[project.slug]),
        reverse("invitation", args=[token]),
    ]
    for address in addresses:
        page.goto(live_server.url + address)
        page.wait_for_load_state("networkidle")
        assert violations(page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address


def test_an_answer_is_corrected_by_keyboard(page: Page, live_server: Any, project: Any) -> None:
    sign_in(page, live_server, "noor")
    page.goto(live_server.url + reverse("my-work", args=[project.slug]))
    assert violations(page) == []
    page.get_by_role("button", name="Correct").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Your answer")
    assert violations(page) == []
    page.get_by_role("radio", name="About the same").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Save the correction").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Corrected. Your first answer stays")).to_be_visible()
    assert Preference.objects.filter(votes_tie=1).count() == 1


def test_a_link_is_made_and_lets_somebody_in(page: Page, live_server: Any, project: Any) -> None:
    sign_in(page, live_server, "owner")
    page.goto(live_server.url + reverse("members", args=[project.slug]))
    page.get_by_label("For whom").fill("Mila")
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("Invitation link").input_value()
    page.context.clear_cookies()
    page.goto(link)
    assert violations(page) == []
    page.get_by_label("User name").fill("mila")
    page.get_by_label("Password").fill("a-long-secret-7")
    page.get_by_role("button", name="Make an account and join").click()
    page.wait_for_url("**/label/")
    assert Membership.objects.get(user__username="mila").role == Role.LABELER


def test_judgments_leave_training_and_the_models_are_listed(
    page: Page, live_server: Any, project: Any
) -> None:
    sign_in(page, live_server, "owner")
    ana = Membership.objects.get(user__username="ana")
    page.goto(live_server.url + reverse("member", args=[project.slug, ana.pk]))
    page.get_by_label("Why").fill("Always the other way round")
    page.get_by_role("button", name="Take out").click()
    expect(page.get_by_text("32 preferences settled anew")).to_be_visible()
    assert set(Preference.objects.values_list("chosen__text", flat=True)) == {"Good."}


def test_name_and_password_are_changed_by_keyboard(
    page: Page, live_server: Any, project: Any
) -> None:
    sign_in(page, live_server, "noor")
    page.goto(live_server.url)
    page.locator(".user-menu summary").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Your account").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Your name").fill("Noor Ali")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your name is saved.")).to_be_visible()
    page.get_by_label("Your password of today").fill("noor-password")
    page.keyboard.press("Tab")
    page.keyboard.type("short")
    page.keyboard.press("Tab")
    page.keyboard.type("short")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This password is too short").first).to_be_visible()
    assert violations(page) == []
    page.get_by_label("Your password of today").fill("noor-password")
    page.get_by_label("New password", exact=True).fill("a-long-secret-7")
    page.get_by_label("The new password again").fill("a-long-secret-7")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your password is changed.")).to_be_visible()


def test_an_invitation_to_an_account_is_accepted_on_the_first_page(
    page: Page, live_server: Any, project: Any
) -> None:
    other = make_project(name="Tea")
    invitations.invite_account(other, make_member(other, Role.ADMIN), "noor", Role.LABELER)
    sign_in(page, live_server, "noor")
    page.goto(live_server.url)
    page.get_by_role("button", name="Join Tea").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/label/")
    assert Membership.objects.get(project=other, user__username="noor").role == Role.LABELER
