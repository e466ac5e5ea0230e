"""The page where a person makes the tokens that their programs send to the API."""

from datetime import timedelta

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from labeling.models import Scope
from labeling.pages.requests import SignedInRequest
from labeling.people.signing_in.tokens import TokensError, make_token, revoke_token

SCOPES = [
    (Scope.READ.value, "Read", "Projects, preferences, judgments, reward models"),
    (Scope.LABEL.value, "Label", "Send judgments"),
    (Scope.WRITE.value, "Write", "Import rows, and everything else that is sent, such as scoring"),
]
DAYS = [
    ("30", "30 days"),
    ("90", "90 days"),
    ("365", "a year"),
    ("", "as long as it is not revoked"),
]


class TokenForm(forms.Form):
    name = forms.CharField(max_length=80, required=False)
    scopes = forms.MultipleChoiceField(
        choices=[choice[:2] for choice in SCOPES],
        error_messages={"required": "Choose at least one."},
        initial=[Scope.READ.value],
    )
    days = forms.ChoiceField(choices=DAYS, required=False, initial="90")

    def clean_scopes(self) -> list[Scope]:
        return [Scope(value) for value in self.cleaned_data["scopes"]]

    def clean_name(self) -> str:
        return self.cleaned_data["name"] or f"Made on {timezone.localdate():%-d %b %Y}"


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def api_token(request: SignedInRequest) -> HttpResponse:
    """Lists one's tokens, and takes the form for one more, whose key is shown once."""
    if request.method != "POST":
        return _page(request, TokenForm())
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    given = form.cleaned_data
    expires_at = timezone.now() + timedelta(days=int(given["days"])) if given["days"] else None
    try:
        token, key = make_token(request.user, given["name"], given["scopes"], expires_at)
    except TokensError as problem:
        form.add_error(None, str(problem))
        return _page(request, form, status=422)
    return _page(request, TokenForm(), new_token=token, new_key=key)


def _page(
    request: SignedInRequest, form: TokenForm, status: int = 200, **new: object
) -> HttpResponse:
    chosen = form["scopes"].value() or []
    context = {
        "form": form,
        "scopes": [(*scope, scope[0] in chosen) for scope in SCOPES],
        "tokens": request.user.api_tokens.all(),
        "now": timezone.now(),
        **new,
    }
    return render(request, "people/signing_in/api_token.html", context, status=status)


@login_required
@require_POST
def api_token_revoke(request: SignedInRequest, pk: int) -> HttpResponse:
    token = revoke_token(request.user, pk)
    if token is None:
        messages.info(request, "That token is gone already.")
    else:
        messages.success(
            request, f"“{token.name}” is revoked; programs that use it are locked out."
        )
    return redirect("api-token")
