"""A newcomer brings three people's votes in by the page that maps columns, and sees how far they
agree."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling.models import Role
from tests.chromium import check_axe, sign_in
from tests.factories import make_member, make_project

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

VOTES = [[1, 1, 1], [2, 2, 2], [1, 1, 2], [0, 0, 0], [2, 2, 2], [1, 1, 1]]


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, settings) -> None:
    settings.DATA_DIR = tmp_path


def test_three_peoples_votes_become_agreement_by_clicks(
    page: Page, live_server: LiveServer, tmp_path: Path
) -> None:
    project = make_project(name="Kindness")
    make_member(project, Role.CURATOR, "cora")
    file = tmp_path / "three_people.jsonl"
    rows = (
        {"prompt": f"Task {number}?", "responses": ["One way.", "Other way."], "models": ["m", "n"]}
        | {"judgments": votes}
        for number, votes in enumerate(VOTES)
    )
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    sign_in(page, live_server, "cora")
    page.goto(f"{live_server.url}/projects/{project.slug}/import/")
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Check the file").press("Enter")
    expect(page.get_by_text("By judgments 1: A is better").first).to_be_visible()
    expect(page.get_by_label("Who judged")).to_have_value("yes")
    check_axe(page)
    page.get_by_role("button", name="Check the file").press("Enter")
    expect(page.get_by_text("18 judgments of theirs")).to_be_visible()
    check_axe(page)
    page.get_by_label("Call the labelers annotator 1, 2").press("Space")
    page.get_by_role("button", name="Import 18 rows").press("Enter")
    expect(page.get_by_role("row", name="New outside labelers 3")).to_be_visible()
    page.get_by_role("button", name="See how far labelers agree").press("Enter")
    # Of the six, two of three agree once: (5 · 3 + 1) / 18.
    expect(page.get_by_text("89 %").first).to_be_visible()
    expect(page.get_by_text("18 judged pairs by 3 people, all of them")).to_be_visible()
    page.get_by_role("link", name="outside labelers").first.press("Enter")
    expect(page.get_by_role("link", name="annotator 3")).to_be_visible()
    check_axe(page)
