"""When the first start lets people in with one click."""

from pathlib import Path

import pytest
from django.conf import settings

from config import database


@pytest.fixture
def demo_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DATA_DIR whose demo project was made by the first start, with nothing else set."""
    for name in ("DEMO_MODE", *database.SETTINGS_OF_A_SHARED_SITE):
        monkeypatch.delenv(name, raising=False)
    database._note_our_demo(tmp_path)
    return tmp_path


def test_on_for_the_demo_on_this_machine(demo_dir: Path) -> None:
    assert database.demo_mode(demo_dir, "127.0.0.1")
    assert database.demo_mode(demo_dir, "localhost")


def test_off_without_the_demo(demo_dir: Path) -> None:
    (demo_dir / database.DEMO_MARK).unlink()
    assert not database.demo_mode(demo_dir, "127.0.0.1")


def test_off_with_another_database_than_the_demo_is_in(
    demo_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", "production")
    assert not database.demo_mode(demo_dir, "127.0.0.1")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "labeling.example.org"])
def test_off_where_other_machines_can_reach_it(demo_dir: Path, host: str) -> None:
    assert not database.demo_mode(demo_dir, host)


def test_off_behind_a_proxy(demo_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", "labeling.example.org")
    assert not database.demo_mode(demo_dir, "127.0.0.1")


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("0", False)])
def test_the_setting_decides_where_it_is_set(
    demo_dir: Path, monkeypatch: pytest.MonkeyPatch, value: str, expected: bool
) -> None:
    monkeypatch.setenv("DEMO_MODE", value)
    assert database.demo_mode(demo_dir, "127.0.0.1") is expected
