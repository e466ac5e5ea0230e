"""Describes what all endpoints have in common: errors, names, tags, scopes, how a token is sent.

An endpoint says what it takes and gives; the refusals that every one shares follow from its address
and its parsers, so that none can forget them.
"""

import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple

from django.contrib.admindocs.views import simplify_regex
from django.urls import URLPattern, get_resolver
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework.permissions import SAFE_METHODS, AllowAny

from labeling.api.conventions.authentication import needed_scope
from labeling.api.conventions.errors import CONTENT_TYPE, ProblemSerializer


class Refusal(NamedTuple):
    """A refusal that all endpoints share: the name of its component, when it comes, an example."""

    name: str
    description: str
    example: str


REFUSALS = {
    400: Refusal(
        "BadRequest",
        "Something that was sent is wrong: `errors` names each field at fault.",
        "limit: Ensure this value is greater than or equal to 1.",
    ),
    401: Refusal(
        "Unauthorized",
        "There is neither a token that is in force, nor a session.",
        "Authentication credentials were not provided.",
    ),
    403: Refusal(
        "Forbidden",
        "The token lacks the scope, or your role in the project does not allow it.",
        "This token lacks the scope “write”: make one that has it.",
    ),
    404: Refusal(
        "NotFound",
        "There is no such thing, or none that you may know of.",
        "There is no such project, or you are not a member of it.",
    ),
    409: Refusal(
        "Conflict",
        "It does not go with how things stand by now. Nothing was changed.",
        "Such a run is under way already.",
    ),
    410: Refusal(
        "Gone",
        "It is over: what it was about is closed, or belongs to others by now.",
        "The comparison has gone to somebody else meanwhile.",
    ),
    413: Refusal(
        "TooLarge",
        "The body is larger than is taken at once.",
        "The body is larger than 20 MB: send it in parts.",
    ),
    415: Refusal(
        "UnsupportedMediaType",
        "The body is in a form that is not read here.",
        "Unsupported media type “text/plain” in request.",
    ),
    416: Refusal(
        "RangeNotSatisfiable",
        "The range that was asked for begins beyond the end.",
        "The range begins beyond the end of the file.",
    ),
    422: Refusal(
        "Unprocessable",
        "It is well-formed, and does not go with what was sent before.",
        "This key has come with another request.",
    ),
    429: Refusal(
        "TooManyRequests",
        "These are too many requests: `Retry-After` says when to try again.",
        "Too many requests: try again in 12 seconds.",
    ),
    503: Refusal(
        "Unavailable",
        "The database, or what else is needed, is away for the moment. Try again.",
        "The database is not available. Try again in a moment.",
    ),
}
SECONDS = {"schema": {"type": "integer"}, "description": "Seconds."}
HEADERS = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}}},
    429: {"Retry-After": SECONDS},
    503: {"Retry-After": SECONDS},
}
PROBLEM = "#/components/schemas/Problem"
EVERYWHERE = (429, 503)
ONCE = "Idempotency-Key"


