"""What people change of their own accounts, and which mails that sends."""

from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError
from django.utils import timezone

from labeling.models import AuditEntry, User
from labeling.people.signing_in import accounts
from labeling.people.signing_in.accounts import (
    BETWEEN_MAILS,
    AccountError,
    NameTaken,
    ask_for_address,
    change_name,
    confirm_address,
    find_account,
    mail_reset,
    make_account,
    new_account,
    set_password,
)
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def mail_server(settings: Any) -> None:
    settings.EMAIL_HOST = "mail.example.org"
    settings.MAIL_IN_BACKGROUND = False


def link(page: str, *arguments: Any) -> str:
    return "/".join(["https://example.org", page, *map(str, arguments)])


def token_in(message: Any) -> str:
    """The last part of the only address in the mail."""
    return message.body.split("https://example.org/confirm-email/")[1].split()[0]


def asked(user: User, address: str) -> str:
    assert ask_for_address(user, address, link) is False
    return token_in(mail.outbox[-1])


def later(user: User) -> None:
    """As if the last mail about this account were old enough for another."""
    User.objects.filter(pk=user.pk).update(account_mail_at=timezone.now() - 2 * BETWEEN_MAILS)


def test_an_address_counts_once_its_link_was_opened() -> None:
    ann = make_user("ann")
    token = asked(ann, "ann@example.org")
    assert find_account("ann@example.org") is None
    assert confirm_address(ann, token) == "ann@example.org"
    assert find_account("ANN@example.org") == ann
    assert mail.outbox[0].to == ["ann@example.org"]


def test_to_look_at_a_link_changes_nothing() -> None:
    ann = make_user("ann")
    token = asked(ann, "ann@example.org")
    assert confirm_address(ann, token, only_look=True) == "ann@example.org"
    assert User.objects.get(pk=ann.pk).email == ""


def test_a_link_works_once() -> None:
    ann = make_user("ann")
    token = asked(ann, "ann@example.org")
    confirm_address(ann, token)
    with pytest.raises(AccountError, match="This link was used"):
        confirm_address(ann, token)


def test_a_link_ends_with_a_new_password() -> None:
    ann = make_user("ann")
    token = asked(ann, "ann@example.org")
    set_password(ann, "another-long-password")
    with pytest.raises(AccountError, match="your address or password has changed since"):
        confirm_address(ann, token)


def test_a_link_is_for_one_account() -> None:
    ann, bob = make_user("ann"), make_user("bob")
    token = asked(ann, "ann@example.org")
    with pytest.raises(AccountError, match="belongs to another account"):
        confirm_address(bob, token)


@pytest.mark.parametrize("token", ["", "x", "a:b:c"])
def test_what_is_no_link_is_refused(token: str) -> None:
    with pytest.raises(AccountError, match="not complete, or older than a day"):
        confirm_address(make_user(), token)


def test_an_address_proven_by_another_account_in_between_is_refused() -> None:
    ann, bob = make_user("ann"), make_user("bob")
    token = asked(ann, "both@example.org")
    confirm_address(bob, asked(bob, "both@example.org"))
    with pytest.raises(AccountError, match=r"Another account has this address\."):
        confirm_address(ann, token)
    assert find_account("both@example.org") == bob


def test_nobody_is_sent_mail_after_mail() -> None:
    ann = make_user("ann")
    asked(ann, "one@example.org")
    with pytest.raises(AccountError, match="Wait two minutes") as refused:
        ask_for_address(ann, "two@example.org", link)
    assert refused.value.field == "email"
    later(ann)
    asked(ann, "two@example.org")
    assert len(mail.outbox) == 2


def test_without_a_mail_server_an_address_is_only_claimed(settings: Any) -> None:
    settings.EMAIL_HOST = ""
    ann = make_user("ann")
    assert ask_for_address(ann, "ann@example.org", link) is True
    stored = User.objects.get(pk=ann.pk)
    assert (stored.email, stored.email_is_claimed, stored.email_key) == (
        "ann@example.org", True, None,
    )  # fmt: skip
    assert find_account("ann@example.org") is None
    assert mail.outbox == []


def test_an_address_is_taken_off_without_a_link_and_the_old_one_is_told() -> None:
    ann = make_user("ann")
    confirm_address(ann, asked(ann, "ann@example.org"))
    assert ask_for_address(ann, "", link) is True
    assert User.objects.get(pk=ann.pk).email == ""
    assert mail.outbox[-1].to == ["ann@example.org"]
    assert "no longer uses this address" in mail.outbox[-1].body


def test_an_address_that_was_only_claimed_is_told_nothing(settings: Any) -> None:
    ann = make_user("ann")
    settings.EMAIL_HOST = ""
    ask_for_address(ann, "stranger@example.org", link)
    settings.EMAIL_HOST = "mail.example.org"
    ask_for_address(ann, "", link)
    assert mail.outbox == []


