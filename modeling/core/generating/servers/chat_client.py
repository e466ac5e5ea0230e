"""Asks an OpenAI-compatible server for chat completions, and does not give up at the first trouble.

A request that is refused for being too many (429), meets a failing server (5xx) or gets no answer
is made again after a pause that doubles each time, with jitter, or after what the server's
Retry-After asks for; then everybody waits, for such limits are those of the whole account.
What cannot get better by waiting (a refused key, an unknown model) ends the run in words.
"""

import asyncio
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from modeling.core.chat_server import ChatServer
from modeling.core.errors import ProgramError

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds
MOST_PATIENCE = 600.0  # seconds that a Retry-After may ask for
AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
TOLD = 300  # characters of a server's own words


@dataclass(frozen=True)
class Answer:
    """One completion. `tokens` is null where the server counts only whole requests."""

    text: str
    finished: bool
    tokens: int | None


class Refused(Exception):
    """The server will not answer this request however often it is made. The message says why."""


class _TryAgain(Exception):
    """`pause`: what the server asked for, in seconds; None: it did not."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


class ChatClient:
    """One server, for as long as the `async with` lasts. Raises ProgramError when it cannot be
    used, Refused for a single request that it will not answer. `say` hears of troubles that may
    pass, once of each kind."""

    def __init__(self, server: ChatServer, say: Callable[[str], object]) -> None:
        self.server, self.say = server, say
        self.key = server.api_key()
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        self.http = httpx2.AsyncClient(
            base_url=server.base_url + "/",
            headers=headers,
            timeout=httpx2.Timeout(server.timeout_seconds, connect=10.0, pool=None),
            limits=httpx2.Limits(max_connections=server.concurrency),
        )
        self.next_start = 0.0  # when the rate limit or a Retry-After lets the next request go
        self.said: set[str] = set()

    async def __aenter__(self) -> "ChatClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def ask(
        self, messages: list[dict[str, str]], count: int, settings: dict[str, Any]
    ) -> list[Answer]:
        """Up to `count` completions: a server may give fewer, down to none."""
        body = {"model": self.server.model, "messages": messages, "stream": False} | settings
        if count > 1:
            body["n"] = count
        for attempt in range(self.server.attempts):
            await self._wait_for_turn()
            try:
                return read_answers(await self._post(body), count)
            except _TryAgain as trouble:
                reason, pause = str(trouble), trouble.pause
            if reason not in self.said:
                self.said.add(reason)
                self.say(f"{self.server.name}: {reason}; trying again.")
            if pause is None:
                doubled = min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt)
                await asyncio.sleep(doubled * random.uniform(0.5, 1.0))
            else:
                self.next_start = max(self.next_start, time.monotonic() + pause)
        raise ProgramError(
            f"{self.server.name} gave no answer in {self.server.attempts} attempts: {reason}",
            where=self.server.base_url,
            hint="Is the server running, and reachable from where the worker runs? Look at its "
            "log. Then start this run again: it goes on where it stopped.",
        )

    async def _wait_for_turn(self) -> None:
        """Requests start at the pace that the rate limit allows."""
        limit = self.server.requests_per_minute
        gap = 60.0 / limit if limit else 0.0
        while (wait := self.next_start - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        self.next_start = time.monotonic() + gap

    async def _post(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            response = await self.http.post("chat/completions", json=body)
        except httpx2.TimeoutException as trouble:
            seconds = self.server.timeout_seconds
            raise _TryAgain(f"no answer within {seconds:g} s ({type(trouble).__name__})") from None
        except httpx2.TransportError as trouble:
            raise _TryAgain(f"{type(trouble).__name__}: {trouble}") from None
        if response.status_code in AGAIN:
            raise _TryAgain(self._words_of(response), asked_pause(response))
        if response.status_code != 200:
            raise await self._problem(response)
        try:
            told = response.json()
        except ValueError:
            raise _TryAgain(f"its answer is not JSON: {response.text[:TOLD]!r}") from None
        return told if isinstance(told, dict) else {}

    async def _problem(self, response: httpx2.Response) -> Exception:
        """What a refusal means: for this request alone, or for all of them."""
        words, server = self._words_of(response), self.server
        if response.status_code in (401, 403):
            named = f"the key in {server.api_key_env}" if self.key else "requests without a key"
            return ProgramError(
                f"{server.base_url} refuses {named}: {words}",
                where=server.base_url,
                hint="Name the environment variable with a valid key: &api_key_env=POLICY_API_KEY.",
            )
        if response.status_code in (404, 405) or response.is_redirect:
            return ProgramError(
                f"{server.base_url} has no chat completions of the model {server.model!r}: {words}",
                where=server.base_url,
                hint=await self._offered(),
            )
        return Refused(words)

    async def _offered(self) -> str:
        try:
            listed = (await self.http.get("models")).json()["data"]
            names = [str(model["id"]) for model in listed][:10]
        except (httpx2.HTTPError, ValueError, KeyError, TypeError):
            names = []
        if names:
            return f"The server offers: {', '.join(names)}."
        return "Check the address: most servers want it to end in /v1, before ?model=NAME."

    def _words_of(self, response: httpx2.Response) -> str:
        """The status and the server's own words, should they quote the key without it."""
        try:
            told = response.json()
            error = told.get("error", told.get("detail", told))
            text = error.get("message", error) if isinstance(error, dict) else error
        except (ValueError, AttributeError):
            text = response.text
        words = text if isinstance(text, str) else json.dumps(text)
        words = words.replace(self.key, "[key]") if self.key else words
        return f"HTTP {response.status_code} {words.strip()[:TOLD]}".strip()


def asked_pause(response: httpx2.Response) -> float | None:
    """Seconds that Retry-After asks for (a number or a date, RFC 9110 10.2.3); None: nothing."""
    asked = response.headers.get("retry-after", "").strip()
    if not asked:
        return None
    try:
        seconds = float(asked)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(asked).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    if seconds > MOST_PATIENCE:
        raise ProgramError(
            f"{response.url.host} asks to wait {seconds / 60:.0f} minutes (HTTP "
            f"{response.status_code}): its limit is used up.",
            where=str(response.url.host),
            hint="Start this run again then: it goes on where it stopped.",
        )
    return max(0.0, seconds)


def read_answers(told: dict[str, Any], count: int) -> list[Answer]:
    """The completions with a text in the server's answer."""
    choices = told.get("choices")
    if not isinstance(choices, list):
        raise _TryAgain(f"its answer has no choices: {json.dumps(told)[:TOLD]}")
    usage = told.get("usage")
    counted = usage.get("completion_tokens") if isinstance(usage, dict) else None
    tokens = counted if isinstance(counted, int) and len(choices) == 1 else None
    answers = []
    for choice in choices[:count]:
        message = choice.get("message") if isinstance(choice, dict) else None
        text = message.get("content") if isinstance(message, dict) else None
        if isinstance(text, str):
            answers.append(Answer(text, choice.get("finish_reason") == "stop", tokens))
    return answers
