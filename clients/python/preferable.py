"""A client of Preferable in one file: preferences, judgments, imports, labeling, scores, and any
other endpoint of the API.

    project = Preferable("https://labels.example.org", token).project("demo")
    for row in project.preferences(split="train"):
        print(row["prompt"], row["chosen"], row["rejected"])

It needs httpx and nothing else. A request that may be sent twice without harm is sent again when
the server is busy or the connection breaks; any other is sent once. What the server refuses is
raised in the server's own words. The endpoints are described at /api/docs/ of the server.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic, sleep
from typing import Any, TypeAlias
from urllib.parse import quote, urljoin
from uuid import uuid4

import httpx

Row: TypeAlias = dict[str, Any]
Prompt: TypeAlias = str | Sequence[Mapping[str, Any]]

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0
PAGE = 1000  # rows, the most that the server gives at once
JSONL = "application/x-ndjson"


class PreferableError(Exception):
    """Whatever went wrong between this client and its server."""


class Unreachable(PreferableError):
    """The server did not answer, or stopped in the middle."""


class NotYet(PreferableError, TimeoutError):
    """Nobody has answered within the time that was given."""


class Refused(PreferableError):
    """The server has refused a request. `errors` names each field at fault; `retry_after` are the
    seconds after which the server wants to be asked again, where it says so."""

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[Row] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = list(errors)
        self.retry_after = retry_after


class Invalid(Refused):
    """What was sent is wrong: 400, 413, 422."""


class NotAllowed(Refused):
    """The token is none, lacks a scope, or its person lacks the role: 401, 403."""


class NotFound(Refused):
    """It is not there, or not to be seen with this token: 404."""


class Conflict(Refused):
    """Something has changed meanwhile: 409."""


class Busy(Refused):
    """Too many requests, or a part of the server is away: 429, 503."""


KINDS: dict[int, type[Refused]] = {
    400: Invalid,
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    413: Invalid,
    422: Invalid,
    429: Busy,
    503: Busy,
}


class Preferable:
    """A server, and the token with which to ask it."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout: float = 30.0,
        retries: int = 4,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        if not token.isascii() or not token.isprintable() or not token or " " in token:
            # The token itself stays out of the message: messages end up in logs.
            raise ValueError("token: it is empty, or has characters that no token has")
        address = httpx.URL(url)
        if address.scheme not in ("http", "https") or not address.host or address.userinfo:
            raise ValueError("url: give http:// or https:// and a host, without a password")
        self.url = url.rstrip("/")
        self.retries = retries
        self._http = httpx.Client(
            base_url=f"{self.url}/api/v1/",
            headers={"Authorization": f"Token {token}"},
            timeout=timeout,
            transport=transport,
            follow_redirects=False,  # the token is for this server alone
        )

    def __repr__(self) -> str:
        return f"Preferable({self.url!r})"

    def __enter__(self) -> Preferable:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def projects(self) -> list[Row]:
        """The projects that the token's person can open."""
        rows: list[Row] = self.send("GET", "projects/").json()
        return rows

    def project(self, slug: str) -> Project:
        """The project of this name in addresses. Nothing is asked of the server yet."""
        return Project(self, slug)

    def send(self, method: str, path: str, *, again: bool = True, **options: Any) -> httpx.Response:
        """Sends a request and returns the answer, or raises what went wrong. With `again` it is
        sent anew when the server is busy or the connection breaks."""
        return self._tried(lambda: self._once(method, path, options), again)

    def _once(self, method: str, path: str, options: Mapping[str, Any]) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.RequestError as fault:
            raise Unreachable(_no_answer(self.url, fault)) from None
        _check(answer)
        return answer

    def _tried(self, request: Callable[[], httpx.Response], again: bool) -> httpx.Response:
        for attempt in range(self.retries + 1):
            try:
                return request()
            except (Busy, Conflict, Unreachable) as problem:
                # A conflict that will be over names a time: an earlier try is still at work.
                is_over = isinstance(problem, Conflict) and problem.retry_after is None
                if is_over or not again or attempt == self.retries:
                    raise
                pause(attempt, problem)
        raise AssertionError("unreachable: the last try returns or raises")

    def lines(self, path: str, parameters: Mapping[str, Any]) -> Iterator[bytes]:
        """Streams the whole lines of an answer. Raises Unreachable where it breaks off, or is not
        what the server says it has sent."""
        rest, size, digest = b"", 0, hashlib.sha256()
        try:
            with self._http.stream("GET", path, params=parameters) as answer:
                if answer.is_error or answer.is_redirect:
                    answer.read()
                _check(answer)
                # Split at \n alone: a text may hold other characters that end a line elsewhere.
                for piece in answer.iter_bytes():
                    size += len(piece)
                    digest.update(piece)
                    *lines, rest = (rest + piece).split(b"\n")
                    yield from lines
        except httpx.RequestError as fault:
            raise Unreachable(_no_answer(self.url, fault)) from None
        if rest:
            raise Unreachable(f"{self.url} stopped in the middle of a row.")
        if receipt := answer.headers.get("Export-Receipt"):
            self._compare(receipt, size, digest.hexdigest())

    def _compare(self, address: str, size: int, sha256: str) -> None:
        """Raises Unreachable where the receipt of a file is not that of what has arrived."""
        place = urljoin(f"{self.url}/", address)
        if not place.startswith(f"{self.url}/"):
            raise PreferableError("The receipt of this export lies on another server.")
        receipt = self.send("GET", place).json()
        if (receipt["bytes"], receipt["sha256"]) != (size, sha256):
            raise Unreachable(f"{self.url} has sent something else than what has arrived.")


