"""The web process never loads torch: every page is opened in a fresh interpreter."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Pages that a signed-in admin reads; the rest of the addresses take POST or other arguments.
READ = {
    "home",
    "project-new",
    "project",
    "project-loop",
    "queue-hint",
    "label",
    "guidelines",
    "guidelines-edit",
    "guidelines-history",
    "project-settings",
    "project-loop-settings",
    "members",
    "member",
    "labeler-models",
    "my-work",
    "my-judgment",
    "invitation",
    "curation",
    "agreement",
    "preferences",
    "preference",
    "audit",
    "import",
    "rounds",
    "rounds-live",
    "samples",
    "runs",
    "run",
    "run-live",
    "policies",
    "reward-models",
    "reward-model",
    "account",
    "api-token",
    "api-schema",
    "api-projects",
    "api-project",
    "api-preferences",
}


@pytest.mark.slow
def test_no_page_loads_a_learning_library():
    environment = {
        **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
        "DJANGO_SETTINGS_MODULE": "config.settings_test",
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.render_every_page"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["heavy"] == []
    pages = told["pages"]
    assert {name: pages.get(name) for name in READ} == dict.fromkeys(READ, 200)
    assert {name: status for name, status in pages.items() if status >= 500} == {}
