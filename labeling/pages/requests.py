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


def wants_fragment(request: SignedInRequest) -> bool:
    """htmx asks for a whole page when somebody goes back in the browser's history."""
    return bool(request.htmx) and not request.htmx.history_restore_request