def pause(attempt: int, problem: PreferableError) -> None:
    """Waits before the next try: as long as the server asks, or longer each time."""
    seconds = FIRST_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1.5)
    asked = problem.retry_after if isinstance(problem, Refused) else None
    sleep(min(seconds if asked is None else asked, LONGEST_PAUSE_SECONDS))


def _no_answer(url: str, fault: httpx.RequestError) -> str:
    return f"{url} did not answer: {type(fault).__name__}."


def _check(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    if answer.is_redirect:
        place = answer.headers.get("Location", "")
        raise Refused(answer.status_code, f"The server sends on to {place}: use that address.")
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {}
    detail = problem.get("detail") or f"The server answered {answer.status_code}."
    after = answer.headers.get("Retry-After", "")
    raise KINDS.get(answer.status_code, Refused)(
        answer.status_code,
        str(detail),
        problem.get("errors") or (),
        float(after) if after.isdecimal() else None,
    )


@dataclass(frozen=True)
class Project:
    """A project on a server."""

    client: Preferable
    slug: str

    @property
    def _path(self) -> str:
        return f"projects/{quote(self.slug, safe='')}/"

    def details(self) -> Row:
        """The project with its counts."""
        row: Row = self.client.send("GET", self._path).json()
        return row

    def preferences(
        self, *, cursor: str | None = None, since: datetime | str | None = None, **filters: Any
    ) -> Rows:
        """The settled preferences, one after the other; each comes once, also where the connection
        breaks in between.

        With `cursor` (empty at first) they come in the order of their last change; `cursor` of what
        is returned goes on after those that were read. `since` is a moment. Filters are those of
        the API: `split`, `min_weight`, `include_ties` and so on.
        """
        return self._rows("preferences/", cursor, "settled_since", since, filters)

    def judgments(
        self, *, cursor: str | None = None, since: datetime | str | None = None, **filters: Any
    ) -> Rows:
        """What each person answered and saw, as `preferences`."""
        return self._rows("judgments/", cursor, "since", since, filters)

    def _rows(
        self,
        path: str,
        cursor: str | None,
        since_name: str,
        since: datetime | str | None,
        filters: Mapping[str, Any],
    ) -> Rows:
        for name in ("format", "limit"):
            if name in filters:
                raise ValueError(f"{name}: stop reading instead, as itertools.islice does")
        parameters = {name: _parameter(value) for name, value in filters.items()}
        if since is not None:
            parameters[since_name] = _moment(since)
        return Rows(self.client, self._path + path, parameters, cursor)

    def rows(self, path: str, **filters: Any) -> Iterator[Row]:
        """The rows of any list of the project, such as `members/` or `comparisons/`, page by page.
        Filters are those of the API."""
        cursor: str | None = ""
        asked = {name: _parameter(value) for name, value in filters.items()}
        while cursor is not None:
            parameters = {**asked, "cursor": cursor, "limit": str(PAGE)}
            page = self.client.send("GET", self._path + path, params=parameters).json()
            yield from page["results"]
            cursor = page["cursor"]

    def post(self, path: str, body: Mapping[str, Any], *, key: str | None = None) -> Row:
        """Sends a body to any endpoint of the project, such as `comparisons/`, and returns the
        answer. It is done once, also where it has to be sent again: under a `key` of yours, or one
        that is drawn."""
        headers = {"Idempotency-Key": key or str(uuid4())}
        answer = self.client.send("POST", self._path + path, json=dict(body), headers=headers)
        row: Row = answer.json() if answer.content else {}
        return row

    def import_rows(self, rows: Iterable[Mapping[str, Any]], **options: Any) -> Row:
        """Adds rows and returns the report. All of them are taken, or none: what is wrong is raised
        with its line. Options are those of the API: `pairs`, `source`, `tags`, `dry_run`,
        `skip_bad`."""
        report, _ = self._import(rows, options)
        return report

    def _import(
        self, rows: Iterable[Mapping[str, Any]], options: Mapping[str, Any]
    ) -> tuple[Row, datetime | None]:
        """The report, and when the server made it by its own clock."""
        lines = [json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows]
        answer = self.client.send(
            "POST",
            self._path + "imports/",
            again=False,
            content="\n".join(lines).encode(),
            headers={"Content-Type": JSONL},
            params={name: _parameter(value) for name, value in options.items()},
        )
        report: Row = answer.json()
        date = answer.headers.get("Date")
        return report, parsedate_to_datetime(date) if date else None

    def compare(
        self, prompt: Prompt, responses: Sequence[str | Mapping[str, Any]], **options: Any
    ) -> Ask:
        """Adds a prompt with two responses for people to compare. A response is a text, or
        `{"text": …, "model": …}`. What is there already is not added again: so another program can
        ask later for what came of it."""
        if len(responses) != 2:
            raise ValueError(f"responses: there are {len(responses)}; two are compared")
        messages = _messages(prompt)
        texts = [one if isinstance(one, str) else str(one["text"]) for one in responses]
        if texts[0] == texts[1]:
            raise ValueError("responses: both say the same")
        row = {"prompt": messages, "responses": list(responses)}
        report, at = self._import([row], {"pairs": 1, **options})
        if not report.get("comparisons_merged") and report.get("comparisons_new"):
            since = at
        else:
            since = None  # it may have been there, and answered long ago
        return Ask(self, messages, frozenset(texts), since)

    def next(self) -> HandOut | Nothing:
        """The comparison that the token's person holds or gets now. Where there is none, what is
        returned is false, and says why."""
        row = self.client.send("GET", self._path + "next/").json()
        if row["comparison"] is None:
            return Nothing(**row["nothing"])
        return HandOut.of(self.client, row["comparison"])

    def reward_models(self) -> list[Row]:
        """The reward models, newest first."""
        rows: list[Row] = self.client.send("GET", self._path + "reward-models/").json()
        return rows

    def scores(
        self,
        texts: Iterable[tuple[Prompt, str | Mapping[str, Any]]],
        *,
        version: int | str = "live",
        **options: Any,
    ) -> list[Row]:
        """Scores each pair of a prompt and a response with a reward model, in the order given."""
        asked = [{"prompt": _messages(prompt), "response": one} for prompt, one in texts]
        path = f"{self._path}reward-models/{quote(str(version), safe='')}/score/"
        answer = self.client.send("POST", path, json={"texts": asked, **options})
        rows: list[Row] = answer.json()["scores"]
        return rows


@dataclass
class Rows:
    """Rows of a project, read while one goes through them. `cursor` is where to go on: after the
    last page that was read to its end, where reading began with a cursor."""

    client: Preferable = field(repr=False)
    path: str
    parameters: dict[str, str]
    cursor: str | None = None

    def __iter__(self) -> Iterator[Row]:
        return self._stream() if self.cursor is None else self._changes()

    def _changes(self) -> Iterator[Row]:
        """Page by page: one that breaks off is asked for again before a row of it is passed on."""
        while True:
            asked = {**self.parameters, "cursor": self.cursor or "", "limit": str(PAGE)}
            page = self.client.send("GET", self.path, params=asked).json()
            yield from page["results"]
            self.cursor = page["cursor"]
            if page["next"] is None:
                return

    def _stream(self) -> Iterator[Row]:
        """In the order of ids. It asks for what follows the last row until nothing does: a server
        that breaks off between two rows looks like one that has come to the end."""
        after, attempt = int(self.parameters.get("after", 0)), 0
        while True:
            before = after
            asked = {**self.parameters, "format": "jsonl", "after": str(after)}
            try:
                for line in self.client.lines(self.path, asked):
                    row = json.loads(line)
                    after, attempt = row["id"], 0
                    yield row
            except (Busy, Unreachable) as problem:
                if attempt == self.client.retries:
                    raise
                pause(attempt, problem)
                attempt += 1
                continue
            if after == before:
                return


@dataclass
class Ask:
    """A question to people: which of two responses to a prompt is better."""

    project: Project
    prompt: list[Row]
    texts: frozenset[str]
    since: datetime | None = None

    def result(self) -> Row | None:
        """The preference that people have settled, as a row of `preferences`; None until then. Its
        `kind` may also be a tie, or that both are bad."""
        latest, preference = self.since, None
        rows = self.project.preferences(since=self.since, include_ties=True, include_both_bad=True)
        for row in rows:
            settled_at = datetime.fromisoformat(row["settled_at"])
            latest = settled_at if latest is None else max(latest, settled_at)
            if self._is_about(row):
                preference = row
        if preference is None:
            # What is settled from now on is stamped later than this, or told once more.
            self.since = latest
        return preference

    def wait(self, timeout: float, *, every: float = 5.0) -> Row:
        """Asks every few seconds until there is a result. Raises NotYet after `timeout` seconds."""
        end = monotonic() + timeout
        while True:
            preference = self.result()
            if preference is not None:
                return preference
            left = end - monotonic()
            if left <= 0:
                raise NotYet(f"Nothing was settled within {timeout:g} seconds.")
            sleep(min(every, left))

    def _is_about(self, row: Row) -> bool:
        texts = {row[side][-1]["content"] for side in ("chosen", "rejected")}
        return bool(row["prompt"] == self.prompt) and texts == self.texts


@dataclass(frozen=True)
class Nothing:
    """Why there is nothing to compare. It is false, so that `while hand_out := project.next()`
    ends."""

    reason: str
    text: str

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True)
class HandOut:
    """A comparison that was handed out to the token's person. `responses` stand in the order in
    which to show them; `asked` says what may be answered."""

    client: Preferable = field(repr=False)
    id: str
    expires_at: datetime
    prompt: list[Row]
    beside_prompt: Row
    responses: list[Row]
    asked: Row
    guidelines: int | None

    @classmethod
    def of(cls, client: Preferable, row: Row) -> HandOut:
        names = ("id", "prompt", "beside_prompt", "responses", "asked", "guidelines")
        expires_at = datetime.fromisoformat(row["expires_at"])
        return cls(client, expires_at=expires_at, **{name: row[name] for name in names})

    def answer(self, choice: str, **fields: Any) -> Row:
        """Sends the answer and returns what stands: `left`, `right` or another of the choices in
        `asked`. Fields are those of the API: `places`, `aspects`, `reasons`, `rationale`,
        `seconds` and so on."""
        return self._send("answer", {"choice": choice, **fields})

    def skip(self, **fields: Any) -> Row:
        """Leaves the comparison to others."""
        return self._send("skip", fields)

    def undo(self) -> HandOut:
        """Takes the answer back, if it is the last one in the project."""
        path = f"hand-outs/{self.id}/undo/"
        return HandOut.of(self.client, self.client.send("POST", path, again=False).json())

    def _send(self, what: str, body: Mapping[str, Any]) -> Row:
        row: Row = self.client.send("POST", f"hand-outs/{self.id}/{what}/", json=body).json()
        return row


def _messages(prompt: Prompt) -> list[Row]:
    if isinstance(prompt, str):
        return [{"role": "user", "content": prompt}]
    return [dict(message) for message in prompt]


def _parameter(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple | set | frozenset):
        return ",".join(sorted(map(str, value)))
    return str(value)


def _moment(value: datetime | str) -> str:
    """The moment in UTC. One without a zone would be read in the server's."""
    if isinstance(value, str):
        return value
    if value.tzinfo is None:
        raise ValueError("since: name a time zone, such as datetime.now(UTC)")
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
