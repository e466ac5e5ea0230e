"""What is said to whoever has tried too often: what it is about, and when to try again."""

import math
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone


def too_often(request: HttpRequest, until: datetime, why: str) -> HttpResponse:
    seconds = max(1, math.ceil((until - timezone.now()).total_seconds()))
    minutes = math.ceil(seconds / 60)
    at = timezone.localtime(until).strftime("%H:%M %Z")
    words = f"Try again in {minutes} minute{'s' if minutes > 1 else ''}, at {at}."
    if request.headers.get("HX-Request"):
        words = f"{why} {words}"
        return HttpResponse(words, status=429, content_type="text/plain; charset=utf-8")
    context = {"why": why, "when": words}
    response = render(request, "people/signing_in/too_often.html", context, status=429)
    response["Retry-After"] = str(seconds)
    return response
