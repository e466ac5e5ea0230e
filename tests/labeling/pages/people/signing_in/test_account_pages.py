"""One's own account: name, e-mail, password; a new password by mail; one account per name."""

from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from labeling.models import AuditEntry, User
from labeling.models.folding import fold
from labeling.people import mailing
from labeling.people.signing_in import accounts
from tests.factories import make_user

pytestmark = pytest.mark.django_db
NEW = "another-long-secret-9"


@pytest.fixture
def ada() -> User:
    return make_user("ada", email="ada@example.org")


@pytest.fixture
def signed_in(client: Client, ada: User) -> Client:
    client.force_login(ada)
    return client


@pytest.fixture
def post(settings: Any, mailoutbox: list[Any]) -> list[Any]:
    """A mail server is set; what it was given."""
    settings.EMAIL_HOST = "mail.example.org"
    return mailoutbox


def path_in(mail: Any) -> str:
    return "/" + mail.body.split("http://testserver/")[1].split()[0]


def change_password(client: Client, old: str, new: str = NEW) -> Any:
    data = {"old_password": old, "new_password1": new, "new_password2": new}
    return client.post(reverse("account-password"), data)


def set_password(client: Client, path: str, password: str = NEW) -> Any:
    form = client.get(path, follow=True)
    if not form.redirect_chain:
        return form
    data = {"new_password1": password, "new_password2": password}
    return client.post(form.redirect_chain[-1][0], data)


# Password


def test_a_changed_password_ends_every_other_session_and_keeps_this_one(
    signed_in: Client, ada: User
) -> None:
    elsewhere = Client()
    elsewhere.force_login(ada)
    assert change_password(signed_in, "ada-password")["Location"] == reverse("account")
    assert signed_in.get(reverse("account")).status_code == 200
    assert elsewhere.get(reverse("account"))["Location"].startswith("/sign-in/")
    ada.refresh_from_db()
    assert ada.check_password(NEW)
    assert AuditEntry.objects.get(action="set password").actor == ada


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("wrong", NEW, "not your password of today"),
        ("ada-password", "password", "too common"),
        ("ada-password", "ada@example.org", "too similar"),
    ],
)
def test_a_password_that_cannot_be_changed_says_why(
    signed_in: Client, ada: User, old: str, new: str, words: str
) -> None:
    response = change_password(signed_in, old, new)
    assert response.status_code == 422 and words in response.content.decode()
    assert User.objects.get().check_password("ada-password")


def test_setting_a_password_does_not_open_an_account_that_was_closed_meanwhile(ada: User) -> None:
    User.objects.update(is_active=False)
    with pytest.raises(accounts.AccountError):
        accounts.set_password(ada, NEW)
    stored = User.objects.get()
    assert not stored.is_active and stored.check_password("ada-password")


def test_of_two_new_passwords_at_once_one_is_refused(ada: User) -> None:
    other = User.objects.get()
    accounts.set_password(ada, NEW)
    with pytest.raises(accounts.AccountError, match="at this moment"):
        accounts.set_password(other, "yet-another-secret-3")
    assert User.objects.get().check_password(NEW)


# A new password by mail


def test_a_forgotten_password_is_reset_by_mail_once(
    client: Client, ada: User, post: list[Any]
) -> None:
    assert "Forgot your password?" in client.get("/sign-in/").content.decode()
    client.post(reverse("password-forgotten"), {"email": "ADA@example.org"})
    (mail,) = post
    assert mail.to == ["ada@example.org"] and "ada" in mail.body
    assert set_password(client, path_in(mail))["Location"] == "/"
    assert client.get("/").context["user"] == ada
    stranger = Client()
    again = set_password(stranger, path_in(mail), "stolen-secret-5")
    assert "does not work any more" in again.content.decode()
    ada.refresh_from_db()
    assert ada.check_password(NEW)


def test_the_answer_is_the_same_whether_or_not_the_address_is_known(
    client: Client, ada: User, post: list[Any]
) -> None:
    without = make_user("demo", email="demo@example.org")
    without.set_unusable_password()
    without.save()
    make_user("closed", email="closed@example.org", is_active=False)
    make_user("claimer", email="claimed@example.org", email_is_claimed=True)
    answers = set()
    for name in ("ada", "nobody", "demo", "closed", "claimed"):
        response = client.post(
            reverse("password-forgotten"), {"email": f"{name}@example.org"}, follow=True
        )
        answers.add((response.status_code, response.request["PATH_INFO"], response.content[-900:]))
    assert len(answers) == 1
    assert [mail.to for mail in post] == [["ada@example.org"]]


