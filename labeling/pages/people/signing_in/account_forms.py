"""The forms about one's own account: name, address, password."""

from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from labeling.models import User
from labeling.pages.people.forms import LONGEST_ADDRESS
from labeling.people.clock import zone_names
from labeling.people.signing_in import accounts
from labeling.people.signing_in.accounts import AccountError

WRONG_PASSWORD = "This is not your password of today."


def is_password_of(request: HttpRequest, user: User, password: str) -> bool:
    """Whether this is the user's password. It is checked as on the sign-in page, so that guessing
    is limited here as it is there."""
    signed_in = authenticate(request, username=user.username, password=password)
    return signed_in is not None and signed_in.pk == user.pk


class NameForm(forms.Form):
    full_name = forms.CharField(
        max_length=150,
        required=False,
        label="Your name",
        help_text="Shown to the people of your projects. Your user name stays what it is.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )

    def clean_full_name(self) -> str:
        name: str = self.cleaned_data["full_name"]
        if not name.isprintable():
            raise ValidationError("Leave out signs that cannot be seen.")
        return name


class TimezoneForm(forms.Form):
    timezone = forms.ChoiceField(
        required=False,
        label="Times are shown in",
        help_text="Your own day, as in “12 today”, begins at midnight there.",
    )

    def __init__(self, *args: Any, browser: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        usual = f"The zone of the browser ({browser})" if browser else "The zone of the browser"
        names = [(name, name.replace("_", " ")) for name in zone_names()]
        self.fields["timezone"].choices = [("", usual), *names]  # type: ignore[attr-defined]


class EmailForm(forms.Form):
    email = forms.EmailField(
        max_length=LONGEST_ADDRESS,
        required=False,
        label="E-mail",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    email_password = forms.CharField(
        strip=False,
        label="Your password",
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, request: HttpRequest, user: User, *args: Any, **kwargs: Any) -> None:
        self.request, self.user = request, user
        super().__init__(*args, **kwargs)

    def clean_email_password(self) -> str:
        password: str = self.cleaned_data["email_password"]
        if not is_password_of(self.request, self.user, password):
            raise ValidationError(WRONG_PASSWORD)
        return password


class NewPasswordForm(SetPasswordForm):
    """Writes the password and nothing else. What has changed about the account meanwhile stays as
    it is: somebody may have closed it."""

    user: User

    def save(self, commit: bool = True) -> User:
        accounts.set_password(self.user, self.cleaned_data["new_password1"])
        return self.user


class ChangePasswordForm(NewPasswordForm, PasswordChangeForm):
    field_order = PasswordChangeForm.field_order

    def __init__(self, request: HttpRequest, user: User, *args: Any, **kwargs: Any) -> None:
        self.request = request
        super().__init__(user, *args, **kwargs)
        self.fields["old_password"].label = "Your password of today"
        self.fields["old_password"].widget.attrs.pop("autofocus", None)
        self.fields["new_password2"].label = "The new password again"

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        if not is_password_of(self.request, self.user, password):
            raise ValidationError(WRONG_PASSWORD)
        return password

    def save(self, commit: bool = True) -> User:
        try:
            return super().save(commit)
        except AccountError as problem:
            self.add_error(None, str(problem))
            raise


class ForgottenForm(forms.Form):
    email = forms.EmailField(
        label="E-mail of your account",
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True}),
    )
