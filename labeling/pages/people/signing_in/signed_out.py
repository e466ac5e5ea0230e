"""Answers htmx requests of a person who is signed out.

A redirect would be followed silently and the sign-in page swapped into some corner of the page.
Reading is sent to the sign-in page as a whole; writing is refused with 401, so that the page can
keep what was to be written and send it again.
"""

from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django_htmx.http import HttpResponseClientRedirect

from labeling.pages.requests import SignedInRequest


class SignedOutMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: SignedInRequest) -> HttpResponse:
        response = self.get_response(request)
        sign_in = resolve_url(settings.LOGIN_URL)
        if not request.htmx or urlsplit(response.get("Location", "")).path != sign_in:
            return response
        if request.method not in ("GET", "HEAD"):
            return HttpResponse(
                "You are signed out. Sign in again in another tab; nothing is lost here.",
                status=401,
                content_type="text/plain; charset=utf-8",
            )
        came_from = request.htmx.current_url_abs_path or request.get_full_path()
        query = urlencode({"next": came_from}, safe="/")  # it may have a query of its own
        return HttpResponseClientRedirect(f"{sign_in}?{query}")
