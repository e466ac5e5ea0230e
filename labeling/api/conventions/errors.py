"""Every error of the API in one shape: problem details (RFC 9457), with a sentence to read."""

import math
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import APIException, Throttled, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

from labeling.api.conventions.bulk import RowsRefused
from labeling.importing import ImportInterrupted, ImportRefused, ImportUnfinished
from labeling.preferences.changes import CursorRefused

CONTENT_TYPE = "application/problem+json"


class FaultSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField(
        required=False, help_text="Of the row, from 0, where the body has `rows`."
    )
    field = serializers.CharField()
    problem = serializers.CharField()
    line = serializers.IntegerField(required=False, help_text="Of an import: of what was sent.")
    place = serializers.CharField(required=False, help_text="Of an import: the line in words.")
    advice = serializers.CharField(required=False, help_text="Of an import: what to do.")


class ProblemSerializer(serializers.Serializer[Any]):
    """Describes an error for the schema."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="A sentence to read.")
    errors = FaultSerializer(  # type: ignore[assignment]
        many=True, required=False, help_text="Of a 400: each field at fault."
    )
    total = serializers.IntegerField(
        required=False, help_text="Of an import: all faults, where `errors` holds the first ones."
    )


def problems(*statuses: int) -> dict[Any, Any]:
    """The statuses with which an endpoint refuses, for its description."""
    return {(status, CONTENT_TYPE): ProblemSerializer for status in statuses}


def answers(body: Any, *refusals: int, status: int = 200) -> dict[Any, Any]:
    """The answers of an endpoint, for its description: what it gives, and how it refuses. Every
    endpoint of a project may say 401, 403, 404 and 429."""
    return {status: body, **problems(*sorted({401, 403, 404, 429, *refusals}))}


def answers_to_post(body: Any, *refusals: int, status: int = 200) -> dict[Any, Any]:
    """As `answers`, of an endpoint that takes a body and an idempotency key."""
    return answers(body, 400, 409, 413, 415, 422, *refusals, status=status)


class Contradicted(APIException):
    """What was asked for contradicts what is there by now. Nothing was changed."""

    status_code = 409


def problem_response(fault: Exception, context: dict[str, Any]) -> Response | None:
    """Returns the answer to what a view has raised, as DRF's EXCEPTION_HANDLER. None lets an
    unforeseen exception through to Django."""
    if isinstance(fault, ImportRefused):
        errors: list[dict[str, Any]] = [
            {
                "line": problem.line,
                "place": problem.place,
                "field": problem.field,
                "problem": problem.problem,
                "advice": problem.advice,
            }
            for problem in fault.problems
        ]
        return _problem(HTTPStatus.BAD_REQUEST, fault.summary, errors=errors, total=fault.total)
    if isinstance(fault, RowsRefused):
        errors = [asdict(one) for one in fault.faults]
        return _problem(HTTPStatus.BAD_REQUEST, str(fault), errors=errors, total=fault.total)
    if isinstance(fault, ImportUnfinished):
        return _problem(HTTPStatus.ACCEPTED, str(fault))
    if isinstance(fault, ImportInterrupted):
        return _problem(HTTPStatus.CONFLICT, str(fault))
    if isinstance(fault, CursorRefused):
        fault = ValidationError({"cursor": str(fault)})
    response = exception_handler(fault, context)
    if response is None:
        return None
    status = HTTPStatus(response.status_code)
    if isinstance(fault, ValidationError):
        errors = [*_field_errors(fault.detail)]
        detail = " ".join(f"{error['field']}: {error['problem']}" for error in errors)
        problem = _problem(status, detail, errors=errors)
    else:
        # DRF turns Django's 404 and 403 into its own words; ours say more.
        detail = _own_words(fault) or _words(response.data)
        problem = _problem(status, detail)
    for name in ("WWW-Authenticate", "Retry-After", "Allow"):
        if name in response.headers:
            problem.headers[name] = response.headers[name]
    for name, value in getattr(fault, "headers", {}).items():
        problem.headers[name] = value
    return problem


def _problem(status: HTTPStatus, detail: str, **more: Any) -> Response:
    body = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    return Response(body | more, status=status.value, content_type=CONTENT_TYPE)


def _own_words(fault: Exception) -> str:
    if isinstance(fault, Throttled):
        seconds = math.ceil(getattr(fault, "wait", None) or 60)
        return f"Too many requests: try again in {seconds} seconds."
    if isinstance(fault, APIException):
        return str(fault.detail)  # its arguments may be no words, such as the method's name
    return next((str(word) for word in fault.args if word), "")


def _words(data: Any) -> str:
    return str(data.get("detail", "")) if isinstance(data, dict) else str(data)


def _field_errors(detail: Any, field: str = "") -> list[dict[str, str]]:
    if isinstance(detail, dict):
        return [
            error
            for key, value in detail.items()
            for error in _field_errors(value, _within(field, key))
        ]
    if isinstance(detail, list):
        return [
            error
            for place, value in enumerate(detail)
            # Sentences about one field stand in a list, too.
            for error in _field_errors(
                value, _within(field, place) if isinstance(value, dict) else field
            )
        ]
    return [{"field": field or "request", "problem": str(detail)}]


def _within(field: str, key: Any) -> str:
    """Names a field below another one: `ids[3]`, `matching.state`."""
    if not field:
        return str(key)
    return f"{field}[{key}]" if isinstance(key, int) else f"{field}.{key}"
