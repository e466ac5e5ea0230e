"""The request as the views see it: somebody is signed in, and htmx may be asking."""

from typing import TYPE_CHECKING

from django.http import HttpRequest

from labeling.models import User

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails


class SignedInRequest(HttpRequest):
    """What @login_required lets through, for the type checker; never made by our code."""

    user: User
    htmx: "HtmxDetails"
