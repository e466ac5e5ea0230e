"""A person's own account: name, time zone, e-mail and password, and a new password by e-mail."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from labeling.models import User
from labeling.pages.destinations import MODEL_BACKEND
from labeling.pages.people.reader_time import browser_zone
from labeling.pages.people.signing_in.account_forms import (
    ChangePasswordForm,
    EmailForm,
    ForgottenForm,
    NameForm,
    NewPasswordForm,
    TimezoneForm,
)
from labeling.pages.requests import SignedInRequest
from labeling.people import mailing
from labeling.people.signing_in import accounts
from labeling.people.signing_in.accounts import AccountError


@never_cache
@login_required
@require_safe
def account(request: SignedInRequest) -> HttpResponse:
    return _page(request)


def _page(request: SignedInRequest, **forms: Any) -> HttpResponse:
    user = request.user
    context = {
        "name_form": NameForm(initial={"full_name": user.get_full_name()}),
        "timezone_form": _timezone_form(request),
        "email_form": EmailForm(request, user, initial={"email": user.email}),
        "password_form": ChangePasswordForm(request, user),
        "can_send": mailing.can_send(),
        **forms,
    }
    return render(request, "people/signing_in/account.html", context, status=422 if forms else 200)


@login_required
@require_POST
def account_name(request: SignedInRequest) -> HttpResponse:
    form = NameForm(request.POST)
    if not form.is_valid():
        return _page(request, name_form=form)
    accounts.change_name(request.user, form.cleaned_data["full_name"])
    messages.success(request, "Your name is saved.")
    return redirect("account")


def _timezone_form(request: SignedInRequest, data: Any = None) -> TimezoneForm:
    browser = str(browser_zone(request) or "")
    return TimezoneForm(data, initial={"timezone": request.user.timezone}, browser=browser)


@login_required
@require_POST
def account_timezone(request: SignedInRequest) -> HttpResponse:
    form = _timezone_form(request, request.POST)
    if not form.is_valid():
        return _page(request, timezone_form=form)
    request.user.timezone = form.cleaned_data["timezone"]
    request.user.save(update_fields=["timezone"])
    messages.success(request, "Your time zone is saved.")
    return redirect("account")


@sensitive_post_parameters("email_password")
@login_required
@require_POST
def account_email(request: SignedInRequest) -> HttpResponse:
    form = EmailForm(request, request.user, request.POST)
    if not form.is_valid():
        return _page(request, email_form=form)
    address = form.cleaned_data["email"]
    try:
        is_saved = accounts.ask_for_address(request.user, address, _links(request))
    except AccountError as problem:
        form.add_error(problem.field or None, str(problem))
        return _page(request, email_form=form)
    if is_saved:
        messages.success(request, "Your e-mail is saved.")
    else:
        messages.success(
            request, f"A mail is on its way to {address}. Open the link in it to confirm."
        )
    return redirect("account")


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def confirm_email(request: SignedInRequest, token: str) -> HttpResponse:
    """Opens from the link in the mail, and asks once more before it confirms: programs that look
    through mails open links too."""
    only_look = request.method != "POST"
    try:
        address = accounts.confirm_address(request.user, token, only_look=only_look)
    except AccountError as problem:
        context = {"why": str(problem)}
        return render(request, "people/signing_in/confirm_email.html", context, status=410)
    if only_look:
        return render(request, "people/signing_in/confirm_email.html", {"address": address})
    messages.success(request, f"{address} is your e-mail now.")
    return redirect("account")


@sensitive_post_parameters()
@login_required
@require_POST
def account_password(request: SignedInRequest) -> HttpResponse:
    form = ChangePasswordForm(request, request.user, request.POST)
    try:
        if form.is_valid():
            form.save()
    except AccountError:
        pass  # the form has added it to its errors, which are shown
    if form.errors:
        return _page(request, password_form=form)
    update_session_auth_hash(request, request.user)
    messages.success(request, "Your password is changed. You are signed out everywhere else.")
    return redirect("account")


@require_http_methods(["GET", "HEAD", "POST"])
def password_forgotten(request: HttpRequest) -> HttpResponse:
    """Asks for an address, and answers the same whether or not it is known. The mail is sent after
    the answer, since the time it takes would tell too."""
    if not mailing.can_send():
        raise Http404("No mails are sent from here. Ask whoever runs this server.")
    form = ForgottenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        address, link = form.cleaned_data["email"], _links(request)
        mailing.afterwards(lambda: accounts.mail_reset(address, link))
        return redirect("password-mailed")
    status = 422 if form.errors else 200
    return render(
        request, "people/signing_in/password_forgotten.html", {"form": form}, status=status
    )


@require_safe
def password_mailed(request: HttpRequest) -> HttpResponse:
    return render(request, "people/signing_in/password_mailed.html")


def _links(request: HttpRequest) -> Callable[..., str]:
    base = mailing.site(request)
    return lambda name, *args: base + reverse(name, args=args)


class SetPassword(PasswordResetConfirmView):
    """Opens from the link in a mail, once. Sets the password and signs in."""

    template_name = "people/signing_in/set_password.html"
    form_class = NewPasswordForm
    token_generator = accounts.reset_tokens
    post_reset_login = True
    post_reset_login_backend = MODEL_BACKEND
    success_url = reverse_lazy("home")

    def get_user(self, uidb64: str) -> User | None:
        user = super().get_user(uidb64)
        return user if isinstance(user, User) and user.is_active else None

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            return super().form_valid(form)
        except AccountError:  # another tab was faster with the same link
            self.validlink = False
            return self.render_to_response(self.get_context_data(form=None))


set_password = SetPassword.as_view()
