"""Every error of the API is a problem in one shape, with a sentence that says what was wrong."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import (
    APIException,
    MethodNotAllowed,
    NotAcceptable,
    Throttled,
    UnsupportedMediaType,
    ValidationError,
)

from labeling.api.conventions.errors import problem_response
from labeling.importing import ImportInterrupted, ImportRefused, ImportUnfinished, Problem
from labeling.preferences.changes import CursorRefused
from tests.factories import client_with_token, make_user

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
PROBLEM = "application/problem+json"


def problem(fault: Exception) -> dict[str, Any]:
    response = problem_response(fault, {})
    assert response is not None
    assert response.content_type == PROBLEM
    assert response.data["status"] == response.status_code
    assert response.data["type"] == "about:blank"
    return dict(response.data)


@pytest.mark.parametrize(
    ("fault", "status", "detail"),
    [
        (MethodNotAllowed("PUT"), 405, 'Method "PUT" not allowed.'),
        (UnsupportedMediaType("text/csv"), 415, 'Unsupported media type "text/csv" in request.'),
        (NotAcceptable(), 406, "Could not satisfy the request Accept header."),
        (Http404("There is no such project."), 404, "There is no such project."),
        (Http404(), 404, "Not found."),
        (PermissionDenied("For curators."), 403, "For curators."),
        (PermissionDenied(), 403, "You do not have permission to perform this action."),
        (Throttled(wait=2.1), 429, "Too many requests: try again in 3 seconds."),
        (Throttled(), 429, "Too many requests: try again in 60 seconds."),
        (APIException("The scorer is away."), 500, "The scorer is away."),
        (ImportUnfinished("It goes on."), 202, "It goes on."),
        (ImportInterrupted("Somebody was faster."), 409, "Somebody was faster."),
        (CursorRefused("Begin anew."), 400, "cursor: Begin anew."),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_each_fault_has_its_status_and_its_sentence(
    fault: Exception, status: int, detail: str
) -> None:
    told = problem(fault)
    assert (told["status"], told["detail"]) == (status, detail)


def test_a_fault_that_nobody_foresaw_is_left_to_the_page_of_errors() -> None:
    assert problem_response(RuntimeError("secret details"), {}) is None


def test_how_long_to_wait_is_in_the_header_too() -> None:
    response = problem_response(Throttled(wait=2.1), {})
    assert response is not None
    assert response.headers["Retry-After"] == "3"


def test_a_refused_file_comes_with_every_problem_and_how_many_there_are() -> None:
    rows = [Problem(3, "prompt", "Is missing.", "Add it."), Problem(9, "chosen", "Is empty.")]
    told = problem(ImportRefused(rows, total=250))
    assert told["total"] == 250
    assert told["errors"] == [
        {
            "line": 3,
            "place": "line 3",
            "field": "prompt",
            "problem": "Is missing.",
            "advice": "Add it.",
        },
        {
            "line": 9,
            "place": "line 9",
            "field": "chosen",
            "problem": "Is empty.",
            "advice": "",
        },
    ]
    assert "nothing was stored" in told["detail"]


def test_wrong_fields_are_listed_however_deep_they_lie() -> None:
    told = problem(ValidationError({"texts": [{"prompt": ["Is missing."]}, {}], "top": ["Wrong."]}))
    assert told["errors"] == [
        {"field": "texts[0].prompt", "problem": "Is missing."},
        {"field": "top", "problem": "Wrong."},
    ]
    assert told["detail"] == "texts[0].prompt: Is missing. top: Wrong."


def test_a_fault_of_the_whole_request_is_said_to_be_one() -> None:
    assert problem(ValidationError("No."))["errors"] == [{"field": "request", "problem": "No."}]


@given(st.dictionaries(st.text(min_size=1, max_size=9), st.text(min_size=1, max_size=9)))
def test_no_wrong_field_is_left_out(fields: dict[str, str]) -> None:
    told = problem(ValidationError({name: [words] for name, words in fields.items()}))
    assert {error["field"]: error["problem"] for error in told["errors"]} == fields


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_a_method_that_an_address_does_not_have_is_named(method: str) -> None:
    client = client_with_token(make_user())
    answer = getattr(client, method)("/api/v1/")
    assert answer.status_code == 405
    assert answer.json()["detail"] == f'Method "{method.upper()}" not allowed.'
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/", "/api/v2/", "/api/v1/projects/x/nothing/", "/api/v1"])
def test_an_address_that_is_none_is_a_problem_without_a_list_of_addresses(
    client: Client, path: str
) -> None:
    answer = client.get(path)
    if answer.status_code == 301:  # the slash at its end is missing
        assert answer["Location"] == f"{path}/"
        return
    assert (answer.status_code, answer["Content-Type"]) == (404, PROBLEM)
    assert "pattern" not in answer.content.decode()


@pytest.mark.django_db
def test_a_browser_gets_the_same_problem_as_a_program() -> None:
    client = client_with_token(make_user())
    answer = client.get("/api/v1/projects/nowhere/", headers={"accept": BROWSER})
    assert answer.status_code == 404
    assert answer["Content-Type"] == PROBLEM
