"""What browser tests share: the Chromium they drive, found on the machine and never downloaded;
signing in; and axe."""

import os
import shutil
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import Page

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Nothing but the test's own pages is asked for; root in a container has no sandbox.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str:
    """The browser's path. Without one the test is skipped, in CI it fails."""
    for program in PROGRAMS:
        if path := shutil.which(program):
            return path
    message = f"no browser on this machine (looked for {', '.join(PROGRAMS)})"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def sign_in(page: Page, server: Any, name: str) -> None:
    """As somebody whom the factories have made."""
    page.goto(server.url + reverse("sign-in"))
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(f"{name}-password")
    page.keyboard.press("Enter")
    page.wait_for_url(server.url + "/")


def violations(page: Page) -> list[str]:
    """What axe finds, a line each."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in found]


def check_axe(page: Page) -> None:
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
