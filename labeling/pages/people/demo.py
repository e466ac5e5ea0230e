"""Signing in and out, and the one-click entry of the demo on the machine it runs on."""

import ipaddress
from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.views import LoginView, LogoutView
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.request import split_domain_port
from django.shortcuts import redirect, resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from labeling.models import Role, User

DEMO_USERS = {role.value: f"demo-{role.value}" for role in Role}
PROXY_HEADERS = {"HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP"}
MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"


def is_loopback(request: HttpRequest) -> bool:
    """The request came from this machine and was meant for this machine.

    Both must hold: a proxy on the same machine connects from loopback too, but passes on the
    outside host name or says whom it speaks for; and anyone can send a loopback Host header.
    """
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


def demo_is_open(request: HttpRequest) -> bool:
    return bool(settings.DEMO_MODE) and is_loopback(request)


def safe_next(request: HttpRequest) -> str:
    """Where the person wanted to go, if that is on this site; their projects otherwise."""
    target = request.POST.get("next") or request.GET.get("next", "")
    allowed = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if target and allowed else resolve_url(settings.LOGIN_REDIRECT_URL)


class SignIn(LoginView):
    """Username and password; the demo's three entries where they may be offered."""

    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        roles = DEMO_ROLES if demo_is_open(self.request) else ()
        return super().get_context_data(demo_roles=roles, **kwargs)


DEMO_ROLES = (
    (Role.LABELER.value, "Labeler", "Compare responses"),
    (Role.CURATOR.value, "Curator", "Watch and mend the data"),
    (Role.ADMIN.value, "Admin", "Also settings, imports and people"),
)

sign_in = SignIn.as_view()
sign_out = LogoutView.as_view()


@require_POST
def demo_sign_in(request: HttpRequest) -> HttpResponse:
    """Enter as one of the demo's users, without a password."""
    if not demo_is_open(request):
        raise Http404("There is no demo here.")
    username = DEMO_USERS.get(request.POST.get("role", ""))
    user = User.objects.filter(username=username, is_active=True).first() if username else None
    if user is None:
        return redirect(f"{reverse('sign-in')}?demo=missing")
    login(request, user, backend=MODEL_BACKEND)
    return HttpResponseRedirect(safe_next(request))
