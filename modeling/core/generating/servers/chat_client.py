"""Asks an OpenAI-compatible server for chat completions, and does not give up at the first trouble.

A request that is refused for being too many (429), meets a failing server (5xx) or gets no answer
is made again after a pause that doubles each time, with jitter, or after what the server's
Retry-After asks for; then everybody waits, for such limits are those of the whole account.
What cannot get better by waiting (a refused key, an unknown model) ends the run in words. An answer
that comes but cannot be used (chat_answer.py) is asked for again, and is then the caller's to leave
out. Every answer has a limit in seconds and in bytes, for the whole of it.
"""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

import httpx2

from labeling.network.checked_network import checked_client
from modeling.core.generating.servers.chat_answer import (
    Completions,
    Unusable,
    excerpt,
    most_bytes,
    read_answers,
    read_json,
)
from modeling.core.generating.servers.chat_server import ChatServer
from modeling.core.generating.servers.reachable import (
    check_addresses,
    check_unasked,
    reach_of_program,
)
from modeling.core.program.errors import ProgramError

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds
MOST_PATIENCE = 600.0  # seconds that a Retry-After may ask for
TIMES_SLOW = 2  # that an answer which comes too slowly is waited for
AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
BYTES_OF_REFUSAL = 64 * 1024  # read of an answer that is no completion
MODELS_NAMED = 10


@dataclass(frozen=True)
class Reply:
    """An answer as it came, not longer than it may be. `is_whole`: nothing was left unread."""

    status: int
    content: bytes
    is_whole: bool = True
    retry_after: str = ""


class RequestRefused(Exception):
    """The server will not answer this request however often it is made. The message says why."""


