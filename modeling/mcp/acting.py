"""For whom a tool acts: the person of one API token, within the token's scopes, asked anew at every
call. A token that was revoked or has ended stops the next one."""

import functools
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import Http404
from mcp.server.mcpserver.exceptions import ToolError

from labeling.curation.decisions import CannotChange
from labeling.curation.finding import FilterError
from labeling.database.transactions import Conflict
from labeling.models import ApiToken, Project, Role, Scope, User
from labeling.people.access import project_for
from labeling.people.signing_in import tokens
from labeling.texts.limits import BIGGEST_ID

ToolFunction = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Acting:
    """Who is behind a call."""

    user: User
    token: ApiToken


@dataclass(frozen=True)
class Door:
    """A function that is offered as a tool, and the scope that it needs."""

    function: ToolFunction
    scope: Scope

    def opened_by(self, key_now: Callable[[], str]) -> ToolFunction:
        """The function for whoever holds the key that `key_now` gives: what it refuses becomes
        words for the model."""

        @functools.wraps(self.function)
        def call(*args: Any, **kwargs: Any) -> dict[str, Any]:
            try:
                _now.set(_enter(key_now(), self.scope))
                return self.function(*args, **kwargs)
            except REFUSALS as refusal:
                raise ToolError(str(refusal)) from refusal
            finally:
                # Each call may run in a thread of its own, which nobody would close later.
                if not connection.in_atomic_block:
                    connection.close()

        return call


# What is refused in words: everything else is a fault of ours, and its words stay here.
REFUSALS = (
    tokens.TokenRefused, Http404, PermissionDenied, CannotChange, FilterError, Conflict,
)  # fmt: skip
_now: ContextVar[Acting] = ContextVar("acting")


def acting() -> Acting:
    """Who is behind the call that runs."""
    return _now.get()


def curated(slug: str) -> Project:
    """The project, for its curators and admins."""
    return project_for(acting().user, slug, Role.CURATOR)


def checked_id(number: int, what: str) -> int:
    """A number that can be an id. Raises ToolError."""
    if not 0 < number <= BIGGEST_ID:
        raise ToolError(f"{what}: {number} is no id.")
    return number


def _enter(key: str, scope: Scope) -> Acting:
    token = tokens.find_token(key)
    if not token.allows(scope):
        raise tokens.TokenRefused(
            f"This token lacks the scope “{scope.value}”: make one that has it."
        )
    tokens.note_use(token)
    return Acting(token.user, token)
