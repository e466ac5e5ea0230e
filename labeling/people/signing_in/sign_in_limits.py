"""How often somebody may try passwords, and what they are told when it is enough.

django-axes counts in the database, so that all processes count together: failures of one name from
one address, and of one address with whatever names. A stranger elsewhere cannot lock a labeler out;
one who shares the labeler's address can, for as long as the pause lasts.
"""

import unicodedata
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from django.conf import settings
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from labeling.people.signing_in.too_often import too_often

# AXES_FAILURE_LIMIT failures of one name from one address are too many. Of one address with
# whatever names it takes ten times as many: an office has one address for all.
TIMES_FOR_AN_ADDRESS = 10


class Handler(AxesDatabaseHandler):
    """Goes by two limits, and forgets after a success only what that name had failed."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        of_name, of_address = (
            int(sum(attempts.values_list("failures_since_start", flat=True)))
            for attempts in self.get_user_attempts(request, credentials)
        )
        return max(of_name, of_address // TIMES_FOR_AN_ADDRESS)

    def reset_user_attempts(
        self, request: HttpRequest, credentials: dict[str, Any] | None = None
    ) -> int:
        """Forgets the failures of the name, not those of the address: a sign-in to an account of
        one's own must not buy more guesses."""
        of_name, _of_address = self.filter_user_attempts(request, credentials)
        count: int = of_name.delete()[0]
        return count


def plain_name(request: HttpRequest, credentials: dict[str, Any] | None) -> str | None:
    """The name in the form in which its failures are counted: another spelling is no other
    account."""
    name = (credentials or request.POST).get("username")
    return None if name is None else unicodedata.normalize("NFKC", str(name)).casefold()[:255]


def locked_out(
    request: HttpRequest, _response: HttpResponse | None, credentials: dict[str, Any] | None
) -> HttpResponse:
    """The answer to a paused name or address, with the time when one may try again."""
    handler = Handler()
    latest = [
        attempts.aggregate(latest=Max("attempt_time"))["latest"]
        for attempts in handler.get_user_attempts(request, credentials)
    ]
    last = max([moment for moment in latest if moment], default=timezone.now())
    until = last + settings.AXES_COOLOFF_TIME
    return too_often(request, until, "There were too many failed attempts to sign in.")
