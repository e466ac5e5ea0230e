"""Accounts: making one, finding one, and what people change of their own.

An address counts once a mail to it has reached the person. Until then it is only claimed: it finds
no account and resets no password, and several accounts may claim the same one.
"""

from collections.abc import Callable
from datetime import timedelta

from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core import signing
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from labeling.models import User
from labeling.models.folding import fold
from labeling.people import mailing
from labeling.people.audit import write_entry

# Nobody's mailbox is filled by others, and nobody's mails are sent to the whole world.
BETWEEN_MAILS = timedelta(minutes=2)
CONFIRM_WITHIN = timedelta(days=1)


class ResetTokens(PasswordResetTokenGenerator):
    """For mails to the account's own address, and nothing else."""

    key_salt = "labeling.people.signing_in.accounts.ResetTokens"


reset_tokens = ResetTokens()
# From where a link in a mail is opened: name of the page and its arguments -> address.
Link = Callable[..., str]


class AccountError(ValueError):
    """What an account does not allow, as a sentence for the page."""

    def __init__(self, message: str, field: str = "") -> None:
        self.field = field
        super().__init__(message)


class NameTaken(AccountError):
    def __init__(self) -> None:
        super().__init__("Somebody has this user name. Sign in if it is you.", "username")


def name_is_taken(username: str) -> bool:
    return User.objects.filter(username_key=fold(username)).exists()


def find_account(who: str) -> User | None:
    """The account with this user name or proven address, in one query whether there is one or
    not."""
    key = fold(who.strip())
    accounts = list(User.objects.filter(Q(username_key=key) | Q(email_key=key), is_active=True))
    # A mail has proven the address; a user name that looks like it proves nothing.
    accounts.sort(key=lambda user: user.email_key != key)
    return accounts[0] if accounts else None


def new_account(username: str, full_name: str) -> User:
    """Makes a user that is not saved and has no password."""
    first, _, last = full_name.strip().partition(" ")
    return User(username=username, first_name=first, last_name=last)


def make_account(user: User, password: str, email: str, *, is_proven: bool) -> User:
    """Saves the user with a password and an address. Raises NameTaken, also where somebody else
    takes the name at the same moment."""
    user.email, user.email_is_claimed = email, bool(email) and not is_proven
    user.set_password(password)
    try:
        _insert(user)
    except IntegrityError:
        if name_is_taken(user.username):
            raise NameTaken from None
        # Another account has the address; that there is one is not said.
        user.email_is_claimed = True
        _insert(user)
    return user


def _insert(user: User) -> None:
    """Inserts the user in a savepoint, so that the caller's transaction goes on after a refusal."""
    with transaction.atomic():
        user.save(force_insert=True)


def set_password(user: User, password: str) -> None:
    """Sets the password by compare-and-set, and ends every session that began with the old one.

    Of two who change it at the same moment one is refused, and a link that sets a password does so
    once.
    """
    before = user.password
    user.set_password(password)
    with transaction.atomic():
        changed = User.objects.filter(pk=user.pk, password=before, is_active=True)
        if not changed.update(password=user.password):
            raise AccountError("The password was changed at this moment. Begin again.")
        write_entry(None, user, "set password", user)


def change_name(user: User, full_name: str) -> None:
    fresh = new_account(user.username, full_name)
    with transaction.atomic():
        stored = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        before = stored.get_full_name()
        stored.first_name, stored.last_name = fresh.first_name, fresh.last_name
        if stored.get_full_name() == before:
            return
        stored.save(update_fields=["first_name", "last_name"])
        changes = {"name": [before, stored.get_full_name()]}
        write_entry(None, user, "change name", user, changes=changes)


def ask_for_address(user: User, address: str, link: Link) -> bool:
    """Mails a link that makes the address the account's. Without a mail server, the address is
    noted as claimed.

    False where a mail was sent: nothing has changed yet.
    """
    if not address or not mailing.can_send():
        _set_address(user, address, is_claimed=bool(address))
        return True
    if not _may_mail(user):
        raise AccountError(
            "A mail about your account was sent a moment ago. Wait two minutes, then try again.",
            "email",
        )
    token = signing.dumps([user.pk, address, _state(user)], salt="labeling.address", compress=True)
    text = (
        f"{user.username} wants to use this address for their account in Preferable.\n\n"
        f"{link('confirm-email', token)}\n\n"
        "The link works for a day, for whoever is signed in to that account.\n"
        "If it was not you, do nothing.\n"
    )
    mailing.afterwards(lambda: mailing.send(address, "Your address in Preferable", text))
    return False


def confirm_address(user: User, token: str, *, only_look: bool = False) -> str:
    """Makes the address behind the link the account's, and gives it."""
    try:
        pk, address, state = signing.loads(token, salt="labeling.address", max_age=CONFIRM_WITHIN)
    except (signing.BadSignature, ValueError, TypeError):
        raise AccountError("This link is not complete, or older than a day.") from None
    if pk != user.pk:
        raise AccountError("This link belongs to another account. Sign in to that one first.")
    if state != _state(user):
        raise AccountError("This link was used, or your address or password has changed since.")
    if only_look:
        return str(address)
    try:
        _set_address(user, address, is_claimed=False)
    except IntegrityError:
        raise AccountError("Another account has this address.") from None
    return str(address)


def _state(user: User) -> str:
    """A signature that changes with the address and the password, so that a link works once."""
    claimed = "claimed" if user.email_is_claimed else ""
    return signing.Signer(salt="labeling.state").signature(
        f"{user.email}|{claimed}|{user.password}"
    )


def _set_address(user: User, address: str, *, is_claimed: bool) -> None:
    with transaction.atomic():
        stored = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        before, was_proven = stored.email, bool(stored.email_key)
        stored.email, stored.email_is_claimed = address, is_claimed
        stored.save(update_fields=["email", "email_is_claimed"])
        write_entry(None, user, "change e-mail", user, changes={"email": [before, address]})
    user.email, user.email_is_claimed = address, is_claimed
    if before and was_proven and before != address and mailing.can_send():
        text = f"The account {user.username} in Preferable no longer uses this address.\n"
        mailing.afterwards(lambda: mailing.send(before, "Your address in Preferable", text))


def mail_reset(address: str, link: Link) -> None:
    """Mails a link that sets a new password, if the address is proven and its account has a
    password."""
    user = User.objects.filter(email_key=fold(address.strip()), is_active=True).first()
    if user is None or not user.has_usable_password() or not _may_mail(user):
        return
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    text = (
        f"Somebody asked for a new password for the account {user.username} in Preferable.\n\n"
        f"{link('set-password', uid, reset_tokens.make_token(user))}\n\n"
        "The link works once and for an hour. If it was not you, do nothing.\n"
    )
    mailing.send(user.email, "A new password for Preferable", text)


def _may_mail(user: User) -> bool:
    now = timezone.now()
    is_due = Q(account_mail_at__isnull=True) | Q(account_mail_at__lt=now - BETWEEN_MAILS)
    return bool(User.objects.filter(is_due, pk=user.pk).update(account_mail_at=now))