class TokenInSchema(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The description of how a token is sent."""

    target_class = "labeling.api.conventions.authentication.TokenAuthentication"
    name = "tokenAuth"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "`Authorization: Bearer KEY` (or `Token KEY`), with a key from your "
            "name → API tokens. Each operation says which scope it needs.",
        }


class ApiSchema(AutoSchema):
    """The description of one operation, as DRF's DEFAULT_SCHEMA_CLASS."""

    def get_operation_id(self) -> str:
        """Puts the method before the name of the address: `get_reward_models`. It stays what it is
        whatever else comes to the address."""
        name = names_of_paths().get(self.path)
        return f"{self.method.lower()}_{name}" if name else super().get_operation_id()

    def get_tags(self) -> list[str]:
        """Names the subject: what follows the project in the address, or its first part."""
        parts = [part for part in self.path.split("/") if part and "{" not in part]
        _, _, subject, *rest = [*parts, "index"]
        return [rest[0] if subject == "projects" and len(rest) > 1 else subject]

    def get_extensions(self) -> dict[str, Any]:
        extensions: dict[str, Any] = super().get_extensions()
        if self._is_open:
            return extensions
        return extensions | {"x-scope": needed_scope(self.method, self.view).value}

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        responses: dict[str, Any] = super()._get_response_bodies(direction)
        self.resolve_serializer(ProblemSerializer, "response")
        own = {int(code) for code, one in responses.items() if _is_problem(one)} & REFUSALS.keys()
        for status in own | self._shared_refusals():
            if status in own or str(status) not in responses:
                name = REFUSALS[status].name
                responses[str(status)] = {"$ref": f"#/components/responses/{name}"}
        return dict(sorted(responses.items()))

    @property
    def _is_open(self) -> bool:
        return all(isinstance(one, AllowAny) for one in self.view.get_permissions())

    def _shared_refusals(self) -> set[int]:
        statuses = set(EVERYWHERE)
        if not self._is_open:
            statuses |= {401, 403}
        if "{" in self.path:
            statuses.add(404)
        if self.method not in SAFE_METHODS:
            statuses |= {400, 413}
        if any(one["in"] == "query" for one in self._get_parameters()):
            statuses.add(400)
        if any(one["name"] == ONCE for one in self._get_parameters()):
            statuses |= {409, 415, 422}
        has_body = bool(self._get_request_body())  # type: ignore[no-untyped-call]
        if has_body and "*/*" not in self.map_parsers():
            statuses.add(415)
        return statuses


def _is_problem(response: dict[str, Any]) -> bool:
    schema = response.get("content", {}).get(CONTENT_TYPE, {}).get("schema", {})
    return schema.get("$ref") == PROBLEM and not response.get("description")


@lru_cache(maxsize=1)
def names_of_paths() -> dict[str, str]:
    """Maps each address of the API, as its description writes it, to its name there."""
    return {
        _as_described(route): name.removeprefix("api-").replace("-", "_")
        for route, name in _named_routes("", get_resolver().url_patterns)
        if name.startswith("api-")
    }


def _named_routes(above: str, patterns: Any) -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        route = above + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route, pattern.name or ""
        else:
            yield from _named_routes(route, pattern.url_patterns)


def _as_described(route: str) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", simplify_regex(route)).replace("{pk}", "{id}")


def complete_schema(result: Any, generator: Any, request: Any, public: bool) -> Any:
    """Adds the shared refusals, the scope that each operation needs, and what each tag is about.
    A postprocessing hook of drf-spectacular."""
    components = result.setdefault("components", {})
    components["responses"] = {one.name: _response(status) for status, one in REFUSALS.items()}
    for operations in result["paths"].values():
        for operation in operations.values():
            if scope := operation.get("x-scope"):
                said = operation.get("description", "")
                words = f"A token needs the scope `{scope}`."
                operation["description"] = f"{said}\n\n{words}".strip()
    result["tags"] = _tags(result["paths"], generator.endpoints)
    return result


def _response(status: int) -> dict[str, Any]:
    refusal, title = REFUSALS[status], HTTPStatus(status).phrase
    example = {"type": "about:blank", "title": title, "status": status, "detail": refusal.example}
    content = {"schema": {"$ref": PROBLEM}, "example": example}
    headers = {"headers": HEADERS[status]} if status in HEADERS else {}
    return {"description": refusal.description, "content": {CONTENT_TYPE: content}, **headers}


def _tags(paths: dict[str, Any], endpoints: Any) -> list[dict[str, str]]:
    """Describes each tag by the words that its first module begins with."""
    sentences: dict[str, str] = {}
    for path, _, method, callback in endpoints:
        operation = paths.get(path, {}).get(method.lower(), {})
        said = sys.modules[callback.cls.__module__].__doc__ or ""
        for tag in operation.get("tags", []):
            sentences.setdefault(tag, " ".join(said.partition("\n\n")[0].split()))
    return [{"name": tag, "description": sentences[tag]} for tag in sorted(sentences)]
