"""A project that the command line makes belongs to somebody, who is told where to find it."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from config.up import web_port
from labeling.models import AuditEntry, Membership, Project, Role, User
from labeling.people.signing_in import demo
from tests.factories import make_member, make_project, make_user

pytestmark = pytest.mark.django_db
PORT = 8123


@pytest.fixture(autouse=True)
def running(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Preferable runs, and says so at the port that it was started with."""
    settings.DATA_DIR = tmp_path
    web_port.note(tmp_path, "127.0.0.1", PORT)
    monkeypatch.setattr(web_port, "answers", lambda host, port: port == PORT)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "One?", "responses": ["a", "b"]}\n')
    return path


@pytest.fixture
def demo_admin(tmp_path: Path) -> User:
    """The demo as the first start leaves it."""
    for role, name in demo.USERS.items():
        Membership.objects.create(
            project=Project.objects.get_or_create(slug="demo", name="Demo")[0],
            user=User.objects.create_user(name),
            role=role,
        )
    demo.renew_secret(tmp_path)
    return User.objects.get(username=demo.USERS[Role.ADMIN.value])


def make_superuser(name: str = "root", **fields: bool) -> User:
    return make_user(name, is_superuser=True, is_staff=True, **fields)


def create(file: Path, slug: str = "fresh", **options: Any) -> None:
    call_command("import_data", slug, file, create=True, **options)


def refusal(file: Path, **options: Any) -> str:
    """What the command says; it must have left nothing."""
    with pytest.raises(CommandError) as refused:
        create(file, **options)
    assert not Project.objects.filter(slug="fresh").exists()
    return str(refused.value)


def admins(slug: str = "fresh") -> list[str]:
    places = Membership.objects.filter(project__slug=slug, role=Role.ADMIN)
    return [place.user.username for place in places.select_related("user")]


def test_a_made_project_is_the_named_persons_and_in_their_browser(file: Path) -> None:
    ada = make_user("ada")
    make_superuser()
    create(file, owner="ada")
    assert admins() == ["ada"]
    client = Client()
    client.force_login(ada)
    assert "fresh" in client.get("/").content.decode()
    assert client.get("/projects/fresh/settings/").status_code == 200
    entry = AuditEntry.objects.get(project__slug="fresh", action="create")
    assert entry.actor == ada


def test_without_a_name_it_is_the_only_superusers(file: Path) -> None:
    make_superuser()
    make_superuser("gone", is_active=False)
    make_user("ada")
    create(file)
    assert admins() == ["root"]


def test_of_several_superusers_one_has_to_be_named(file: Path) -> None:
    make_superuser()
    make_superuser("chief")
    words = refusal(file)
    assert "--owner NAME" in words
    assert "root" in words and "chief" in words


def test_without_an_account_the_refusal_says_how_one_is_made(file: Path) -> None:
    words = refusal(file)
    assert "manage.py createsuperuser" in words
    assert "Nothing was imported" in words


def test_without_a_superuser_the_accounts_are_named(file: Path) -> None:
    make_user("ada")
    assert "--owner NAME (accounts are ada)" in refusal(file)


def test_a_dry_run_asks_for_an_owner_as_well(file: Path) -> None:
    assert "createsuperuser" in refusal(file, dry_run=True)


@pytest.mark.parametrize("name", ["nobody", "demo-admin", "off"])
def test_whoever_cannot_come_in_becomes_no_owner(file: Path, name: str) -> None:
    make_user("off", is_active=False)
    make_user("ada")
    User.objects.create_user("demo-admin")  # without a password, and the demo is off
    words = refusal(file, owner=name)
    assert f"“{name}”" in words
    assert "(accounts are ada)" in words


@pytest.mark.usefixtures("demo_admin")
def test_while_the_demo_is_on_it_is_the_demos(file: Path) -> None:
    create(file)
    assert admins() == ["demo-admin"]
    roles = Membership.objects.filter(project__slug="fresh").values_list("user__username", "role")
    assert dict(roles) == {name: role for role, name in demo.USERS.items()}


