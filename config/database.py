"""Brings the database up to date when Preferable starts, and fills an empty one with the demo."""

import io
import os
from pathlib import Path

import django.db
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.urls import reverse

from config import environment
from config.up.terminal import step
from labeling.people.signing_in import demo

DEMO_MARK = "demo-project"


def prepare(data_dir: Path, host: str) -> None:
    """Migrates the database, makes the demo project in an empty one, and tells the parts by
    DEMO_MODE in their environment whether the demo is open."""
    try:
        with step("Preparing the database"):
            call_command("migrate", interactive=False, verbosity=0)
        if not get_user_model().objects.exists():
            with step("Creating the demo project"):
                call_command("create_demo", stdout=io.StringIO())
            _note_our_demo(data_dir)
        os.environ["DEMO_MODE"] = "1" if _opens_demo(data_dir, host) else "0"
    except django.db.Error as problem:
        raise ImproperlyConfigured(
            f"The database cannot be used ({str(problem).strip()}): check DATABASE_URL, or the "
            f"files in DATA_DIR={data_dir}"
        ) from problem
    finally:
        django.db.connections.close_all()  # the parts open their own


def demo_mode(data_dir: Path, host: str) -> bool:
    """Whether the sign-in page lets people in with one click.

    DEMO_MODE decides where it is set. Otherwise: only with the database that `prepare` made the
    demo project in, and where nothing says that other machines can reach the pages, directly or
    through a proxy.
    """
    opens = environment.is_private(host) and _has_our_demo(data_dir)
    return environment.flag("DEMO_MODE", default=opens)


def _opens_demo(data_dir: Path, host: str) -> bool:
    """Whether this start has a demo to show; its secret is made anew, or forgotten."""
    demo.forget_secret(data_dir)
    if not demo_mode(data_dir, host) or demo.people_have_accounts():
        return False
    demo.renew_secret(data_dir)
    return True


def welcome(address: str) -> str:
    """Says where to go and how to sign in there. The demo's address holds its secret: whoever can
    read this output may enter."""
    if os.environ.get("DEMO_MODE") == "1":
        door = address.rstrip("/") + reverse("demo", args=[demo.secret()])
        return (
            f"Preferable is ready at {door}\n"
            "Open it and enter with one click, as labeler, curator or admin. The address is for "
            "you alone:\nit lets in without a password, until the next start or the first account."
        )
    try:
        if get_user_model().objects.exists():
            how = "Sign in there with your account."
        else:
            how = "No account exists yet: make one with `python manage.py createsuperuser`."
    finally:
        django.db.connections.close_all()
    return f"Preferable is ready at {address}\n{how}"


def _note_our_demo(data_dir: Path) -> None:
    (data_dir / DEMO_MARK).write_text(_database_name())


def _has_our_demo(data_dir: Path) -> bool:
    mark = data_dir / DEMO_MARK
    return mark.exists() and mark.read_text() == _database_name()


def _database_name() -> str:
    database = settings.DATABASES["default"]
    return f"{database['ENGINE']} {database['HOST']} {database['NAME']}"
