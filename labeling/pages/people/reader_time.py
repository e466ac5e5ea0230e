"""Shows times in the reader's time zone: that of their account, or else that of their browser,
which a script puts into a cookie, or else the server's."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from labeling.people.clock import zone_named

COOKIE = "timezone"
# Requests that show no time, and for which the account is not to be read.
WITHOUT_TIMES = {"judge", "ahead", "heartbeat", "let-go", "healthz"}


class ReaderTime:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        timezone.deactivate()
        try:
            return self.get_response(request)
        finally:
            timezone.deactivate()

    def process_view(self, request: HttpRequest, _view: Any, _args: Any, _kwargs: Any) -> None:
        match = request.resolver_match
        if match is None or match.url_name in WITHOUT_TIMES:
            return
        if request.path.startswith("/api/"):
            timezone.activate("UTC")
            return
        zone = zone_named(getattr(request.user, "timezone", "")) or browser_zone(request)
        if zone is not None:
            timezone.activate(zone)


def browser_zone(request: HttpRequest) -> Any:
    return zone_named(request.COOKIES.get(COOKIE, ""))
