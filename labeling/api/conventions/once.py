"""Idempotency keys: a request that is sent again is answered as the first time, and done once."""

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import partial, wraps
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.conventions.requests import user_of
from labeling.models import ApiToken, KeyedRequest
from labeling.models.keyed_requests import LONGEST_KEY
from labeling.people import repeats

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
CHUNK = 2**18

Method = Callable[..., Response]

KEY = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    description="Drawn by you, new for each thing to do. For 24 hours the same request with the "
    "same key is not done again: it is answered like the first, with the header "
    f"`{REPLAYED}: true`. 422: the key has come with another request. 409: the first has no answer "
    "yet. What was refused may be mended and sent again under the same key.",
)


class KeyReused(APIException):
    status_code = 422
    default_detail = (
        f"This {HEADER} has come with another request: draw a new key for each thing to do."
    )


class FirstNotAnswered(APIException):
    status_code = 409
    wait = 1  # seconds, as Retry-After
    default_detail = (
        f"The first request with this {HEADER} has no answer yet: try again in a moment. Should it "
        "stay so, it was cut off: look whether it was done, and go on with a new key."
    )


def once(*, told_once: tuple[str, ...] = ()) -> Callable[[Method], Method]:
    """Decorates `post`. The fields `told_once` are secrets: they are in the first answer alone, and
    null in what is kept."""

    def decorate(method: Method) -> Method:
        @wraps(method)
        def post(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
            key = request.headers.get(HEADER)
            try:
                if key is None:
                    return method(view, request, *args, **kwargs)
                noted, is_first = _begin(request, _checked(key))
                if not is_first:
                    return Response(noted.answer, status=noted.status, headers={REPLAYED: "true"})
                return _answer(noted, told_once, partial(method, view, request, *args, **kwargs))
            finally:
                _close_files(request)

        post.takes_key = True  # type: ignore[attr-defined]  # a test asks every endpoint for it
        described: Method = extend_schema(parameters=[KEY])(post)
        return described

    return decorate


def _answer(
    noted: KeyedRequest, told_once: tuple[str, ...], do: Callable[[], Response]
) -> Response:
    """Does what was asked and keeps the answer. What is refused frees the key."""
    try:
        answer = do()
    except BaseException:
        repeats.free_key(noted)
        raise
    repeats.keep_answer(noted, answer.status_code, _kept(answer.data, told_once))
    return answer


def _begin(request: Request, key: str) -> tuple[KeyedRequest, bool]:
    token = request.auth if isinstance(request.auth, ApiToken) else None
    try:
        return repeats.begin(user_of(request), token, key, fingerprint_of(request))
    except repeats.KeyIsOfAnother as fault:
        raise KeyReused from fault
    except repeats.StillAtWork as fault:
        raise FirstNotAnswered from fault


def _checked(key: str) -> str:
    if not (key and len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        problem = f"Must be 1 to {LONGEST_KEY} printable ASCII characters, such as a UUID."
        raise ValidationError({HEADER: problem})
    return key


def fingerprint_of(request: Request) -> str:
    """SHA-256 of the method, the address and the body, however its JSON is laid out."""
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    body = request.data
    parts = dict(body.lists()) if hasattr(body, "lists") else body
    digest.update(json.dumps(parts, sort_keys=True, default=_digest_of_file).encode())
    return digest.hexdigest()


def _digest_of_file(part: Any) -> str:
    digest = hashlib.sha256()
    part.seek(0)  # it was just written
    while piece := part.read(CHUNK):
        digest.update(piece)
    part.seek(0)
    return digest.hexdigest()


def _close_files(request: Request) -> None:
    """Closes what was uploaded: nobody else does where the view is not called, or refuses the
    request before it looks at the files."""
    try:
        body: Any = request.data
    except APIException:
        return  # of a type that is not read here, or malformed: nothing of it is open
    for part in body.values() if isinstance(body, Mapping) else ():
        if hasattr(part, "close"):
            part.close()


def _kept(body: Any, told_once: tuple[str, ...]) -> Any:
    """The body as its JSON says it, without what is told once."""
    kept = json.loads(JSONRenderer().render(body) or b"null")
    if isinstance(kept, Mapping):
        kept = {**kept, **dict.fromkeys(told_once & kept.keys())}
    return kept
