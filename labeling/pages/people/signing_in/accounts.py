"""Signing in and out."""

from typing import Any

from django.contrib.auth.views import LoginView, LogoutView

from labeling.pages.people.signing_in import demo
from labeling.people.mailing import can_send


class SignIn(LoginView):
    """Username and password; the demo's three entries where they may be offered."""

    template_name = "people/signing_in/sign_in.html"
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        roles = demo.ROLES if demo.is_open(self.request) else ()
        return super().get_context_data(demo_roles=roles, can_send=can_send(), **kwargs)


sign_in = SignIn.as_view()
sign_out = LogoutView.as_view()
