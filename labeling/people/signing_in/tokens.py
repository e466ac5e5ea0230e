"""Making, finding and revoking the tokens of the API.

A key has 256 random bits, so its plain hash cannot be guessed back, and looking it up by the hash
tells nobody by its time how much of a key was right.
"""

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from labeling.models import ApiToken, Scope, User
from labeling.people.audit import write_entry

KEY_BEGINS = "pref_"
SHOWN = 12  # characters of a key that stay readable, seven of them random
MOST_TOKENS = 50  # of one person
USE_IS_NOTED_EVERY = timedelta(minutes=1)


class TokensError(ValueError):
    """A token cannot be made; the message says why."""


class TokenRefused(Exception):
    """The key lets nobody in; the message is for whoever sent it."""


def make_token(
    user: User, name: str, scopes: Collection[Scope], expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """Makes a token, and returns it with its key, which is not stored and cannot be shown again."""
    if not scopes:
        raise TokensError("Choose at least one thing that the token may do.")
    if user.api_tokens.count() >= MOST_TOKENS:
        raise TokensError(f"You have {MOST_TOKENS} tokens: revoke those that nothing uses.")
    key = KEY_BEGINS + secrets.token_urlsafe(32)
    with transaction.atomic():
        token = ApiToken.objects.create(
            user=user,
            name=name,
            prefix=key[:SHOWN],
            digest=digest_of(key),
            expires_at=expires_at,
            **{f"can_{scope.value}": scope in scopes for scope in Scope},
        )
        words = " ".join(scope.value for scope in token.scopes)
        write_entry(None, user, "make API token", token, name=name, scopes=words)
    return token, key


def revoke_token(user: User, pk: int) -> ApiToken | None:
    """Deletes the person's token and returns it; None where they have no such token."""
    with transaction.atomic():
        token = user.api_tokens.filter(pk=pk).first()
        if token is None or not user.api_tokens.filter(pk=pk).delete()[0]:
            return None
        write_entry(None, user, "revoke API token", token, name=token.name)
    return token


def find_token(key: str) -> ApiToken:
    """The token of this key, with its person, if it still lets them in."""
    token = ApiToken.objects.select_related("user").filter(digest=digest_of(key)).first()
    if token is None:
        raise TokenRefused("Invalid token.")
    if token.expires_at is not None and token.expires_at <= timezone.now():
        ended = timezone.localtime(token.expires_at).strftime("%-d %B %Y, %H:%M %Z")
        raise TokenRefused(f"This token ended on {ended}: make a new one under your name.")
    if not token.user.is_active:
        raise TokenRefused("The account of this token is switched off.")
    return token


def note_use(token: ApiToken) -> None:
    """Writes down that the token is in use, once a minute at most."""
    now = timezone.now()
    before = now - USE_IS_NOTED_EVERY
    if token.last_used_at is not None and token.last_used_at > before:
        return
    unnoted = Q(last_used_at__isnull=True) | Q(last_used_at__lte=before)
    ApiToken.objects.filter(unnoted, pk=token.pk).update(last_used_at=now)


def digest_of(key: str) -> str:
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()
