"""The request as views see it: somebody is signed in, and htmx may be asking."""

from typing import TYPE_CHECKING

from django.http import HttpRequest

from labeling.models import User

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails


class SignedInRequest(HttpRequest):
    """A request that @login_required has let through. It exists for the type checker alone."""

    user: User
    htmx: "HtmxDetails"


def wants_fragment(request: SignedInRequest) -> bool:
    """Whether to answer with a fragment. htmx asks for the whole page when somebody goes back in
    the browser's history."""
    return bool(request.htmx) and not request.htmx.history_restore_request
