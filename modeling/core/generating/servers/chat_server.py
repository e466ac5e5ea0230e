"""Where an OpenAI-compatible server is and how it may be used, in one address.

    https://host:8000/v1?model=org/name&api_key_env=POLICY_API_KEY&concurrency=16

The part before `?` is the server's base URL, as other clients take it; the parameters are the
fields of `ChatServer`. An API key is named by its environment variable, never written down: such
an address is stored, shown and logged. Only variables made for this may be named, and each is sent
only to the servers that the operator names for it in a second variable:

    POLICY_API_KEY=the-key
    POLICY_API_KEY_HOSTS=https://api.example.org http://gpu-box:8000

Or else who may register a policy could send any secret of the worker's to a server of theirs.
This file is light: the web process reads it.
"""

import os
import re
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from labeling.network.web_addresses import (
    WrongAddress,
    is_web_address,
    split_address,
    written_origin,
)
from modeling.core.program.errors import ProgramError


@dataclass(frozen=True)
class ChatServer:
    """An address, taken apart."""

    base_url: str
    model: str
    api_key_env: str = ""  # the variable that holds the key; "": the server wants none
    concurrency: int = 8  # requests under way at once
    requests_per_minute: float = 0.0  # 0: no limit of ours
    samples_per_request: int = 1  # above 1 the samples of a request share its seed
    timeout_seconds: float = 120.0  # for one answer
    attempts: int = 6  # of one request, before the run gives up

    @property
    def name(self) -> str:
        return f"{self.model} at {self.base_url}"

    @property
    def host(self) -> str:
        """The host as it is looked up: lower case, an IPv6 address without its brackets."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def address(self) -> str:
        """The whole address; parameters at their default are left out."""
        parameters = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name != "base_url" and getattr(self, field.name) != field.default
        }
        return f"{self.base_url}?{urlencode(parameters, safe='/:')}"

    def api_key(self) -> str:
        """The key, or "" where none is wanted. Raises ProgramError unless it may be sent there."""
        if not self.api_key_env:
            return ""
        key = os.environ.get(self.api_key_env, "").strip()
        if not key:
            raise ProgramError(
                f"The environment variable {self.api_key_env} with the key for {self.base_url} "
                "is not set.",
                where="api_key_env",
                hint="Set it where the worker runs (in .env, say) and start the worker again.",
            )
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise ProgramError(
                f"The key in {self.api_key_env} holds characters that no key has.",
                where="api_key_env",
                hint="Letters, digits and signs of ASCII, in one line and without spaces.",
            )
        self.check_key_may_go()
        return key

    def check_key_may_go(self) -> None:
        """Raises ProgramError unless the operator has named this server for the key."""
        setting = self.api_key_env + HOSTS
        named = os.environ.get(setting, "").replace(",", " ").split()
        if origin_of(self.base_url) not in {origin_of(word) for word in named}:
            raise ProgramError(
                f"The key in {self.api_key_env} may not be sent to {self.base_url}.",
                where="api_key_env",
                hint="The operator names the servers that it is for, where the worker runs: "
                f"{setting}={origin_of(self.base_url)}",
            )


HOSTS = "_HOSTS"  # after the name of a key's variable: the servers that it may be sent to
KEY_VARIABLE = re.compile(r"POLICY_API_KEY(_[A-Z0-9_]+)?(?<!_HOSTS)")
# Parameter -> the most that makes sense; above it one policy would keep a worker for itself.
COUNTS = {"concurrency": 64, "samples_per_request": 64, "attempts": 20}
AMOUNTS = {"requests_per_minute": 60_000.0, "timeout_seconds": 3600.0}
MOST_CHARACTERS = 500  # as long as a policy's location can be


def is_server(source: str) -> bool:
    """Whether a policy's location is an address and not a folder or a Hub id."""
    return is_web_address(source)


def parse_server(address: str) -> ChatServer:
    """Read an address. Raises ProgramError that says what is wrong in it."""
    address = address.strip()
    if len(address) > MOST_CHARACTERS:
        raise wrong(f"is longer than {MOST_CHARACTERS} characters")
    url = _split(address)
    known = {field.name for field in fields(ChatServer)} - {"base_url"}
    pairs = parse_qsl(url.query, keep_blank_values=True)
    given = dict(pairs)
    for key in given.keys() - known:
        # The value may be a key that somebody pasted here: it is not repeated.
        raise wrong(f"has the unknown parameter {key[:40]!r} (known: {', '.join(sorted(known))})")
    if len(given) < len(pairs):
        raise wrong("has a parameter twice")
    if not given.get("model", "").isprintable() or not given.get("model"):
        raise wrong("does not name a model: add ?model=NAME")
    values: dict[str, Any] = dict(given)
    for key in given.keys() & {*COUNTS, *AMOUNTS}:
        values[key] = _number(key, given[key])
    variable = given.get("api_key_env", "")
    if variable and not KEY_VARIABLE.fullmatch(variable):
        raise wrong("has an api_key_env other than POLICY_API_KEY or POLICY_API_KEY_…")
    path = url.path.rstrip("/").removesuffix("/chat/completions")
    return ChatServer(base_url=f"{_origin(url)}{path}", **values)


def origin_of(url: str) -> str:
    """Write the server of a URL in one way: scheme, host, and a port other than the usual one.
    Without a scheme it is https; "" for what is no server."""
    text = url if "://" in url else f"https://{url}"
    try:
        return _origin(_split(text))
    except ProgramError:
        return ""


def _split(address: str) -> SplitResult:
    try:
        return split_address(address)
    except WrongAddress as problem:
        raise wrong(str(problem)) from None


def _origin(url: SplitResult) -> str:
    try:
        return written_origin(url)
    except WrongAddress as problem:
        raise wrong(str(problem)) from None


def _number(key: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not isfinite(value):
        value = -1.0
    most = COUNTS[key] if key in COUNTS else AMOUNTS[key]
    if value > most:
        raise wrong(f"has a {key} above {most:g}")
    if key in COUNTS and value >= 1 and value == int(value):
        return int(value)
    least = 0.0 if key == "requests_per_minute" else 0.001
    if key in AMOUNTS and value >= least:
        return value
    raise wrong(f"has a {key} that makes no sense: {text[:20]!r}")


def wrong(problem: str) -> ProgramError:
    """The error of an address; `problem` ends the sentence "The address … is no URL"."""
    return ProgramError(
        f"The address of the policy's server {problem}.",
        where="policy",
        hint="It looks like http://host:8000/v1?model=NAME&api_key_env=POLICY_API_KEY.",
    )
