"""Says why a request is refused, and shows the way back, on a page like the others.

Programs get plain words: of the API problem details, htmx a sentence for its message. A refusal
that a view has put into plain words becomes a page where a browser asked for one.
"""

import json
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.core.exceptions import (
    DisallowedHost,
    RequestDataTooBig,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme

logger = logging.getLogger(__name__)

# Status -> what the page is headed with, and what to do.
HEADED = {
    400: ("This request could not be understood", "Go back, look at what was sent and try again."),
    403: ("This is not for you", "Ask an admin of the project if you think that it should be."),
    404: ("Not found", "Look whether the address is complete, or begin at your projects."),
    405: ("This address takes other requests", "Open the page that the form or the link is on."),
    408: ("This took too long to arrive", "Go back and send it again."),
    409: ("This has changed meanwhile", "Go back, reload the page and look again."),
    410: ("This is over", "What it was about is closed, or belongs to others by now."),
    413: ("This is too large", "Go back and send less at once."),
    415: ("This is in a form that is not read here", "Go back and send it as plain text in UTF-8."),
    429: ("Too many requests", "Wait a little; this passes by itself."),
    431: ("This address is too long", "Begin at your projects."),
    500: ("Something went wrong on our side", "Try again, or tell whoever runs this site."),
    503: ("Not available at the moment", "This most often passes within a minute. Try again then."),
}
STALE = (
    "This form was not accepted: its page is older than your last sign-in, or this browser keeps "
    "no cookies for this site."
)
STALE_ADVICE = (
    "Nothing was changed and nothing is lost: go back, copy what you wrote, reload the page and "
    "send it again."
)
STALE_PAGE = "Not saved: this page is older than your last sign-in. Reload it and do it again."
LAST_RESORT = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>{title} · Preferable</title>"
    "<h1>{title}</h1><p>{advice}</p><p><a href='/'>All projects</a></p>"
)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400."""
    if isinstance(exception, RequestDataTooBig):
        return refusal(request, 413, "This form holds more than is taken at once.")
    if isinstance(exception, TooManyFieldsSent | TooManyFilesSent):
        return refusal(request, 413, "This form has more fields than are taken at once.")
    if isinstance(exception, DisallowedHost):
        why = "This server does not answer to the name in the address."
        return refusal(request, 400, why, "Whoever runs it adds the name to ALLOWED_HOSTS.")
    return refusal(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    return refusal(request, 403, _own_words(exception))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    return refusal(request, 404, _own_words(exception))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW. htmx gets no plain words: the comparison screen keeps an answer
    whose token was refused, and a refusal in plain words is final there."""
    if request.headers.get("HX-Request"):
        response = HttpResponse(f"<p>{STALE_PAGE}</p>", status=403)
        response["HX-Trigger"] = json.dumps({"toast": {"text": STALE_PAGE, "tone": "error"}})
        return response
    return refusal(request, 403, STALE, STALE_ADVICE, title="Please send this again")


def refusal(
    request: HttpRequest, status: int, why: str = "", advice: str = "", title: str = ""
) -> HttpResponse:
    headed, usual = HEADED.get(status, HEADED[400])
    title, advice = title or headed, advice or usual
    if request.path.startswith("/api/"):
        body = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": why or f"{title}.",
        }
        return JsonResponse(body, status=status, content_type="application/problem+json")
    if request.headers.get("HX-Request"):
        words = why or f"{title}. {advice}"
        return HttpResponse(words, status=status, content_type="text/plain; charset=utf-8")
    return HttpResponse(page(request, status, title, why, advice), status=status)


def page(
    request: HttpRequest | None, status: int, title: str, why: str, advice: str, **more: Any
) -> str:
    """Renders the page, with the person's own menu where there is one. What the menu needs may be
    broken too: then the page comes without it, and at last without a template."""
    context = {"status": status, "title": title, "why": why, "advice": advice, **more}
    for asked_by in [request, None] if request is not None else [None]:
        try:
            back = {"back": way_back(asked_by)} if asked_by is not None else {}
            return render_to_string("trouble.html", context | back, asked_by)
        except Exception:
            logger.exception("the page of a refusal could not be rendered")
    return LAST_RESORT.format(title=title, advice=advice)


def way_back(request: HttpRequest) -> str:
    """Returns the page that led here if it is one of ours and not the refused one; else ""."""
    came_from = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(came_from, {request.get_host()}, request.is_secure())
    is_here = request.method != "POST" and came_from == request.build_absolute_uri()
    return came_from if is_ours and not is_here else ""


def _own_words(exception: Exception) -> str:
    """Returns what the view said, but not the URL resolver's words, which list every address."""
    return next((word for word in exception.args if isinstance(word, str) and word), "")


class RefusalPages:
    """Turns a bare refusal into a page where a browser opens a page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code < 400 or not _wants_page(request):
            return response
        if not isinstance(response, HttpResponse) or not _is_bare(response):
            return response
        why = response.content.decode(errors="replace").strip()
        made = refusal(request, response.status_code, why)
        for name in ("Allow", "Retry-After"):
            if name in response.headers:
                made[name] = response.headers[name]
        made.cookies = response.cookies
        return made


def _wants_page(request: HttpRequest) -> bool:
    """Programs say that they take anything; a browser that opens a page names HTML."""
    is_page = "text/html" in request.headers.get("Accept", "")
    return is_page and not request.headers.get("HX-Request")


def _is_bare(response: HttpResponse) -> bool:
    kind = response.headers.get("Content-Type", "")
    return not response.content or kind.startswith("text/plain")
