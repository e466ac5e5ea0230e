"""Who is signed in, for a view that gets the user's row together with other rows."""

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from labeling.models import User


class SignedOut(Exception):
    """The session is nobody's, or its user may no longer use it."""


def labeler_id(request: HttpRequest) -> int | None:
    """The id that the session names; only `check` makes sure of it."""
    stored = request.session.get(SESSION_KEY, "")
    return int(stored) if stored.isdecimal() else None


def check(request: HttpRequest, user: User) -> User:
    """Applies the rules of `request.user`: the account is active, and the session began with the
    password of today (or was signed with a key that has been rotated since)."""
    stored = request.session.get(HASH_SESSION_KEY, "")
    accepted = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    is_theirs = request.session.get(SESSION_KEY) == str(user.pk)
    if not user.is_active or not is_theirs:
        raise SignedOut
    if not any(constant_time_compare(stored, value) for value in accepted):
        raise SignedOut
    return user
