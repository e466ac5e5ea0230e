"""Parses JSON bodies: in UTF-8, limited in size and depth, with finite numbers and sound texts."""

import json
import math
import re
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

MOST_LEVELS = 32
# PostgreSQL stores neither in a text.
NO_TEXT = re.compile("[\0\ud800-\udfff]")


class BodyTooLarge(APIException):
    status_code = 413


class PlainJSONParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, context: Any = None) -> Any:
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(most + 1)
        if len(body) > most:
            raise BodyTooLarge(f"The body is larger than {most // 2**20} MB: send it in parts.")
        try:
            value = json.loads(body.decode(), parse_constant=_refuse_constant)
        except RecursionError:
            raise ParseError("The JSON is nested too deeply.") from None
        except ValueError as problem:
            raise ParseError(f"The body is not valid JSON in UTF-8: {problem}") from None
        _check(value)
        return value


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _check(value: Any) -> None:
    """Refuses what cannot be stored. It goes level by level instead of calling itself: the depth
    of a body must not decide how deep our own calls go."""
    level = [value]
    for _ in range(MOST_LEVELS):
        for one in level:
            if isinstance(one, float) and not math.isfinite(one):
                raise ParseError("A number is too large.")
            if isinstance(one, str) and NO_TEXT.search(one):
                raise ParseError("A text holds a NUL character or half a character (surrogate).")
        level = [
            part
            for one in level
            if isinstance(one, (dict, list))
            for part in ([*one.keys(), *one.values()] if isinstance(one, dict) else one)
        ]
        if not level:
            return
    raise ParseError(f"The JSON is nested more than {MOST_LEVELS} levels deep.")
