"""Sends mails, where a mail server is set: at once, or after the answer to the request."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.mail import send_mail
from django.db import connection
from django.http import HttpRequest
from django.http.request import split_domain_port

logger = logging.getLogger(__name__)
OWN_NAMES = ("localhost", "127.0.0.1", "[::1]")
# One after the other: a flood of requests makes a long queue and not many threads.
_postman = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mail")


def can_send() -> bool:
    """Whether a mail server is set."""
    return bool(settings.EMAIL_HOST)


def site(request: HttpRequest) -> str:
    """What links in mails begin with, where a stranger may have asked for the mail.

    Who asks can name this machine's own names, which are always allowed. A link to them would lead
    to a server on the reader's machine. So the first host that the operator has named is taken
    instead.
    """
    if settings.SITE_URL:
        return str(settings.SITE_URL)
    here = request.build_absolute_uri("/").rstrip("/")
    # A pattern such as ".example.org" or "*" is no host to link to.
    named = [
        name for name in settings.ALLOWED_HOSTS if name not in OWN_NAMES and name[0] not in ".*"
    ]
    name = split_domain_port(request.get_host())[0]
    return f"{request.scheme}://{named[0]}" if named and name in OWN_NAMES else here


def send(to: str, subject: str, text: str) -> bool:
    """Sends one mail. False if the mail server did not take it."""
    try:
        # A name may hold a line break, and a header must not.
        send_mail(" ".join(subject.split()), text, None, [to])
    except OSError:  # smtplib's errors are OSErrors, as are those of the network
        logger.exception("The mail server %s did not take a mail.", settings.EMAIL_HOST)
        return False
    return True


def afterwards(job: Callable[[], object]) -> None:
    """Does the job outside the request, so that the time it takes tells the person nothing.

    Not by a worker: a message carries no data, and what mails say is in no table.
    """
    if settings.MAIL_IN_BACKGROUND:
        _postman.submit(_do, job)
    else:
        job()


def _do(job: Callable[[], object]) -> None:
    try:
        job()
    except Exception:
        logger.exception("A mail was not sent.")
    finally:
        connection.close()


@register()
def check_links(app_configs: object, **_: object) -> list[CheckMessage]:
    """An error at the start where links in mails would be made of whatever host a request names."""
    if settings.SITE_URL or not (can_send() and "*" in settings.ALLOWED_HOSTS):
        return []
    return [
        Error(
            "ALLOWED_HOSTS is *, so whoever asks decides where the links in mails lead.",
            hint="Set SITE_URL, or name the hosts in ALLOWED_HOSTS, or unset EMAIL_HOST.",
            id="labeling.E001",
        )
    ]
