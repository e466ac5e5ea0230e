"""Fragments that a page asks for again and again, and that are sent only when they changed.

A page has a live part (numbers, progress) and may have a drawn part (charts). Each is known by a
mark, mostly a hash of its HTML; the live part's `hx-get` ends in `{{ polled }}`, which carries both
marks back. Nothing changed is answered 204, on which htmx leaves the page alone: no flicker, and
focus and selection stay.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

SEEN, DRAWN = "mark-of-the-live-part", "mark-of-the-drawn-part"
POLLED = mark_safe(f"?seen={SEEN}&amp;drawn={DRAWN}")
# Masked anew for every response, so it must not count as a change.
CSRF_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="\w+"')


@dataclass(frozen=True)
class PagePart:
    """A part of a page: the mark of its state, and its HTML, which is made when it is needed."""

    mark: str
    html: Callable[[], str]


def render_part(request: HttpRequest, template: str, context: dict[str, Any]) -> PagePart:
    """Renders a part that is cheap to make. Its HTML serves as its mark."""
    html = render_to_string(template, context | {"polled": POLLED}, request)
    mark = hashlib.sha256(CSRF_TOKEN.sub("", html).encode()).hexdigest()[:16]
    return PagePart(mark, lambda: html)


def with_marks(live: PagePart, drawn: PagePart | None = None) -> SafeString:
    """Puts the marks of what is on the page into the live part's HTML."""
    html = live.html().replace(SEEN, live.mark).replace(DRAWN, drawn.mark if drawn else "")
    return mark_safe(html)  # rendered by a template, which has escaped it


def answer_poll(
    request: HttpRequest, live: PagePart, drawn: PagePart | None = None
) -> HttpResponse:
    """Answers with what differs from the marks in the address; the drawn part goes out of band."""
    is_drawn = drawn is None or request.GET.get("drawn") == drawn.mark
    if is_drawn and request.GET.get("seen") == live.mark:
        return HttpResponse(status=204)
    body = with_marks(live, drawn)
    if drawn is not None and not is_drawn:
        body += mark_safe(drawn.html())  # its root says hx-swap-oob
    return HttpResponse(body)
