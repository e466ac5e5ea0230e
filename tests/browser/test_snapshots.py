"""A curator keeps what a filter shows, sees it, and compares it with what is there a day later."""

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling.models import Preference, Role
from tests.chromium import check_axe, sign_in
from tests.factories import claim_and_judge, make_comparisons, make_member, make_project

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_filter_is_kept_and_compared_with_a_later_one(
    page: Page, live_server: LiveServer
) -> None:
    project = make_project(random_share=0)
    make_comparisons(project, 3)
    labeler = make_member(project)
    for choice in ("left", "left", "tie"):
        claim_and_judge(labeler, project, choice)
    make_member(project, Role.CURATOR, "owner")
    sign_in(page, live_server, "owner")
    page.goto(f"{live_server.url}/projects/{project.slug}/preferences/")
    page.get_by_role("link", name="preferred").click()
    expect(page.locator(".count")).to_contain_text("2 match")
    page.get_by_role("link", name="Take a snapshot").click()
    page.get_by_label("Name").fill("Spring")
    page.get_by_label("Name").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Spring")
    expect(page.locator(".facts")).to_contain_text("2 by 1 person")
    with page.expect_download() as download:
        page.get_by_role("link", name="snapshot.jsonl").click()
    assert len(download.value.path().read_text().splitlines()) == 2

    changed = Preference.objects.filter(kind="prefer").earliest("id")
    Preference.objects.filter(pk=changed.pk).update(weight=0.5)
    page.goto(f"{live_server.url}/projects/{project.slug}/snapshots/")
    page.get_by_role("button", name="Take a snapshot").click()
    page.get_by_label("Name").fill("Summer")
    page.get_by_role("button", name="Take the snapshot").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Summer")
    page.goto(f"{live_server.url}/projects/{project.slug}/snapshots/")
    page.get_by_role("button", name="Compare the two").click()
    table = page.get_by_role("region", name="What differs")
    expect(table.get_by_role("row")).to_have_count(3)
    expect(table).to_contain_text("weight")
    page.get_by_role("link", name="weight 1").click()
    expect(table.get_by_role("row")).to_have_count(2)
    check_axe(page)
    table.get_by_role("link", name=f"#{changed.pk}").click()
    expect(page).to_have_url(f"{live_server.url}/projects/{project.slug}/preferences/{changed.pk}/")
