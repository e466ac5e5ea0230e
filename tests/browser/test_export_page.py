"""A curator filters, chooses a shape by keyboard, and downloads what the page foretold."""

import hashlib
import io
import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling.importing import import_file
from labeling.models import Role
from tests.chromium import check_axe, sign_in
from tests.factories import make_member, make_project

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_what_was_filtered_is_downloaded_in_the_chosen_shape(
    page: Page, live_server: LiveServer
) -> None:
    project = make_project(slug="kindness")
    rows = [{"prompt": f"Q{n}?", "chosen": "=a", "rejected": "b"} for n in range(3)]
    rows.append({"prompt": "Q1 tie?", "chosen": "c", "rejected": "d", "kind": "tie"})
    content = "\n".join(map(json.dumps, rows)).encode()
    import_file(project, None, io.BytesIO(content), name="made")
    make_member(project, Role.CURATOR, "cora")
    sign_in(page, live_server, "cora")
    page.goto(f"{live_server.url}/projects/kindness/preferences/?q=Q1")
    page.get_by_role("link", name="Export these").press("Enter")
    expect(page.get_by_role("heading", name="1 preference")).to_be_visible()
    expect(page.get_by_text("Ties: 1")).to_be_visible()
    check_axe(page)
    page.get_by_role("checkbox", name="Ties").press("Space")
    expect(page.get_by_role("heading", name="2 preferences")).to_be_visible()
    page.get_by_role("radio", name="Tinker").press("Space")
    expect(page.get_by_text("ComparisonBuilderFromJsonl").first).to_be_visible()
    check_axe(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").press("Enter")
    body = Path(download.value.path()).read_bytes()
    assert download.value.suggested_filename == "kindness-preferences-tinker.jsonl"
    assert sorted(json.loads(line)["label"] == "Tie" for line in body.splitlines()) == [False, True]
    page.reload()
    expect(page.get_by_role("radio", name="Tinker")).to_be_checked()
    code = page.get_by_role("cell").filter(has_text=hashlib.sha256(body).hexdigest()[:12])
    expect(code).to_be_visible()
    page.get_by_role("radio", name="NeMo RL").press("Space")
    expect(page.get_by_text("has no place for ties")).to_be_visible()
    expect(page.get_by_role("button", name="Download")).to_have_count(0)
