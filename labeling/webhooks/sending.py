"""Makes the requests: several at once, each within seconds, each answer read to its beginning."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

import httpx2

from labeling.models.webhooks import EXCERPT
from labeling.network.checked_network import checked_client
from labeling.network.reachable import Reach
from labeling.webhooks.reaching import NotAllowed, check_addresses

SECONDS = 10.0  # for the whole of a request and its answer
MOST_READ = 4096  # bytes of an answer
LONGEST_ASKED_PAUSE = 3600.0


@dataclass(frozen=True)
class Outgoing:
    """A request that is to be made."""

    address: str
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True)
class Outcome:
    """What became of a request. `status` is None where there was no answer; `problem` says why."""

    status: int | None = None
    excerpt: str = ""
    problem: str = ""
    seconds: float = 0.0
    asked_pause: float = 0.0

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """Whether the receiver says that it wants nothing more."""
        return self.status == HTTPStatus.GONE


def send_all(requests: Sequence[Outgoing], reach: Reach) -> list[Outcome]:
    """Makes all requests at once. Takes no longer than one of them may."""
    return asyncio.run(_send_all(requests, reach))


async def _send_all(requests: Sequence[Outgoing], reach: Reach) -> list[Outcome]:
    return list(await asyncio.gather(*(_send(one, reach) for one in requests)))


async def _send(request: Outgoing, reach: Reach) -> Outcome:
    start = time.monotonic()
    try:
        async with asyncio.timeout(SECONDS):
            outcome = await _ask(request, reach)
    except (TimeoutError, httpx2.TimeoutException):
        outcome = Outcome(problem=f"No whole answer within {SECONDS:g} seconds.")
    except NotAllowed as refusal:
        outcome = Outcome(problem=str(refusal))
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as trouble:
        words = _printable(str(trouble)) or type(trouble).__name__
        outcome = Outcome(problem=f"No answer: {words[:200]}")
    seconds = time.monotonic() - start
    return Outcome(outcome.status, outcome.excerpt, outcome.problem, seconds, outcome.asked_pause)


async def _ask(request: Outgoing, reach: Reach) -> Outcome:
    client = checked_client(
        request.address, request.headers, SECONDS, 1, partial(check_addresses, reach=reach)
    )
    async with (
        client,
        client.stream("POST", request.address, content=request.body) as response,
    ):
        return Outcome(
            status=response.status_code,
            excerpt=await _beginning(response),
            problem=_words_for(response.status_code),
            asked_pause=_asked_pause(response.headers.get("retry-after", "")),
        )


async def _beginning(response: httpx2.Response) -> str:
    """The first bytes of an answer, as text. A packed one is not unpacked."""
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        return ""
    content = bytearray()
    async for piece in response.aiter_raw():
        content += piece
        if len(content) >= MOST_READ:
            break
    return _printable(bytes(content[:MOST_READ]).decode(errors="replace"))[:EXCERPT]


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() or one == "\n" else " " for one in text).strip()


def _words_for(status: int) -> str:
    if 300 <= status < 400:
        return "It sends requests on to another address, which is not followed: give that one."
    return "" if 200 <= status < 300 else "It did not take the event."


def _asked_pause(text: str) -> float:
    """The seconds of a Retry-After; 0 for a date, for nonsense and for none."""
    text = text.strip()
    seconds = float(text) if text.isascii() and text.isdigit() else 0.0
    return min(seconds, LONGEST_ASKED_PAUSE)