def test_the_mail_is_sent_after_the_answer(
    client: Client, ada: User, post: list[Any], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long sending takes would tell that there is somebody to send it to."""
    settings.MAIL_IN_BACKGROUND = True
    jobs: list[Any] = []
    monkeypatch.setattr(mailing._postman, "submit", lambda *job: jobs.append(job))
    for who in ("ada", "nobody"):
        client.post(reverse("password-forgotten"), {"email": f"{who}@example.org"})
    assert len(jobs) == 2 and post == []


def test_nobodys_mailbox_is_filled(client: Client, ada: User, post: list[Any]) -> None:
    for _ in range(3):
        client.post(reverse("password-forgotten"), {"email": ada.email})
    assert len(post) == 1
    User.objects.update(account_mail_at=timezone.now() - timedelta(minutes=3))
    client.post(reverse("password-forgotten"), {"email": ada.email})
    assert len(post) == 2


def test_a_reset_link_ends_with_a_change_of_password_or_address_and_after_an_hour(
    client: Client, ada: User, post: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = accounts.reset_tokens.make_token(ada)
    assert accounts.reset_tokens.check_token(ada, token)
    ada.email = "elsewhere@example.org"
    assert not accounts.reset_tokens.check_token(ada, token)
    ada.email = "ada@example.org"
    later = timezone.make_naive(timezone.now() + timedelta(minutes=61))
    monkeypatch.setattr(accounts.reset_tokens, "_now", lambda: later)
    assert not accounts.reset_tokens.check_token(ada, token)


def test_without_a_mail_server_nothing_is_offered(client: Client, ada: User) -> None:
    assert "Forgot" not in client.get("/sign-in/").content.decode()
    assert client.get(reverse("password-forgotten")).status_code == 404


def test_links_in_mails_need_named_hosts(settings: Any) -> None:
    assert mailing.check_links(None) == []
    settings.EMAIL_HOST = "mail.example.org"
    assert [problem.id for problem in mailing.check_links(None)] == ["labeling.E001"]
    settings.ALLOWED_HOSTS = ["labels.example.org"]
    assert mailing.check_links(None) == []


# Name and e-mail


def test_a_name_is_changed_and_on_record(signed_in: Client, ada: User) -> None:
    User.objects.update(is_staff=True)  # meanwhile
    signed_in.post(reverse("account-name"), {"full_name": "Ada King Lovelace"})
    ada.refresh_from_db()
    assert (ada.first_name, ada.last_name, ada.is_staff) == ("Ada", "King Lovelace", True)
    assert AuditEntry.objects.get().details["changes"] == {"name": ["", "Ada King Lovelace"]}


def test_a_name_with_hidden_signs_is_refused(signed_in: Client) -> None:
    response = signed_in.post(reverse("account-name"), {"full_name": "Ada\u202eecalevoL"})
    assert response.status_code == 422 and "cannot be seen" in response.content.decode()


def test_an_address_counts_once_its_link_was_opened(
    signed_in: Client, ada: User, post: list[Any]
) -> None:
    data = {"email": "new@example.org", "email_password": "ada-password"}
    signed_in.post(reverse("account-email"), data)
    assert User.objects.get().email == "ada@example.org"
    path = path_in(post[0])
    stranger = Client()
    stranger.force_login(make_user("stranger"))
    assert stranger.post(path).status_code == 410
    assert "new@example.org" in signed_in.get(path).content.decode()
    assert User.objects.get(pk=ada.pk).email == "ada@example.org"  # looking is not confirming
    signed_in.post(path)
    ada.refresh_from_db()
    assert (ada.email, ada.email_key, ada.email_is_claimed) == (
        "new@example.org", "new@example.org", False
    )  # fmt: skip
    assert [mail.to for mail in post] == [["new@example.org"], ["ada@example.org"]]
    assert signed_in.get(path).status_code == 410  # once


def test_an_address_needs_the_password(signed_in: Client, post: list[Any]) -> None:
    data = {"email": "new@example.org", "email_password": "guess"}
    assert signed_in.post(reverse("account-email"), data).status_code == 422
    assert post == []


def test_an_address_that_another_account_has_is_not_told(
    signed_in: Client, ada: User, post: list[Any]
) -> None:
    make_user("boss", email="boss@example.org")
    data = {"email": "Boss@example.org", "email_password": "ada-password"}
    response = signed_in.post(reverse("account-email"), data, follow=True)
    assert "on its way to Boss@example.org" in response.content.decode()
    refused = signed_in.post(path_in(post[0]))
    assert refused.status_code == 410
    assert User.objects.get(pk=ada.pk).email == "ada@example.org"


def test_without_a_mail_server_an_address_is_only_claimed(signed_in: Client, ada: User) -> None:
    boss = make_user("boss", email="boss@example.org")
    data = {"email": "boss@example.org", "email_password": "ada-password"}
    signed_in.post(reverse("account-email"), data)
    ada.refresh_from_db()
    assert (ada.email, ada.email_is_claimed, ada.email_key) == ("boss@example.org", True, None)
    assert accounts.find_account("boss@example.org") == boss


def test_the_pages_are_for_those_who_are_signed_in(client: Client) -> None:
    assert client.get(reverse("account"))["Location"].startswith("/sign-in/")
    for name in ("account-name", "account-email", "account-password"):
        assert client.post(reverse(name))["Location"].startswith("/sign-in/")


# One account per name


@pytest.mark.parametrize("same", ["CASE0", "Case0", "ｃａｓｅ0"])
def test_a_name_in_other_letters_is_the_same_account(client: Client, same: str) -> None:
    user = make_user("case0")
    answer = client.post("/sign-in/", {"username": same, "password": "case0-password"})
    assert answer["Location"] == "/"
    assert client.get("/").context["user"] == user
    with pytest.raises(ValidationError, match="this user name"):
        User(username=same).clean()
    with pytest.raises(IntegrityError):
        User.objects.create(username=same)


def test_letters_beyond_ascii_have_cases_too(client: Client) -> None:
    make_user("éva")
    with pytest.raises(IntegrityError):
        User.objects.create(username="ÉVA")


def test_an_address_in_other_letters_is_the_same(ada: User) -> None:
    with pytest.raises(IntegrityError):
        User.objects.create(username="other", email="Ada@Example.org")


def test_a_name_is_never_written_without_its_key(ada: User) -> None:
    ada.username, ada.email = "Grace", "Grace@example.org"
    ada.save(update_fields=["username", "email"])
    stored = User.objects.get()
    assert (stored.username_key, stored.email_key) == ("grace", "grace@example.org")


def test_accounts_that_differ_in_case_are_kept_when_the_database_is_updated(
    capsys: Any,
) -> None:
    """As before the update: a key that is nobody's, for each account, so that all fit in."""
    made = [make_user(f"u{n}", last_login=None if n else timezone.now()) for n in range(4)]
    names = ("Case0", "case0", "CASE0", "case0-2")
    for user, name in zip(made, names, strict=True):
        User.objects.filter(pk=user.pk).update(
            username=name, username_key=f"before {name}", email="Both@example.org", email_key=None
        )
    import_module("labeling.migrations.0015_people_keys").fill(apps, None)
    stored = {user.pk: user for user in User.objects.all()}
    assert [stored[user.pk].username for user in made] == ["Case0", "case0-3", "CASE0-4", "case0-2"]
    assert all(user.username_key == fold(user.username) for user in stored.values())
    passwords = [stored[user.pk].check_password(f"u{n}-password") for n, user in enumerate(made)]
    assert passwords == [True] * 4
    assert all(user.email_is_claimed and user.email for user in stored.values())
    assert AuditEntry.objects.filter(action="rename account").count() == 2
    assert "“case0” is “case0-3” now" in capsys.readouterr().out


# Where a link in a mail leads


@pytest.mark.parametrize("asked", ["localhost:4444", "127.0.0.1:4444", "[::1]:4444"])
def test_a_mail_that_a_stranger_asks_for_leads_to_the_host_that_the_operator_named(
    client: Client, ada: User, post: list[Any], settings: Any, asked: str
) -> None:
    """This machine's own names are always allowed: the link would lead to the reader's machine."""
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", "preferable.example.org"]
    client.post(reverse("password-forgotten"), {"email": ada.email}, headers={"host": asked})
    assert "\nhttp://preferable.example.org/set-password/" in post[0].body


def test_a_mail_leads_to_the_site_where_that_is_set_whatever_port_was_asked_for(
    client: Client, ada: User, post: list[Any], settings: Any
) -> None:
    """Another port of the same machine may be another person's server."""
    settings.SITE_URL = "https://preferable.example.org"
    asked = {"host": "preferable.example.org:4444"}
    client.post(reverse("password-forgotten"), {"email": ada.email}, headers=asked)
    assert "\nhttps://preferable.example.org/set-password/" in post[0].body