class _TryAgain(Exception):
    """`pause`: what the server asked for, in seconds; None: it did not."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


class _TooSlow(Unusable):
    """An answer that had begun and was not complete in time."""


class ChatClient:
    """One server, for as long as the `async with` lasts.

    Raises ProgramError when the server cannot be used, RequestRefused for a single request that it
    will not answer, Unusable for a request whose answers cannot be used. `say` is called with
    troubles that may pass, once for each kind.
    """

    def __init__(self, server: ChatServer, say: Callable[[str], object]) -> None:
        self.server, self.say = server, say
        reach = reach_of_program()
        check_unasked(server.host, reach)
        self.key = server.api_key()
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        self.http = checked_client(
            server.base_url,
            headers,
            server.timeout_seconds,
            server.concurrency,
            partial(check_addresses, reach=reach),
        )
        self.next_start = 0.0  # when the rate limit or a Retry-After lets the next request go
        self.said: set[str] = set()

    async def __aenter__(self) -> "ChatClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def ask(
        self, messages: list[dict[str, Any]], count: int, settings: dict[str, Any]
    ) -> Completions:
        """Ask for `count` completions. A server may give fewer, down to none."""
        body = {"model": self.server.model, "messages": messages, "stream": False} | settings
        if count > 1:
            body["n"] = count
        slow = 0
        for attempt in range(self.server.attempts):
            await self._wait_for_turn()
            pause, unusable = None, None
            try:
                parsed = await self._post(body, most_bytes(count, settings["max_tokens"]))
                return read_answers(parsed, count, settings["max_tokens"], self.key)
            except Unusable as trouble:
                reason, unusable = str(trouble), trouble
                slow += isinstance(trouble, _TooSlow)
            except _TryAgain as trouble:
                reason, pause = str(trouble), trouble.pause
            if slow >= TIMES_SLOW:
                break
            self._say_once(f"{self.server.name}: {reason}; trying again.")
            await self._pause(attempt, pause)
        if unusable is not None:
            raise Unusable(reason) from None
        raise ProgramError(
            f"{self.server.name} gave no answer in {self.server.attempts} attempts: {reason}",
            where=self.server.base_url,
            hint="Is the server running, and reachable from where the worker runs? Look at its "
            "log. Then start this run again: it goes on where it stopped.",
        )

    def _say_once(self, sentence: str) -> None:
        # The server's words are part of the sentence: without a limit it could fill memory and log.
        if sentence not in self.said and len(self.said) < 100:
            self.said.add(sentence)
            self.say(sentence)

    async def _pause(self, attempt: int, asked: float | None) -> None:
        if asked is None:
            # Jitter: workers that failed together must not come back together.
            doubled = min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt)
            await asyncio.sleep(doubled * random.uniform(0.5, 1.0))
        else:
            self.next_start = max(self.next_start, time.monotonic() + asked)

    async def _wait_for_turn(self) -> None:
        """Wait until the rate limit, or a pause that the server asked for, lets the next request
        go."""
        limit = self.server.requests_per_minute
        gap = 60.0 / limit if limit else 0.0
        while (wait := self.next_start - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        self.next_start = time.monotonic() + gap

    async def _post(self, body: dict[str, Any], most: int) -> Any:
        """Post a request and parse its answer, of at most `most` bytes, as JSON."""
        reply = await self._fetch("POST", "chat/completions", most, body)
        if reply.status in AGAIN:
            raise _TryAgain(self._words_of(reply), asked_pause(reply, self.server.host))
        if reply.status != 200:
            raise await self._problem(reply)
        if not reply.is_whole:
            raise Unusable(f"the server's answer is longer than {most:,} bytes")
        return read_json(reply.content)

    async def _fetch(
        self, method: str, path: str, most: int, body: dict[str, Any] | None = None
    ) -> Reply:
        """Read at most `most` bytes of an answer, within the seconds that the address allows."""
        seconds, has_begun = self.server.timeout_seconds, False
        try:
            async with (
                asyncio.timeout(seconds),
                self.http.stream(method, path, json=body) as response,
            ):
                has_begun = response.status_code == 200
                return await _read(response, most)
        except (TimeoutError, httpx2.TimeoutException):
            if has_begun:
                raise _TooSlow(f"the server's answer took longer than {seconds:g} s") from None
            raise _TryAgain(f"no answer within {seconds:g} s") from None
        except httpx2.RequestError as trouble:
            if has_begun:
                raise Unusable("the server's answer broke off") from None
            raise _TryAgain(f"{type(trouble).__name__}: {trouble}") from None

    async def _problem(self, reply: Reply) -> Exception:
        """Make a refusal an error: RequestRefused for this request alone, ProgramError for all."""
        words, server = self._words_of(reply), self.server
        if reply.status in (401, 403):
            named = f"the key in {server.api_key_env}" if self.key else "requests without a key"
            return ProgramError(
                f"{server.base_url} refuses {named}: {words}",
                where=server.base_url,
                hint="Name the environment variable with a valid key: &api_key_env=POLICY_API_KEY.",
            )
        if 300 <= reply.status < 400:
            return ProgramError(
                f"{server.base_url} sends requests on to another address ({words}), which is not "
                "followed.",
                where=server.base_url,
                hint="Register the address that it names in the end.",
            )
        if reply.status in (404, 405):
            return ProgramError(
                f"{server.base_url} has no chat completions of the model {server.model!r}: {words}",
                where=server.base_url,
                hint=await self._offered(),
            )
        return RequestRefused(words)

    async def _offered(self) -> str:
        try:
            reply = await self._fetch("GET", "models", BYTES_OF_REFUSAL)
            models = read_json(reply.content)["data"][:MODELS_NAMED]
            names = [excerpt({"message": str(model["id"])}, self.key) for model in models]
        except (_TryAgain, Unusable, KeyError, TypeError):
            names = []
        if names:
            return f"The server offers: {', '.join(names)}."
        return "Check the address: most servers want it to end in /v1, before ?model=NAME."

    def _words_of(self, reply: Reply) -> str:
        """The status, and what the server says of the error in the form that such servers have."""
        try:
            words = excerpt(read_json(reply.content), self.key)
        except Unusable:
            words = ""
        return f"HTTP {reply.status} {words}".strip()


async def _read(response: httpx2.Response, most: int) -> Reply:
    """Read an answer without unpacking it: a few packed bytes can stand for gigabytes, and were not
    asked for."""
    status = response.status_code
    retry_after = response.headers.get("retry-after", "")
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        if status == 200:
            raise Unusable("the server's answer is compressed, which was not asked for")
        return Reply(status, b"", False, retry_after)
    most = most if status == 200 else BYTES_OF_REFUSAL
    content = bytearray()
    async for piece in response.aiter_raw():
        content += piece
        if len(content) > most:
            return Reply(status, bytes(content[:most]), False, retry_after)
    return Reply(status, bytes(content), True, retry_after)


def asked_pause(reply: Reply, host: str) -> float | None:
    """Read the seconds that Retry-After asks for, as a number or a date (RFC 9110, 10.2.3). None
    where it asks for nothing. Raises ProgramError for more than MOST_PATIENCE."""
    asked = reply.retry_after.strip()
    if not asked:
        return None
    try:
        seconds = float(asked)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(asked).timestamp() - time.time()
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    if seconds > MOST_PATIENCE:
        raise ProgramError(
            f"{host} asks to wait {seconds / 60:.0f} minutes (HTTP "
            f"{reply.status}): its limit is used up.",
            where=host,
            hint="Start this run again then: it goes on where it stopped.",
        )
    return max(0.0, seconds)
