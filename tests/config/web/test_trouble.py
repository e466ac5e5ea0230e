"""What people read while the database is away or the disk is full: a sentence, no bare 500."""

import errno
from collections.abc import Callable
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError
from django.db.backends.utils import CursorWrapper
from django.test import Client

from tests.factories import make_user

pytestmark = pytest.mark.django_db
Break = Callable[[Exception], None]

PASSES = [
    OperationalError("database or disk is full"),
    OperationalError("disk I/O error"),
    OperationalError("connection refused"),
    InterfaceError("connection already closed"),
    OSError(errno.ENOSPC, "No space left on device"),
]


@pytest.fixture
def page(client: Client) -> Client:
    client.force_login(make_user("labeler"))
    client.raise_request_exception = False
    return client


@pytest.fixture
def break_database(monkeypatch: pytest.MonkeyPatch) -> Break:
    """From now on every query fails, from the session's on."""

    def break_it(problem: Exception) -> None:
        def fail(*_args: Any, **_kwargs: Any) -> None:
            raise problem

        monkeypatch.setattr(CursorWrapper, "execute", fail)

    return break_it


@pytest.mark.parametrize("problem", PASSES, ids=str)
def test_a_page_says_that_it_passes_and_tries_again(
    page: Client, break_database: Break, problem: Exception
) -> None:
    break_database(problem)
    response = page.get("/")
    assert (response.status_code, response["Retry-After"]) == (503, "10")
    words = response.text
    assert "cannot read or write its data at the moment" in words
    assert '<meta http-equiv="refresh" content="10">' in words
    assert '<a class="brand"' in words, "it looks like every other page"
    assert str(problem) not in words


def test_a_form_is_not_sent_again_by_itself(page: Client, break_database: Break) -> None:
    break_database(PASSES[0])
    words = page.post("/sign-out/").text
    assert "Back button" in words
    assert "http-equiv" not in words


def test_an_answer_is_refused_in_plain_words_and_with_a_status_that_keeps_it(
    page: Client, break_database: Break
) -> None:
    break_database(PASSES[0])
    address = "/assignments/00000000-0000-0000-0000-000000000000/judgment/"
    response = page.post(address, headers={"HX-Request": "true"})
    assert response.status_code == 503
    assert response["Content-Type"].startswith("text/plain")
    assert "nothing was stored" in response.text


def test_the_api_says_it_as_problem_details(page: Client, break_database: Break) -> None:
    break_database(PASSES[0])
    response = page.get("/api/v1/projects/")
    assert response.status_code == 503
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["title"] == "Service Unavailable"


def test_a_fault_of_ours_is_not_said_to_pass(page: Client, break_database: Break) -> None:
    break_database(ValueError("a mistake"))
    response = page.get("/")
    assert response.status_code == 500
    assert "Retry-After" not in response.headers
    assert "went wrong on our side" in response.text
    assert "a mistake" not in response.text
