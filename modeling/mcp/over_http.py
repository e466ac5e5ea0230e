"""The server over HTTP: each request brings the token of the person for whom it acts."""

from collections.abc import Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection
from mcp.server import MCPServer
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import AnyHttpUrl

from labeling.models import Scope
from labeling.people.signing_in.tokens import TokenRefused, find_token
from modeling.mcp.server import INSTRUCTIONS, tools_for

PATH = "/mcp"


class ApiTokens:
    """Lets in whoever sends an API token that may read. What else it may do, each tool asks."""

    async def verify_token(self, token: str) -> AccessToken | None:
        return await sync_to_async(_verified)(token)


def _verified(key: str) -> AccessToken | None:
    try:
        token = find_token(key)
    except TokenRefused:
        return None
    finally:
        if not connection.in_atomic_block:
            connection.close()
    scopes = [scope.value for scope in token.scopes]
    return AccessToken(token=key, client_id=f"token-{token.pk}", scopes=scopes)


def _key_of_request() -> str:
    token = get_access_token()
    if token is None:
        raise TokenRefused("Send an API token: Authorization: Bearer KEY.")
    return token.token


def make_app(host: str, port: int, names: Sequence[str] = ()) -> Any:
    """The ASGI application. Requests must be for the address it listens on or one of `names`, so
    that a page of somebody else's cannot have a browser ask it; pages are not let in at all."""
    here = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    local = [f"localhost:{port}", f"127.0.0.1:{port}"] if host == "127.0.0.1" else []
    server = MCPServer(
        "Preferable",
        instructions=INSTRUCTIONS,
        tools=tools_for(_key_of_request, may_write=True),
        token_verifier=ApiTokens(),
        auth=AuthSettings(
            issuer_url=AnyHttpUrl(f"http://{here}"),
            resource_server_url=None,
            required_scopes=[Scope.READ.value],
        ),
        log_level="WARNING",
    )
    return server.streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,
        transport_security=TransportSecuritySettings(
            allowed_hosts=[here, *local, *names], allowed_origins=[]
        ),
        host=host,
    )


def serve(host: str, port: int, names: Sequence[str]) -> None:
    """Serves until it is stopped."""
    import uvicorn

    uvicorn.run(make_app(host, port, names), host=host, port=port, log_level="warning")
