"""Invites by link: makes and withdraws links, and shows the page that a link opens."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import authenticate, login, password_validation
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import UsernameField
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from labeling.models import Invitation, Project, Role, User
from labeling.pages.destinations import MODEL_BACKEND
from labeling.pages.people.forms import LONGEST_ADDRESS, ROLE_CHOICES
from labeling.pages.requests import SignedInRequest
from labeling.people import invitations
from labeling.people.access import RANK, project_for
from labeling.people.invitations import InvitationGone
from labeling.people.mailing import can_send, site
from labeling.people.members import MembersError
from labeling.people.signing_in import accounts
from labeling.people.signing_in.accounts import NameTaken

LINK = "invitation-link"


class InvitationForm(forms.Form):
    """Offers the roles up to the viewer's own: nobody can invite to a higher one."""

    note = forms.CharField(
        max_length=120,
        required=False,
        label="For whom",
        help_text="A name, so that you know which link is whose.",
    )
    email = forms.EmailField(
        max_length=LONGEST_ADDRESS,
        required=False,
        label="E-mail",
        help_text="The link is sent there. Without it you get the link to send yourself.",
    )
    role = forms.ChoiceField(choices=ROLE_CHOICES, initial=Role.LABELER)

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not can_send():
            del self.fields["email"]
        rank = RANK[Role(project.role_of_viewer)]
        allowed = [choice for choice in ROLE_CHOICES if RANK[choice[0]] <= rank]
        self.fields["role"].choices = allowed  # type: ignore[attr-defined]


class SignUpForm(forms.Form):
    username = UsernameField(
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
        if "@" in username:
            raise ValidationError("A user name is no address: leave out the @.")
        if accounts.name_is_taken(username):
            raise ValidationError(str(NameTaken()))
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
        given = self.cleaned_data
        return accounts.new_account(given.get("username", ""), given.get("full_name", ""))


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
    url = site(request) + reverse("invitation", args=[token])
    if email and invitations.mail_invitation(invited, url):
        messages.success(request, f"The link is on its way to {email}.")
        return redirect("members", slug)
    if email:
        messages.error(
            request, f"The mail server did not take the mail to {email}: send the link yourself."
        )
    keep_link(request, token, note or email, role)
    return redirect("members", slug)


def keep_link(request: SignedInRequest, token: str, note: str, role: Role) -> None:
    """Puts the link into the session, for the page to show once and take out again."""
    url = request.build_absolute_uri(reverse("invitation", args=[token]))
    request.session[LINK] = {"note": note, "role": str(role), "url": url}


@login_required
@require_POST
def invitation_withdraw(request: SignedInRequest, slug: str, pk: int) -> HttpResponse:
    project = project_for(request.user, slug, Role.CURATOR)
    invitation = get_object_or_404(project.invitations, pk=pk)
    try:
        invitations.withdraw_invitation(invitation, request.user)
    except MembersError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "The link does not work any more.")
    return redirect("members", slug)


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def invitation_page(request: HttpRequest, token: str) -> HttpResponse:
    """Opens from the link: a person who is signed in joins, anybody else makes an account first."""
    user = request.user if isinstance(request.user, User) else None
    try:
        invitation = invitations.find_invitation(token, user)
        if request.method == "POST":
            return _join(request, invitation, token)
    except InvitationGone as gone:
        return _sent_twice(request, token) or render(
            request, "people/invitation_gone.html", {"why": str(gone)}, status=410
        )
    proposed = {"username": invitation.username, "full_name": invitation.full_name}
    return _page(request, invitation, SignUpForm(initial=proposed))


def _join(request: HttpRequest, invitation: Invitation, token: str) -> HttpResponse:
    if isinstance(request.user, User):
        invitations.accept(invitation, request.user)
        return _welcome(request, invitation)
    form = SignUpForm(request.POST)
    user = _sign_up(form, invitation) if form.is_valid() else None
    if user is None:
        return _sent_twice(request, token) or _page(request, invitation, form, status=422)
    login(request, user, backend=MODEL_BACKEND)
    return _welcome(request, invitation)


def _sign_up(form: SignUpForm, invitation: Invitation) -> User | None:
    """Makes the account and joins. Returns None, with the reason in the form, if somebody has taken
    the name since the form was checked."""
    password, is_proven = form.cleaned_data["password"], invitation.mailed_at is not None
    try:
        with transaction.atomic():
            user = accounts.make_account(
                form.new_user(), password, invitation.email, is_proven=is_proven
            )
            invitations.accept(invitation, user)
    except NameTaken as problem:
        form.add_error("username", str(problem))
        return None
    return user


def _sent_twice(request: HttpRequest, token: str) -> HttpResponse | None:
    """Answers a sign-up that came twice, as by a double click, like the first one. That it comes
    from the same person is proven by the password."""
    first = invitations.used_just_now(token)
    if request.method != "POST" or request.user.is_authenticated or first is None:
        return None
    who, password = request.POST.get("username", ""), request.POST.get("password", "")
    user = authenticate(request, username=who, password=password)
    if not isinstance(user, User) or user.pk != first.used_by_id:
        return None
    login(request, user, backend=MODEL_BACKEND)
    return _welcome(request, first)


@login_required
@require_POST
def invitation_answer(request: SignedInRequest, pk: int) -> HttpResponse:
    """Joins by an invitation to one's account, or declines it."""
    invitation = get_object_or_404(
        Invitation.objects.select_related("project"), pk=pk, invitee=request.user
    )
    if "decline" in request.POST:
        invitations.decline(invitation)
        return redirect("home")
    try:
        invitations.accept(invitation, request.user)
    except InvitationGone as gone:
        messages.error(request, str(gone))
        return redirect("home")
    return _welcome(request, invitation)


def _welcome(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    messages.success(request, f"Welcome to {invitation.project}.")
    return redirect(
        "label" if invitation.role == Role.LABELER else "project", invitation.project.slug
    )


def _page(
    request: HttpRequest, invitation: Invitation, form: SignUpForm, status: int = 200
) -> HttpResponse:
    context = {
        "invitation": invitation,
        "project": invitation.project,
        "form": form,
        "next": request.path,
    }
    return render(request, "people/invitation.html", context, status=status)