@pytest.mark.usefixtures("demo_admin")
def test_with_the_first_account_the_demo_is_over(file: Path) -> None:
    make_superuser()
    create(file)
    assert admins() == ["root"]


@pytest.mark.usefixtures("demo_admin")
def test_the_printed_door_leads_to_the_project_whoever_was_entered_as_before(
    file: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.DEMO_MODE = True
    create(file)
    printed = capsys.readouterr().out
    door = re.search(rf"http://127\.0\.0\.1:{PORT}(/demo/\S+)", printed)
    assert door and "Enter as admin" in printed
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(username="demo-labeler"))
    choice = client.get(door[1], follow=True)
    assert "Enter as admin" in choice.content.decode()
    assert demo.secret() not in choice.content.decode()
    goal = choice.context["next"]
    entered = client.post("/demo-sign-in/", {"role": "admin", "next": goal})
    assert entered["Location"] == "/projects/fresh/"
    assert client.get(entered["Location"]).status_code == 200


@pytest.mark.usefixtures("demo_admin")
def test_the_door_leads_to_no_other_site(settings: Settings) -> None:
    settings.DEMO_MODE = True
    door = f"/demo/{demo.secret()}/?next=https://elsewhere.example/"
    location = Client(SERVER_NAME="localhost").get(door)["Location"]
    assert "elsewhere" not in location


def test_opening_the_door_signs_no_account_out(settings: Settings, demo_admin: User) -> None:
    settings.DEMO_MODE = True
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.create_user("without-password"))
    User.objects.filter(username="without-password").update(last_login=None)
    client.get(f"/demo/{demo.secret()}/")
    assert "_auth_user_id" in client.session


def test_the_full_address_is_printed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_superuser()
    create(file)
    assert f"Open http://127.0.0.1:{PORT}/projects/fresh/\n" in capsys.readouterr().out


def test_the_site_is_named_as_the_setting_does(
    file: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.SITE_URL = "https://labeling.example.org"
    make_superuser()
    create(file)
    assert "Open https://labeling.example.org/projects/fresh/\n" in capsys.readouterr().out


def test_gold_that_was_brought_is_looked_through_at_a_full_address(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text('{"prompt": "1?", "responses": ["1", "2"], "expected": 1, "reason": "so"}\n')
    make_project(slug="sums")
    call_command("import_gold", "sums", path)
    address = f"Open http://127.0.0.1:{PORT}/projects/sums/gold/look/\n"
    assert address in capsys.readouterr().out


def test_where_nothing_runs_the_start_comes_first(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_port, "answers", lambda *_: False)
    make_superuser()
    create(file)
    assert "Start Preferable with “make run”, then open http" in capsys.readouterr().out


@pytest.mark.parametrize("options", [{"create": True}, {"owner": "root"}])
def test_a_project_of_nobody_is_given_away_by_a_second_import(
    file: Path, options: dict[str, object]
) -> None:
    make_superuser()
    make_project(slug="orphan")
    call_command("import_data", "orphan", file, dry_run=True, **options)
    assert admins("orphan") == []
    call_command("import_data", "orphan", file, **options)
    call_command("import_data", "orphan", file, **options)
    assert admins("orphan") == ["root"]


def test_a_project_of_others_is_not_taken_from_them(file: Path) -> None:
    project = make_project(slug="theirs")
    make_member(project, Role.ADMIN, "ada")
    make_superuser()
    with pytest.raises(CommandError, match="belongs to ada already"):
        call_command("import_data", "theirs", file, owner="root")
    assert not project.prompts.exists()
    call_command("import_data", "theirs", file, create=True)
    assert admins("theirs") == ["ada"]


@pytest.mark.usefixtures("demo_admin")
def test_a_faulty_file_leaves_no_project_and_no_member(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"promt": "One?"}\n')
    refusal(path)
    assert Membership.objects.count() == len(demo.USERS)
