"""Refuses requests of a page that belongs to another account than the one signed in now.

One browser has one session, and a page outlives it: somebody else signs in in another tab, and the
page that is still open would judge, undo and lease in that person's name. So a page names its
labeler with each request, and is refused while that is not who is signed in: 409, which tells it
to keep what it holds until its own labeler is back.
"""

from collections.abc import Callable

from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse

HEADER = "X-Labeler"
# By this header the page tells the refusal from other conflicts.
MARK = "X-Someone-Else"


class SomeoneElseMiddleware:
    """Compares the page's labeler with the session, without a query for the user: the busiest
    request of all passes here."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        page_of = request.headers.get(HEADER)
        if page_of and is_someone_else(request, page_of):
            return refusal()
        return self.get_response(request)


def is_someone_else(request: HttpRequest, page_of: str) -> bool:
    """Whether the page belongs to another account than the session. A session of nobody does not
    count: whoever is signed out is asked to sign in."""
    signed_in = request.session.get(SESSION_KEY)
    return signed_in is not None and signed_in != page_of


def refusal() -> HttpResponse:
    response = HttpResponse(
        "Not done: this page belongs to another account than the one that is signed in now. Sign "
        "in again as its owner; what was answered there is kept in this browser until then.",
        status=409,
        content_type="text/plain; charset=utf-8",
    )
    response[MARK] = "yes"
    return response
