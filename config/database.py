"""Brings the database up to date when Preferable starts, and fills an empty one with the demo."""

import io
import os
from pathlib import Path

import django.db
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from config import web_port
from config.terminal import step


def prepare(data_dir: Path, host: str) -> None:
    try:
        with step("Preparing the database"):
            call_command("migrate", interactive=False, verbosity=0)
        if not get_user_model().objects.exists():
            with step("Creating the demo project"):
                call_command("create_demo", stdout=io.StringIO())
            _demo_mark(data_dir).touch()
    except django.db.Error as problem:
        raise ImproperlyConfigured(
            f"The database cannot be used ({str(problem).strip()}): check DATABASE_URL, or the "
            f"files in DATA_DIR={data_dir}"
        ) from problem
    finally:
        django.db.connections.close_all()  # the parts open their own
    os.environ["DEMO_MODE"] = "1" if demo_mode(data_dir, host) else "0"


def demo_mode(data_dir: Path, host: str) -> bool:
    """Whether the sign-in page lets people in with one click.

    DEMO_MODE decides where it is set. Otherwise: only where `prepare` made the demo project, and
    where nothing says that other machines can reach the pages, directly or through a proxy.
    """
    chosen = os.environ.get("DEMO_MODE")
    if chosen:
        return chosen.lower() in {"1", "true", "yes", "on"}
    is_private = web_port.is_loopback(host) and not os.environ.get("ALLOWED_HOSTS")
    return is_private and _demo_mark(data_dir).exists()


def how_to_sign_in() -> str:
    if os.environ.get("DEMO_MODE") == "1":
        return "Sign in there with one click, as labeler, curator or admin (demo mode)."
    try:
        if get_user_model().objects.exists():
            return "Sign in there with your account."
        return "No account exists yet: make one with `python manage.py createsuperuser`."
    finally:
        django.db.connections.close_all()


def _demo_mark(data_dir: Path) -> Path:
    return data_dir / "demo-project"
