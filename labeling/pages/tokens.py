"""The page where a person makes the token that their programs send to the API."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from rest_framework.authtoken.models import Token

from labeling.pages.requests import SignedInRequest


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def api_token(request: SignedInRequest) -> HttpResponse:
    """One token for each person, shown once: a new one makes the old one useless."""
    if request.method == "GET":
        token = Token.objects.filter(user=request.user).first()
        return render(request, "accounts/api_token.html", {"token": token})
    with transaction.atomic():
        Token.objects.filter(user=request.user).delete()
        if "delete" in request.POST:
            messages.success(request, "Your token is deleted; programs that use it are locked out.")
            return redirect("api-token")
        token = Token.objects.create(user=request.user)
    context = {"token": token, "new_key": token.key}
    return render(request, "accounts/api_token.html", context)
