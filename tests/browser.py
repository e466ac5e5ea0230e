"""The Chromium that browser tests drive: found on the machine, never downloaded."""

import os
import shutil

import pytest

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