def test_a_change_of_address_is_on_record() -> None:
    ann = make_user("ann")
    confirm_address(ann, asked(ann, "ann@example.org"))
    entry = AuditEntry.objects.get(action="change e-mail")
    assert entry.details["changes"] == {"email": ["", "ann@example.org"]}


def proven(name: str, address: str, **fields: Any) -> User:
    return make_user(name, email=address, **fields)


def test_a_reset_is_mailed_to_a_proven_address() -> None:
    ann = proven("ann", "ann@example.org")
    mail_reset(" Ann@Example.org ", link)
    (message,) = mail.outbox
    assert message.to == ["ann@example.org"]
    assert f"the account {ann.username} in" in message.body


@pytest.mark.parametrize("kind", ["unknown", "claimed", "switched off", "without password"])
def test_no_reset_is_mailed_where_it_would_open_nothing(kind: str) -> None:
    fields: dict[str, Any] = {}
    if kind != "unknown":
        fields = {"email_is_claimed": kind == "claimed", "is_active": kind != "switched off"}
        user = proven("ann", "ann@example.org", **fields)
        if kind == "without password":
            user.set_unusable_password()
            user.save()
    mail_reset("ann@example.org", link)
    assert mail.outbox == []


def test_resets_share_the_pause_between_mails() -> None:
    ann = proven("ann", "ann@example.org")
    mail_reset("ann@example.org", link)
    mail_reset("ann@example.org", link)
    assert len(mail.outbox) == 1
    later(ann)
    mail_reset("ann@example.org", link)
    assert len(mail.outbox) == 2


def test_of_two_who_change_a_password_at_once_one_is_refused() -> None:
    ann = make_user("ann")
    first, second = User.objects.get(pk=ann.pk), User.objects.get(pk=ann.pk)
    set_password(first, "the-first-password")
    with pytest.raises(AccountError, match="changed at this moment"):
        set_password(second, "the-second-password")
    assert User.objects.get(pk=ann.pk).check_password("the-first-password")
    assert AuditEntry.objects.filter(action="set password").count() == 1


def test_an_account_that_was_switched_off_gets_no_password() -> None:
    ann = make_user("ann")
    User.objects.update(is_active=False)
    with pytest.raises(AccountError):
        set_password(ann, "another-long-password")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Ann Lee", ("Ann", "Lee")),
        (" Ann ", ("Ann", "")),
        ("Ann van der Lee", ("Ann", "van der Lee")),
        ("", ("", "")),
        ("李 明", ("李", "明")),
    ],
)
def test_a_full_name_is_a_first_name_and_the_rest(name: str, parts: tuple[str, str]) -> None:
    user = new_account("ann", name)
    assert (user.first_name, user.last_name) == parts
    assert user.pk is None


def test_a_new_name_is_on_record_and_the_same_again_is_not() -> None:
    ann = make_user("ann")
    change_name(ann, "Ann Lee")
    change_name(ann, "Ann  Lee".replace("  ", " "))
    assert User.objects.get(pk=ann.pk).get_full_name() == "Ann Lee"
    entry = AuditEntry.objects.get(action="change name")
    assert entry.details["changes"] == {"name": ["", "Ann Lee"]}


@pytest.mark.parametrize("name", ["Ann", "ANN", "ａｎｎ"])
def test_a_name_is_taken_however_it_is_written(name: str) -> None:
    make_user("ann")
    with pytest.raises(NameTaken, match="Somebody has this user name") as refused:
        make_account(new_account(name, ""), "a-long-password", "", is_proven=False)
    assert refused.value.field == "username"
    assert User.objects.count() == 1


def test_a_proven_address_of_another_account_is_claimed_without_a_word() -> None:
    proven("ann", "both@example.org")
    made = make_account(new_account("bob", ""), "long-password", "both@example.org", is_proven=True)
    assert made.email_is_claimed
    assert User.objects.get(username="bob").email_key is None


def test_another_fault_while_an_account_is_made_is_not_hidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def insert(_user: User) -> None:
        raise IntegrityError("another rule")

    monkeypatch.setattr(accounts, "_insert", insert)
    with pytest.raises(IntegrityError, match="another rule"):
        make_account(new_account("ann", ""), "long-password", "", is_proven=False)


def test_a_proven_address_goes_before_a_name_that_looks_like_it() -> None:
    named = make_user("ann@example.org")
    assert find_account("ann@example.org") == named
    owner = proven("ann", "ann@example.org")
    assert find_account(" ANN@example.org ") == owner


@pytest.mark.parametrize("who", ["", "  ", "nobody"])
def test_nobody_is_found_under_no_name(who: str) -> None:
    make_user("ann")
    assert find_account(who) is None


def test_an_account_that_is_switched_off_is_not_found() -> None:
    proven("ann", "ann@example.org", is_active=False)
    assert find_account("ann") is None
    assert find_account("ann@example.org") is None
