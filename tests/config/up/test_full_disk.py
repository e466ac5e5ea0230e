"""A disk that is full for half a minute ends nothing: everything returns by itself."""

import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode

import pytest

from config import environment
from config.up import redis_server
from tests.config.up_helpers import Up, running_on, start, wait_until

pytestmark = pytest.mark.timeout(480)

FULL_SECONDS = 30
BACK_SECONDS = 60
DISK_MB = 320  # `up` refuses to begin with less than 200 MB


@pytest.fixture
def disk(tmp_path: Path, prepared_database: Path) -> Iterator[Path]:
    """A small disk of our own, with a database on it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    if (
        shutil.which("mount") is None
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("needs the right to mount a small disk")
    try:
        for file in prepared_database.parent.glob("preferable.sqlite3*"):
            shutil.copy(file, folder)
        yield folder
    finally:
        for process in running_on(folder):
            with suppress(OSError):
                process.kill()
        subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=30)


def fill(disk: Path) -> Path:
    """Leaves no byte: in large pieces first, then one by one."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (2**20, 2**12, 1):
            with suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    assert shutil.disk_usage(disk).free == 0
    return ballast


class Browser:
    def __init__(self, up: Up) -> None:
        self.address = f"http://127.0.0.1:{up.port}"
        self.cookies = CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def sign_in(self) -> tuple[int, str]:
        """Stores a session: the least that labeling writes."""
        self.cookies.clear()
        self.opener.open(f"{self.address}/sign-in/", timeout=30).close()
        token = next(cookie.value for cookie in self.cookies if cookie.name == "csrftoken")
        fields = {"username": "ada", "password": "not-a-secret-1", "csrfmiddlewaretoken": token}
        try:
            with self.opener.open(
                f"{self.address}/sign-in/", urlencode(fields).encode(), timeout=60
            ) as page:
                return page.status, page.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode()


def test_a_full_disk_ends_nothing_for_good(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADVANCE_EVERY_SECONDS", "1")
    up = start(disk)
    browser = Browser(up)
    assert browser.sign_in()[0] == 200

    ballast = fill(disk)
    socket = environment.redis_socket(disk)
    wait_until(lambda: redis_server.reply(socket).startswith(b"-MISCONF"), "Redis refuses")
    # A part that ends now is started again without a byte to write it down.
    os.kill(up.pid("scorer"), signal.SIGKILL)
    status, words = browser.sign_in()
    assert status == 503, words
    assert "cannot read or write its data at the moment" in words
    with pytest.raises(subprocess.TimeoutExpired):
        up.process.wait(FULL_SECONDS)
    assert up.output.count(" ended (") == 1, "the others wait: what is trained goes on"

    ballast.unlink()
    wait_until(lambda: redis_server.is_ready(socket), "Redis takes orders", BACK_SECONDS)
    wait_until(lambda: browser.sign_in()[0] == 200, "people sign in", BACK_SECONDS)
    log = disk / "logs" / "worker-default.log"
    before = log.read_text().count("advance_all[")
    wait_until(
        lambda: log.read_text().count("advance_all[") > before, "workers look again", BACK_SECONDS
    )
    assert up.stop(signal.SIGTERM) == 0
    assert running_on(disk) == []
