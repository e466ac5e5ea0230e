"""The demo's entry: the printed address, and the buttons that sign in as one of its people."""

import ipaddress
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import login, logout
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.request import split_domain_port
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from labeling.models import Role, User
from labeling.pages.destinations import MODEL_BACKEND, safe_next
from labeling.people.signing_in import demo

COOKIE = "demo"
COOKIE_SECONDS = 60 * 60 * 24 * 30
ROLES = (
    (Role.LABELER.value, "Labeler", "Compare responses"),
    (Role.CURATOR.value, "Curator", "Watch and mend the data"),
    (Role.ADMIN.value, "Admin", "Also settings, imports and people"),
)
PROXY_HEADERS = {"HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP"}


def is_open(request: HttpRequest) -> bool:
    """Whether this browser has opened the printed address, and the demo is still one."""
    return _is_possible(request) and demo.is_keepsake(request.COOKIES.get(COOKIE, ""))


@never_cache
@require_safe
def enter(request: HttpRequest, secret: str) -> HttpResponse:
    """Opens from the printed address and redirects at once, so that no page has the secret in its
    address. It leads to the choice of a role, also for somebody who has chosen one before."""
    if not _is_possible(request) or not demo.is_secret(secret):
        raise Http404("There is no demo here.")
    if request.user.get_username() in demo.USERS.values():
        logout(request)
    query = f"?{urlencode({'next': safe_next(request)}, safe='/')}" if "next" in request.GET else ""
    response = redirect(f"{reverse('sign-in')}{query}")
    response["Referrer-Policy"] = "no-referrer"
    response.set_cookie(
        COOKIE,
        demo.keepsake(secret),
        max_age=COOKIE_SECONDS,
        httponly=True,
        secure=request.is_secure(),
        samesite="Lax",
    )
    return response


@require_POST
def demo_sign_in(request: HttpRequest) -> HttpResponse:
    """Signs in as one of the demo's users, without a password."""
    if not is_open(request):
        raise Http404("There is no demo here.")
    username = demo.USERS.get(request.POST.get("role", ""))
    user = User.objects.filter(username=username, is_active=True).first() if username else None
    if user is None:
        return redirect(f"{reverse('sign-in')}?demo=missing")
    login(request, user, backend=MODEL_BACKEND)
    return HttpResponseRedirect(safe_next(request))


def _is_possible(request: HttpRequest) -> bool:
    return bool(settings.DEMO_MODE) and _is_loopback(request) and not demo.people_have_accounts()


def _is_loopback(request: HttpRequest) -> bool:
    """Whether the request seems to come from this machine and to be meant for it. A proxy can
    conceal that it does not, so this is a second hurdle beside the secret, never the only one."""
    host = split_domain_port(request.get_host())[0].strip("[]")
    return (
        not PROXY_HEADERS & request.META.keys()
        and _is_loopback_name(request.META.get("REMOTE_ADDR", ""))
        and (host == "localhost" or _is_loopback_name(host))
    )


def _is_loopback_name(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
