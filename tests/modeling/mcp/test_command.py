"""`manage.py mcp` starts with a token that lets it in, and says what is missing otherwise."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone
from mcp.server import MCPServer

from labeling.models import ApiToken, Scope
from labeling.people.signing_in.tokens import make_token
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def run(monkeypatch: pytest.MonkeyPatch, key: str | None) -> list[Any]:
    """Starts it, and gives what it would have served."""
    served: list[Any] = []
    monkeypatch.setattr(MCPServer, "run", lambda self, transport: served.append((self, transport)))
    if key is None:
        monkeypatch.delenv("PREFERABLE_TOKEN", raising=False)
    else:
        monkeypatch.setenv("PREFERABLE_TOKEN", key)
    call_command("mcp")
    return served


@pytest.mark.parametrize(
    ("scopes", "offers_changes"), [([Scope.READ], False), ([Scope.READ, Scope.WRITE], True)]
)
def test_it_serves_over_standard_input_and_output(
    monkeypatch: pytest.MonkeyPatch, scopes: list[Scope], offers_changes: bool
) -> None:
    _token, key = make_token(make_user(), "model", scopes)
    ((server, transport),) = run(monkeypatch, key)
    assert transport == "stdio"
    names = {tool.name for tool in server._tool_manager.list_tools()}
    assert ("exclude_preferences" in names) is offers_changes


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError, match="Set PREFERABLE_TOKEN"):
        run(monkeypatch, None)
    with pytest.raises(CommandError, match="Invalid token"):
        run(monkeypatch, "pref_nonsense")
    _token, key = make_token(make_user(), "label", [Scope.LABEL])
    with pytest.raises(CommandError, match="lacks the scope “read”"):
        run(monkeypatch, key)
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(days=1))
    with pytest.raises(CommandError, match="ended"):
        run(monkeypatch, key)
