"""Refuses what no view should have to think of: other encodings than UTF-8, NUL in a text, and a
filter that an address gives twice.

Python would take base64 for an encoding and fail at it, and PostgreSQL refuses NUL. Without this,
anybody could cause an error of ours on any page.
"""

from collections.abc import Callable
from typing import Any

from django.db import DataError
from django.http import HttpRequest, HttpResponse

CHARSETS = {"utf-8", "utf8", "us-ascii", "ascii"}
NOT_UTF8 = "The charset of a request must be UTF-8."
GIVEN_TWICE = "“{}” stands in this address more than once, with different values: give it once."
SETS = {"version"}  # parameters of which several together are meant
HAS_NUL = "A text of this request holds a NUL character: leave it out."


class PlainRequests:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        charset = (request.content_params or {}).get("charset")
        if charset is not None and charset.strip("\"' ").lower() not in CHARSETS:
            return _refusal(415, NOT_UTF8)
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        if name := _given_twice(request):
            return _refusal(400, GIVEN_TWICE.format(name))
        # The API reads its bodies itself; of all others the form's token is read anyway.
        if request.method != "POST" or getattr(view, "csrf_exempt", False):
            return None
        texts = (text for name in request.POST for text in (name, *request.POST.getlist(name)))
        return _refusal(400, HAS_NUL) if any("\0" in text for text in texts) else None

    def process_exception(self, request: HttpRequest, problem: Exception) -> HttpResponse | None:
        """Refuses an address with NUL in it after it has led to an error in the database."""
        is_odd = "\0" in request.path or "%00" in request.META.get("QUERY_STRING", "")
        if is_odd and isinstance(problem, ValueError | DataError):
            return _refusal(400, HAS_NUL)
        return None


def _given_twice(request: HttpRequest) -> str:
    """Returns the name of a parameter that has several different values, of which nobody knows
    which was meant; else "". The API and Django's admin have rules of their own."""
    if request.path.startswith(("/api/", "/admin/")):
        return ""
    several = (name for name, values in request.GET.lists() if len(set(values)) > 1)
    return next((name[:40] for name in several if name not in SETS), "")


def _refusal(status: int, words: str) -> HttpResponse:
    return HttpResponse(words, status=status, content_type="text/plain; charset=utf-8")
