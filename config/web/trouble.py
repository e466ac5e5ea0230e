"""Says that a request has failed, in a sentence on a page that looks like the others.

The database may be away, its disk full, or one of its files locked for long. That passes, so the
answer is 503 and says when to try again; nothing was stored by then. Anything else is our fault.
"""

import errno
import sys

import django.db
from django.http import HttpRequest, HttpResponse

from config.web.refusals import HEADED, page, refusal

RETRY_SECONDS = 10
PASSES = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
TROUBLE = (
    "Preferable cannot read or write its data at the moment, so nothing was stored by this request."
)
ADVICE = "This most often passes within a minute. Try again then."
FAULT_ADVICE = "The web server's log has the details. Try again, or tell whoever runs this site."
BACK = " Your browser's Back button leads to what you wrote."


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500. It is called while the exception is handled, whether a view or a
    middleware raised it. It reads nothing from the database itself."""
    passes = _passes(sys.exc_info()[1])
    status = 503 if passes else 500
    why, advice = (TROUBLE, ADVICE) if passes else ("", FAULT_ADVICE)
    response = _in_words(request, status, why, advice)
    if passes:
        response["Retry-After"] = str(RETRY_SECONDS)
    return response


def _in_words(request: HttpRequest, status: int, why: str, advice: str) -> HttpResponse:
    is_page = not request.path.startswith("/api/") and not request.headers.get("HX-Request")
    title, _ = HEADED[status]
    if not is_page:
        return refusal(request, status, f"{why or title + '.'} {advice}")
    again = RETRY_SECONDS if status == 503 and request.method == "GET" else None
    advice = advice if again else advice + BACK
    # Without the request: who is signed in is read from the database.
    return HttpResponse(page(None, status, title, why, advice, again=again), status=status)


def _passes(problem: BaseException | None) -> bool:
    if isinstance(problem, django.db.OperationalError | django.db.InterfaceError):
        return True
    return isinstance(problem, OSError) and problem.errno in PASSES
