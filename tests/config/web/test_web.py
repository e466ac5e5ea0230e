"""The web process: it answers without its neighbours, and it never loads torch."""

import subprocess
import sys

import pytest
from django.test import Client

from tests.config.up_helpers import ROOT

HEAVY = "torch", "transformers", "accelerate"
# Every page's module is imported once the addresses are; then one page of each kind is asked for.
FRESH_WEB_PROCESS = f"""
import sys
from config.wsgi import application
from django.test import Client
from django.urls import get_resolver

assert get_resolver().url_patterns
client = Client(SERVER_NAME="localhost")
assert client.get("/healthz").status_code == 200
assert client.get("/this/page/does/not/exist").status_code == 404
print([name for name in {HEAVY!r} if name in sys.modules])
"""


def test_healthz_asks_no_database(client: Client) -> None:
    # Without the mark that allows it, any query would fail this test.
    response = client.get("/healthz")
    assert response.json() == {"status": "ok"}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_healthz_answers_to_this_machine_whatever_hosts_are_allowed(
    client: Client, host: str
) -> None:
    from config import settings  # the product's, not the tests'

    assert host in settings.ALLOWED_HOSTS
    assert client.get("/healthz", headers={"host": host}).status_code == 200


def test_pages_are_served_without_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FRESH_WEB_PROCESS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
