"""When the first start lets people in with one click."""

from pathlib import Path

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from config import database, environment
from labeling.models import User
from labeling.people.signing_in import demo
from tests.factories import make_user


@pytest.fixture
def demo_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DATA_DIR whose demo project was made by the first start, with nothing else set."""
    for name in ("DEMO_MODE", "HTTPS", *environment.SHARED_SITE):
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
    monkeypatch.setitem(django_settings.DATABASES["default"], "NAME", "production")
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


@pytest.mark.django_db
def test_the_welcome_carries_the_secret_until_somebody_has_an_account(
    demo_dir: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DATA_DIR = demo_dir
    monkeypatch.setattr("django.db.connections.close_all", lambda: None)  # this test's own, too
    monkeypatch.setenv("DEMO_MODE", "")
    User.objects.create(username="demo-admin", password="!")
    database.prepare(demo_dir, "127.0.0.1")
    secret = demo.secret()
    assert f"http://127.0.0.1:8000/demo/{secret}/\n" in database.welcome("http://127.0.0.1:8000/")

    monkeypatch.setenv("DEMO_MODE", "")
    make_user("ada")
    database.prepare(demo_dir, "127.0.0.1")
    assert demo.secret() == ""
    assert database.welcome("http://x/").endswith("http://x/\nSign in there with your account.")
