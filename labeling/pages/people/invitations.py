"""Inviting by link: making and withdrawing links, and the page that a link opens."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import login, password_validation
from django.contrib.auth.decorators import login_required
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from labeling import invitations
from labeling.access import RANK, project_for
from labeling.invitations import InvitationGone
from labeling.members import MembersError
from labeling.models import Invitation, Project, Role, User
from labeling.pages.accounts import MODEL_BACKEND
from labeling.pages.project_forms import ROLE_CHOICES
from labeling.pages.requests import SignedInRequest

LINK = "invitation-link"


class InvitationForm(forms.Form):
    """Nobody can invite to a higher role than their own."""

    note = forms.CharField(
        max_length=120,
        required=False,
        label="For whom",
        help_text="A name, so that you know which link is whose.",
    )
    email = forms.EmailField(
        required=False,
        label="E-mail",
        help_text="The link is sent there. Without it you get the link to send yourself.",
    )
    role = forms.ChoiceField(choices=ROLE_CHOICES, initial=Role.LABELER)

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not invitations.can_send():
            del self.fields["email"]
        rank = RANK[Role(project.role_of_viewer)]
        allowed = [choice for choice in ROLE_CHOICES if RANK[choice[0]] <= rank]
        self.fields["role"].choices = allowed  # type: ignore[attr-defined]


class SignUpForm(forms.Form):
    username = forms.CharField(
        max_length=150,
        label="User name",
        validators=[UnicodeUsernameValidator()],
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"}),
    )
    full_name = forms.CharField(
        max_length=150,
        label="Your name",
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = forms.CharField(
        label="Password",
        strip=False,
        help_text="At least 8 characters, and not one that everybody uses.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_username(self) -> str:
        username: str = self.cleaned_data["username"]
        if User.objects.filter(username__iexact=username).exists():
            raise ValidationError("Somebody has this user name. Sign in if it is you.")
        return username

    def clean(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().clean() or self.cleaned_data
        if password := fields.get("password"):
            try:
                password_validation.validate_password(password, self.new_user())
            except ValidationError as problem:
                self.add_error("password", problem)
        return fields

    def new_user(self) -> User:
        first, _, last = self.cleaned_data.get("full_name", "").partition(" ")
        return User(
            username=self.cleaned_data.get("username", ""), first_name=first, last_name=last
        )


@login_required
@require_POST
def invitation_new(request: SignedInRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    form = InvitationForm(project, request.POST, prefix="link")
    if not form.is_valid():
        problem = next(iter(form.errors.values()))[0]
        messages.error(request, f"No link was made: {problem}")
        return redirect("members", slug)
    role, note = Role(form.cleaned_data["role"]), form.cleaned_data["note"]
    email = form.cleaned_data.get("email", "")
    invited, token = invitations.create_invitation(project, request.user, role, note, email)
    url = request.build_absolute_uri(reverse("invitation", args=[token]))
    if email and invitations.send(invited, url):
        messages.success(request, f"The link is on its way to {email}.")
        return redirect("members", slug)
    if email:
        messages.error(
            request, f"The mail server did not take the mail to {email}: send the link yourself."
        )
    # Shown once: the page takes it out of the session.
    request.session[LINK] = {"note": note or email, "role": str(role), "url": url}
    return redirect("members", slug)


@login_required
@require_POST
def invitation_withdraw(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    invitation = get_object_or_404(project.invitations, pk=pk)
    try:
        invitations.withdraw(invitation, request.user)
    except MembersError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "The link does not work any more.")
    return redirect("members", slug)


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """What the link opens: join with the account one is signed in with, or make one."""
    try:
        found = invitations.find_invitation(token)
        if request.method == "POST":
            return _join(request, found)
    except InvitationGone as gone:
        return render(request, "people/invitation_gone.html", {"why": str(gone)}, status=410)
    return _page(request, found, SignUpForm())


def _join(request: HttpRequest, found: Invitation) -> HttpResponse:
    if isinstance(request.user, User):
        invitations.accept(found, request.user)
        return _welcome(request, found)
    form = SignUpForm(request.POST)
    if not form.is_valid():
        return _page(request, found, form, status=422)
    with transaction.atomic():
        user = form.new_user()
        user.email = found.email
        user.set_password(form.cleaned_data["password"])
        user.save()
        invitations.accept(found, user)
    login(request, user, backend=MODEL_BACKEND)
    return _welcome(request, found)


def _welcome(request: HttpRequest, found: Invitation) -> HttpResponse:
    messages.success(request, f"Welcome to {found.project}.")
    return redirect("label" if found.role == Role.LABELER else "project", found.project.slug)


def _page(
    request: HttpRequest, found: Invitation, form: SignUpForm, status: int = 200
) -> HttpResponse:
    context = {"invitation": found, "project": found.project, "form": form, "next": request.path}
    return render(request, "people/invitation.html", context, status=status)
