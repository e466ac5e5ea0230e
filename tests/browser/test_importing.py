"""A curator imports by keyboard alone: rows with errors, two files at once, pasted rows, what a
worker reads; and takes an import back."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling import tasks
from labeling.models import Import, Project, Role
from labeling.pages.projects import importing
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
    page.get_by_label("Files").set_input_files(file)
    page.get_by_role("button", name="Check the file").press("Enter")
    expect(page.get_by_text("or tick Skip rows with errors")).to_be_visible()
    check_axe(page)
    page.get_by_label("Files").set_input_files(file)
    page.get_by_label("Skip rows with errors").press("Space")
    page.get_by_role("button", name="Check the file").press("Enter")
    page.get_by_text("1 row with errors, skipped").press("Enter")
    expect(page.get_by_role("cell", name="Must be a text")).to_be_visible()
    check_axe(page)
    page.get_by_role("button", name="Import 2 rows").press("Enter")
    page.get_by_text("1 row with errors, skipped").press("Enter")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").press("Enter")
    assert "Must be a text" in Path(download.value.path()).read_text()
    check_axe(page)


def test_two_files_at_once_are_one_import_that_is_undone(
    page: Page, live_server: LiveServer, tmp_path: Path
) -> None:
    project: Project = make_project(name="Kindness")
    make_member(project, Role.CURATOR, "cora")
    files = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    files[0].write_text('{"prompt": "One?", "responses": ["a", "b"]}\n')
    files[1].write_text('{"prompt": "Two?"}\n')
    sign_in(page, live_server, "cora")
    page.goto(f"{live_server.url}/projects/{project.slug}/import/")
    page.get_by_label("Files").set_input_files(files)
    page.get_by_role("button", name="Check the file").press("Enter")
    expect(page.get_by_role("row", name="New prompts 2")).to_be_visible()
    page.get_by_role("button", name="Import 2 rows").press("Enter")
    expect(page.get_by_role("heading", name="one.jsonl, two.jsonl")).to_be_visible()
    check_axe(page)
    page.get_by_role("button", name="Undo this import").press("Enter")
    expect(page.get_by_role("row", name="Prompts taken back 2")).to_be_visible()
    check_axe(page)
    page.get_by_role("button", name="Undo this import").press("Enter")
    expect(page.get_by_role("heading", name="What was taken back")).to_be_visible()
    assert not project.prompts.exists()
    page.get_by_role("link", name="All imports").press("Enter")
    expect(page.get_by_role("row", name="one.jsonl, two.jsonl taken back")).to_be_visible()
    check_axe(page)


def test_pasted_rows_are_imported(page: Page, live_server: LiveServer) -> None:
    project: Project = make_project(name="Kindness")
    make_member(project, Role.CURATOR, "cora")
    sign_in(page, live_server, "cora")
    page.goto(f"{live_server.url}/projects/{project.slug}/import/")
    page.get_by_label("Or paste rows").fill("prompt,chosen,rejected\nWhy?,Because.,No.\n")
    page.get_by_role("button", name="Check the file").press("Enter")
    page.get_by_role("button", name="Import 1 row").press("Enter")
    expect(page.get_by_role("row", name="Preferences stored 1")).to_be_visible()


def test_a_worker_reads_and_the_page_follows_by_itself(
    page: Page, live_server: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "IN_BACKGROUND_BYTES", 10)
    project: Project = make_project(name="Kindness")
    make_member(project, Role.CURATOR, "cora")
    file = tmp_path / "large.jsonl"
    file.write_text('{"prompt": "One?"}\n{"prompt": "Two?"}\n')
    sign_in(page, live_server, "cora")
    page.goto(f"{live_server.url}/projects/{project.slug}/import/")
    page.get_by_label("Files").set_input_files(file)
    page.get_by_role("button", name="Check the file").press("Enter")
    expect(page.get_by_role("status").get_by_text("waits for a worker")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_be_visible()
    check_axe(page)
    page.reload()
    job = Import.objects.get()
    Import.objects.update(
        attempt=1, progress={"what": "reading", "at": 5000, "of": 10000, "rows": 7}
    )
    expect(page.get_by_text("7 rows read")).to_be_visible()
    Import.objects.update(attempt=0)
    tasks.go_on_with_import(job.pk)
    page.get_by_role("button", name="Import 2 rows").click()
    tasks.go_on_with_import(job.pk)
    expect(page.get_by_text("imported", exact=True)).to_be_visible()
    assert project.prompts.count() == 2
