"""API tokens: several for each person, shown once, kept as hashes, ending and revocable."""

from datetime import timedelta
from importlib import import_module
from threading import Barrier, Thread
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from labeling.models import ApiToken, AuditEntry, Scope, User
from labeling.people.signing_in import tokens
from tests.factories import client_with_token, make_user

pytestmark = pytest.mark.django_db
PAGE = "/account/api-token/"
FORM = {"name": "Nightly export", "scopes": ["read", "write"], "days": "30"}


def make(user: User, *scopes: Scope, **fields: object) -> tuple[ApiToken, str]:
    token, key = tokens.make_token(user, "A program", scopes or (Scope.READ,))
    ApiToken.objects.filter(pk=token.pk).update(**fields)
    token.refresh_from_db()
    return token, key


def test_a_key_is_shown_once_and_stored_nowhere(client: Client) -> None:
    user = make_user()
    client.force_login(user)
    page = client.post(PAGE, FORM)
    key = page.context["new_key"]
    token = user.api_tokens.get()
    assert key in page.content.decode() and "no-store" in page["Cache-Control"]
    assert (token.name, token.scopes) == ("Nightly export", [Scope.READ, Scope.WRITE])
    assert token.expires_at is not None
    assert token.expires_at - timezone.now() > timedelta(days=29)

    later = client.get(PAGE).content.decode()
    assert token.prefix in later and key not in later
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM labeling_apitoken")
        assert key not in str(cursor.fetchall())
    assert key not in str(AuditEntry.objects.values_list())


def test_each_program_has_its_own_and_revoking_one_leaves_the_others(client: Client) -> None:
    user = make_user()
    client.force_login(user)
    keys = [client.post(PAGE, FORM).context["new_key"] for _ in range(2)]
    client.post(f"{PAGE}{tokens.find_token(keys[0]).pk}/revoke/")
    answers = [
        Client(headers={"authorization": f"Token {key}"}).get("/api/v1/").status_code
        for key in keys
    ]
    assert answers == [401, 200]


def test_nobody_revokes_somebody_elses(client: Client) -> None:
    token, _key = make(make_user())
    client.force_login(make_user())
    client.post(f"{PAGE}{token.pk}/revoke/")
    assert ApiToken.objects.filter(pk=token.pk).exists()


def test_a_token_that_may_do_nothing_is_refused_in_words(client: Client) -> None:
    client.force_login(make_user())
    page = client.post(PAGE, {**FORM, "scopes": []})
    assert page.status_code == 422
    assert "Choose at least one." in page.content.decode()
    assert not ApiToken.objects.exists()


def test_there_is_an_end_to_how_many(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST_TOKENS", 1)
    client.force_login(make_user())
    client.post(PAGE, FORM)
    page = client.post(PAGE, FORM)
    assert page.status_code == 422
    assert "revoke those that nothing uses" in page.content.decode()


@pytest.mark.django_db(transaction=True)
def test_two_made_at_the_same_moment_both_work() -> None:
    user = make_user()
    barrier, keys = Barrier(2), []

    def make_one() -> None:
        client = Client()
        client.force_login(user)
        barrier.wait(10)
        keys.append(client.post(PAGE, FORM).context["new_key"])
        connection.close()

    threads = [Thread(target=make_one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [tokens.find_token(key).user for key in keys] == [user, user]


@pytest.mark.parametrize("keyword", ["Token", "Bearer", "token"])
def test_both_words_are_understood(keyword: str) -> None:
    _token, key = make(make_user())
    headers = {"authorization": f"{keyword} {key}"}
    assert Client(headers=headers).get("/api/v1/").status_code == 200


@pytest.mark.parametrize("key", ["", " ", "x", "pref_", "\u00fc", "a b c", "%00", "x" * 6000])
def test_what_is_no_key_is_refused(key: str) -> None:
    answer = Client(headers={"authorization": f"Token {key}"}).get("/api/v1/")
    assert (answer.status_code, answer.json()["detail"]) == (401, "Invalid token.")


def test_the_prefix_or_the_hash_opens_nothing() -> None:
    token, key = make(make_user())
    for guess in (token.prefix, token.digest, key[:-1], key.swapcase()):
        with pytest.raises(tokens.TokenRefused):
            tokens.find_token(guess)


def test_a_token_ends_and_says_when() -> None:
    _token, key = make(make_user(), expires_at=timezone.now() - timedelta(seconds=1))
    answer = Client(headers={"authorization": f"Token {key}"}).get("/api/v1/")
    assert answer.status_code == 401
    assert "This token ended on" in answer.json()["detail"]


def test_a_switched_off_account_has_no_way_in() -> None:
    _token, key = make(make_user(is_active=False))
    assert Client(headers={"authorization": f"Token {key}"}).get("/api/v1/").status_code == 401


def test_use_is_noted_once_a_minute(django_assert_num_queries) -> None:
    token, key = make(make_user())
    client = Client(headers={"authorization": f"Token {key}"})
    client.get("/api/v1/")
    token.refresh_from_db()
    first = token.last_used_at
    assert first is not None
    with django_assert_num_queries(1):  # the look-up alone
        client.get("/api/v1/")
    ApiToken.objects.update(last_used_at=first - timedelta(minutes=2))
    client.get("/api/v1/")
    token.refresh_from_db()
    assert token.last_used_at >= first


@pytest.mark.parametrize(
    "change", [{"can_read": False, "can_label": False, "can_write": False}, {"name": ""}]
)
def test_the_database_refuses_a_token_without_name_or_scope(change: dict[str, object]) -> None:
    token, _key = make(make_user())
    with pytest.raises(IntegrityError), transaction.atomic():
        ApiToken.objects.filter(pk=token.pk).update(**change)


def test_tokens_of_before_go_on_working_and_are_readable_no_more() -> None:
    user, key = make_user(), "0123456789abcdef0123456789abcdef01234567"
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE authtoken_token (key varchar(40), created timestamp, user_id bigint)"
        )
        cursor.execute(
            "INSERT INTO authtoken_token VALUES (%s, '2026-01-31 12:00:00', %s)", [key, user.pk]
        )
    migration = import_module("labeling.migrations.0018_doors_hash_tokens")
    migration.hash_tokens(apps, SimpleNamespace(connection=connection))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM authtoken_token")
        assert cursor.fetchone() == (0,)
        cursor.execute("DROP TABLE authtoken_token")
    token = tokens.find_token(key)
    assert (token.user, token.scopes, token.expires_at) == (user, list(Scope), None)
    assert token.created_at.isoformat() == "2026-01-31T12:00:00+00:00"
    client = Client(headers={"authorization": f"Token {key}"})
    assert client.get("/api/v1/projects/").status_code == 200


def test_the_command_prints_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    user = make_user("ada")
    call_command("create_api_token", "ada", "--scopes", "read", "label", "--days", "0")
    token = tokens.find_token(capsys.readouterr().out.strip())
    assert (token.user, token.scopes) == (user, [Scope.READ, Scope.LABEL])
    assert token.expires_at is None
    with pytest.raises(CommandError, match="no user 'bob'"):
        call_command("create_api_token", "bob")


def test_a_program_is_somebody_only_for_its_own_requests() -> None:
    client_with_token(make_user()).get("/api/v1/")
    assert Client().get("/api/v1/").status_code == 401
