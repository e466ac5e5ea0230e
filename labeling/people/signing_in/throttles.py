"""How many requests the API and the open pages take from one token or one address.

Counted in each web process by itself: with two of them, up to twice as many pass. They keep a loop
that went wrong, or a guesser, from taking everybody's time; nothing is protected by them alone.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from labeling.models import ApiToken, User
from labeling.people.signing_in.addresses import client_address
from labeling.people.signing_in.too_often import too_often


class Throttle(SimpleRateThrottle):
    def get_rate(self) -> str:
        """Reads the rate when it is asked for, not at import: a setting decides it."""
        rate: str = settings.THROTTLE_RATES[self.scope or ""]
        return rate


class PerToken(Throttle):
    """Limits the requests with one token; without a token, those of a person whose browser calls
    the API."""

    scope = "token"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        if isinstance(request.auth, ApiToken):
            return f"throttle:token:{request.auth.pk}"
        if isinstance(request.user, User):
            return f"throttle:user:{request.user.pk}"
        return None


class PerAddress(Throttle):
    """Limits the requests from one address that do not say who sends them."""

    scope = "anonymous"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        return (
            None
            if request.user.is_authenticated
            else f"throttle:anonymous:{client_address(request)}"
        )


class RefusedKeys(Throttle):
    """Limits the requests from one address with keys that no token has."""

    scope = "refused"

    def get_cache_key(self, request: Request, view: Any) -> str:
        return f"throttle:refused:{client_address(request)}"


class PageThrottle(Throttle):
    """Limits what is sent to one page from one address."""

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__()

    def get_cache_key(self, request: Any, view: Any) -> str:
        return f"throttle:{self.scope}:{client_address(request)}"


class PageLimits:
    """Middleware: pages that are open to strangers, or that ask for a password, take only so much
    from one address. Their names are in THROTTLE_RATES, after `page:`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        match = request.resolver_match
        scope = f"page:{match.url_name}" if match else ""
        if request.method != "POST" or scope not in settings.THROTTLE_RATES:
            return None
        throttle = PageThrottle(scope)
        if throttle.allow_request(request, view):  # type: ignore[arg-type]
            return None
        until = timezone.now() + timedelta(seconds=throttle.wait() or 60)
        return too_often(request, until, "This was sent too often from your network.")
