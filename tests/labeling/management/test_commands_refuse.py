"""Commands for tokens, gold, weights and imports: what they refuse, in which words, undone."""

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from labeling.models import ApiToken, AuditEntry, Gold, Import, Membership, Project, Role
from labeling.people.signing_in.tokens import MOST_TOKENS, find_token
from tests.factories import make_member, make_project, make_user

pytestmark = pytest.mark.django_db


def refused(*arguments: Any, **more: Any) -> str:
    with pytest.raises(CommandError) as refusal:
        call_command(*arguments, **more)
    return str(refusal.value)


# create_api_token


def make_token_of(name: str, *words: str) -> ApiToken:
    out = io.StringIO()
    call_command("create_api_token", name, *words, stdout=out)
    return find_token(out.getvalue().strip())


def test_a_token_reads_for_ninety_days_unless_it_is_told() -> None:
    make_user("ada")
    token = make_token_of("ada")
    assert (token.can_read, token.can_label, token.can_write) == (True, False, False)
    assert token.expires_at is not None
    left = token.expires_at - timezone.now()
    assert timedelta(days=89) < left <= timedelta(days=90)
    assert token.name == "Made on the command line"


def test_a_token_without_days_ends_when_it_is_revoked() -> None:
    make_user("ada")
    token = make_token_of("ada", "--days", "0", "--scopes", "label", "write", "--name", "Bot")
    assert token.expires_at is None
    assert (token.can_read, token.can_label, token.can_write) == (False, True, True)
    assert token.name == "Bot"


@pytest.mark.parametrize("days", ["-1", "36501", "999999999999"])
def test_days_before_today_or_beyond_a_century_are_refused(days: str) -> None:
    make_user("ada")
    words = "--days is from 0 to 36,500; 0: until it is revoked."
    assert refused("create_api_token", "ada", f"--days={days}") == words
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("name", ["", "   ", "x" * 81])
def test_a_token_has_a_name_that_fits_its_column(name: str) -> None:
    make_user("ada")
    words = f"--name has 1 to 80 characters, not {len(name.strip())}."
    assert refused("create_api_token", "ada", "--name", name) == words
    assert not ApiToken.objects.exists()


def test_the_longest_token_lasts_a_century() -> None:
    make_user("ada")
    assert make_token_of("ada", "--days", "36500").expires_at is not None


def test_nobody_gets_a_token_under_a_name_that_is_not_theirs() -> None:
    make_user("ada")
    assert refused("create_api_token", "eva") == "There is no user 'eva'."
    assert "invalid choice: 'admin'" in refused("create_api_token", "ada", "--scopes", "admin")
    assert not ApiToken.objects.exists()


def test_the_command_line_has_the_limit_of_the_page() -> None:
    user = make_user("ada")
    ApiToken.objects.bulk_create(
        ApiToken(user=user, name="x", prefix="x", digest=str(number), can_read=True)
        for number in range(MOST_TOKENS)
    )
    assert f"You have {MOST_TOKENS} tokens" in refused("create_api_token", "ada")


# import_gold


def gold_file(tmp_path: Path, *rows: dict[str, Any]) -> Path:
    path = tmp_path / "gold.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


GOOD = {"prompt": "One?", "responses": ["right", "wrong"], "expected": 1, "reason": "It is."}


def test_gold_for_no_project_names_those_there_are(tmp_path: Path) -> None:
    path = gold_file(tmp_path, GOOD)
    words = "There is no project “nowhere” (there are: {})."
    assert refused("import_gold", "nowhere", path) == words.format("none yet")
    make_project(slug="a")
    make_project(slug="b")
    assert refused("import_gold", "nowhere", path) == words.format("a, b")


@pytest.mark.parametrize("name", ["none.jsonl", "."])
def test_a_gold_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert refused("import_gold", make_project().slug, path).startswith(f"{path} cannot be read: ")


def test_one_faulty_line_keeps_all_gold_out(tmp_path: Path, capsys: Any) -> None:
    project = make_project()
    path = gold_file(tmp_path, GOOD, GOOD | {"prompt": "Two?", "expected": 3})
    refused("import_gold", project.slug, path)
    assert capsys.readouterr().err.startswith("line 2, expected: ")
    assert not Gold.objects.exists()
    assert not project.prompts.exists()


# update_reliability


def test_weights_of_all_projects_or_of_those_named(capsys: Any) -> None:
    make_project(slug="a")
    make_project(slug="b")
    call_command("update_reliability")
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split(":")[0] for line in lines) == ["a", "b"]
    call_command("update_reliability", "b")
    assert capsys.readouterr().out.startswith("b: 0 labelers weigh differently, 0 preferences")


def test_of_projects_that_are_not_there_all_are_named_and_none_is_weighed(capsys: Any) -> None:
    make_project(slug="a")
    words = "There is no project nowhere, yonder."
    assert refused("update_reliability", "yonder", "a", "nowhere") == words
    assert capsys.readouterr().out == ""


# import_data


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "One?", "responses": ["a", "b", "c"]}\n')
    return path


def nothing_is_left() -> bool:
    return not (
        Project.objects.exists()
        or Membership.objects.exists()
        or Import.objects.exists()
        or AuditEntry.objects.filter(action="import").exists()
    )


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("pairs", -1, "pairs must be from 0 to 36"),
        ("responses_per_comparison", 1, "from 2 to 9"),
        ("responses_per_comparison", 10, "from 2 to 9"),
        ("source", "x" * 121, "source has 121 characters, and at most 120 fit"),
    ],
)
def test_an_option_beyond_its_limits_leaves_no_new_project(
    rows: Path, option: str, value: int | str, words: str
) -> None:
    make_user("root", is_superuser=True)
    assert words in refused("import_data", "fresh", rows, create=True, **{option: value})
    assert nothing_is_left()


def test_a_new_project_needs_somebody_whose_it_is(rows: Path) -> None:
    words = refused("import_data", "fresh", rows, create=True)
    assert words.startswith("A project needs an owner, or no browser shows it.")
    assert words.endswith("Nothing was imported.")
    assert "eva" in refused("import_data", "fresh", rows, create=True, owner="eva")
    assert nothing_is_left()


def test_of_several_superusers_one_has_to_be_named(rows: Path) -> None:
    for name in ("ada", "eva"):
        make_user(name, is_superuser=True)
    words = refused("import_data", "fresh", rows, create=True)
    assert "--owner NAME (superusers are ada, eva)" in words
    call_command("import_data", "fresh", rows, create=True, owner="eva")
    assert Membership.objects.get().user.username == "eva"


def test_a_key_pressed_half_way_takes_the_new_project_back(
    rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_user("root", is_superuser=True)

    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("labeling.management.commands.import_data.import_file", stop)
    with pytest.raises(KeyboardInterrupt):
        call_command("import_data", "fresh", rows, create=True)
    assert nothing_is_left()


def test_a_failed_import_leaves_a_project_that_was_there(tmp_path: Path) -> None:
    project = make_project()
    make_member(project, Role.ADMIN)
    assert "cannot be read" in refused("import_data", project.slug, tmp_path / "none", create=True)
    assert Project.objects.get() == project
    assert project.memberships.count() == 1
