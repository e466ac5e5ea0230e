"""A curator imports a file with bad rows by keyboard alone, and sees which were left out."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling.models import Project, Role
from tests.chromium import check_axe, sign_in
from tests.factories import make_member, make_project

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ROWS = '{"prompt": "One?", "chosen": "a", "rejected": "b"}\n{"prompt": 2}\n{"prompt": "Three?"}\n'


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, settings) -> None:
    settings.DATA_DIR = tmp_path


def test_rows_with_errors_are_skipped_and_listed(
    page: Page, live_server: LiveServer, tmp_path: Path
) -> None:
    project: Project = make_project(name="Kindness")
    make_member(project, Role.CURATOR, "cora")
    file = tmp_path / "rows.jsonl"
    file.write_text(ROWS)
    sign_in(page, live_server, "cora")
    page.goto(f"{live_server.url}/projects/{project.slug}/import/")
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Check the file").press("Enter")
    expect(page.get_by_text("or tick Skip rows with errors")).to_be_visible()
    check_axe(page)
    page.get_by_label("File").set_input_files(file)
    page.get_by_label("Skip rows with errors").press("Space")
    page.get_by_role("button", name="Check the file").press("Enter")
    page.get_by_text("1 row with errors, skipped").press("Enter")
    expect(page.get_by_role("cell", name="Must be a text")).to_be_visible()
    check_axe(page)
    page.get_by_role("button", name="Import 2 rows").press("Enter")
    page.get_by_text("1 row with errors, skipped").press("Enter")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the list").press("Enter")
    assert "Must be a text" in Path(download.value.path()).read_text()
    check_axe(page)
