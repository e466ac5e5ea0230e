"""Where an OpenAI-compatible server is and how it may be used, in one address.

    https://host:8000/v1?model=org/name&api_key_env=POLICY_API_KEY&concurrency=16

The part before `?` is the server's base URL, as other clients take it; the parameters are the
fields of `ChatServer`. An API key is named by its environment variable, never written down: such
an address is stored, shown and logged. Only variables made for this may be named, or else who may
register a policy could send any secret of the worker's to a server of theirs.
This file is light: the web process reads it.
"""

import os
import re
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from modeling.core.errors import ProgramError


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
    def address(self) -> str:
        """The whole address; what is as by default is left out."""
        told = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name != "base_url" and getattr(self, field.name) != field.default
        }
        return f"{self.base_url}?{urlencode(told, safe='/:')}"

    def api_key(self) -> str:
        """The key, or "" where none is wanted."""
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
        return key


KEY_VARIABLE = re.compile(r"POLICY_API_KEY(_[A-Z0-9_]+)?")
COUNTS = ("concurrency", "samples_per_request", "attempts")
AMOUNTS = ("requests_per_minute", "timeout_seconds")


def is_server(source: str) -> bool:
    """Whether a policy's location is an address and not a folder or a Hub id."""
    return source.lower().startswith(("http://", "https://"))


def parse_server(address: str) -> ChatServer:
    """Raises ProgramError with what is wrong in the address."""
    url = urlsplit(address.strip())
    if not is_server(address) or not url.hostname:
        raise wrong("is no http or https URL")
    if url.username or url.password:
        raise wrong("holds a user name or password, which would be stored and logged")
    known = {field.name for field in fields(ChatServer)} - {"base_url"}
    given = dict(parse_qsl(url.query, keep_blank_values=True))
    for key in given.keys() - known:
        # The value may be a key that somebody pasted here: it is not repeated.
        raise wrong(f"has the unknown parameter {key!r} (known: {', '.join(sorted(known))})")
    if not given.get("model"):
        raise wrong("does not name a model: add ?model=NAME")
    path = url.path.rstrip("/").removesuffix("/chat/completions")
    values: dict[str, Any] = dict(given)
    for key in given.keys() & {*COUNTS, *AMOUNTS}:
        values[key] = _number(key, given[key])
    variable = given.get("api_key_env", "")
    if variable and not KEY_VARIABLE.fullmatch(variable):
        raise wrong("has an api_key_env other than POLICY_API_KEY or POLICY_API_KEY_…")
    return ChatServer(base_url=urlunsplit((url.scheme.lower(), url.netloc, path, "", "")), **values)


def _number(key: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if key in COUNTS and value >= 1 and value == int(value):
        return int(value)
    least = 0.0 if key == "requests_per_minute" else 0.001
    if key in AMOUNTS and isfinite(value) and value >= least:
        return value
    raise wrong(f"has a {key} that makes no sense: {text!r}")


def wrong(problem: str) -> ProgramError:
    return ProgramError(
        f"The address of the policy's server {problem}.",
        where="policy",
        hint="It looks like http://host:8000/v1?model=NAME&api_key_env=POLICY_API_KEY.",
    )
