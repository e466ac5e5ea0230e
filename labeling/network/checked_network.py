"""Connections to an address that was checked, and to no other.

A name is looked up here, once for each connection; every address it has must be allowed, and the
connection is made to one of these very addresses. So a name that leads elsewhere a moment later
gains nothing. TLS is still verified against the name. Proxies of the environment and redirects are
not followed: both would put somebody else's choice of an address in the place of this one.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import httpcore2
import httpx2

from labeling.network.reachable import Address, addresses_in, literal_address

# Raises what the caller understands where a connection of this host to these addresses may not be
# made.
Check = Callable[[str, list[Address]], object]
CONNECT_SECONDS = 10.0
MOST_TRIED = 4  # of a name's addresses


class CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Makes the connections of a pool. Raises what `check` raises for addresses it refuses."""

    def __init__(self, check: Check) -> None:
        self.check = check
        self.inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await self._addresses(host, port, timeout)
        self.check(host, addresses)
        tried = addresses[:MOST_TRIED]
        seconds = None if timeout is None else timeout / len(tried)
        for number, address in enumerate(tried, start=1):
            try:
                return await self.inner.connect_tcp(
                    str(address), port, seconds, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if number == len(tried):
                    raise
        raise AssertionError("unreachable")

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.AsyncNetworkStream:
        raise httpcore2.ConnectError("a server has a network address")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _addresses(self, host: str, port: int, timeout: float | None) -> list[Address]:
        literal = literal_address(host)
        if literal is not None:
            return [literal]
        loop = asyncio.get_running_loop()
        try:
            answer = await asyncio.wait_for(
                loop.getaddrinfo(host, port, type=socket.SOCK_STREAM), timeout
            )
        except TimeoutError:
            raise httpcore2.ConnectTimeout("its name was not looked up in time") from None
        except (OSError, UnicodeError):
            answer = []
        if not answer:
            raise httpcore2.ConnectError("its name is not known here")
        return addresses_in(answer)


@cache
def _tls() -> ssl.SSLContext:
    """Reads the certificates of authorities once: that takes longer than many a request."""
    return httpx2.create_ssl_context()


def checked_client(
    base_url: str, headers: dict[str, str], timeout_seconds: float, connections: int, check: Check
) -> httpx2.AsyncClient:
    """Make an HTTP client that connects only where `check` raises nothing."""
    transport = httpx2.AsyncHTTPTransport()
    # httpx2 has no argument for this, and its version is pinned; a test connects through it.
    transport._pool = httpcore2.AsyncConnectionPool(
        ssl_context=_tls(),
        max_connections=connections,
        network_backend=CheckedBackend(check),
    )
    return httpx2.AsyncClient(
        base_url=base_url.rstrip("/") + "/",
        headers=headers | {"Accept-Encoding": "identity"},
        transport=transport,
        timeout=httpx2.Timeout(timeout_seconds, connect=CONNECT_SECONDS, pool=None),
        trust_env=False,
        follow_redirects=False,
    )
