"""Finds out who calls the API with a token, and checks what the token may do."""

from typing import TYPE_CHECKING

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from labeling.models import ApiToken, Scope, User
from labeling.people.signing_in import tokens
from labeling.people.signing_in.throttles import RefusedKeys

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which imports this file while it is imported

KEYWORDS = {b"token", b"bearer"}


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Token KEY`, or `Bearer KEY`."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        keyword, _, key = get_authorization_header(request).partition(b" ")
        if keyword.lower() not in KEYWORDS:
            return None
        try:
            token = tokens.find_token(key.strip().decode("latin-1"))
        except tokens.TokenRefused as refused:
            guesses = RefusedKeys()
            if not guesses.allow_request(request, self):  # type: ignore[arg-type]
                raise Throttled(guesses.wait()) from refused
            raise AuthenticationFailed(str(refused)) from refused
        tokens.note_use(token)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Token"


class TokenScope(BasePermission):
    """A token reads with the scope `read`, and changes data with the scope `write`. A view that
    needs another one names it in `read_scope` or `write_scope`. A session may do whatever its
    person may do."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        token = request.auth
        if not isinstance(token, ApiToken):
            return True
        needed = needed_scope(request.method or "", view)
        self.message = f"This token lacks the scope “{needed.value}”: make one that has it."
        return token.allows(needed)


def needed_scope(method: str, view: "APIView") -> Scope:
    """The scope that a token needs to send such a request to this view."""
    if method in SAFE_METHODS:
        return getattr(view, "read_scope", Scope.READ)
    return getattr(view, "write_scope", Scope.WRITE)
