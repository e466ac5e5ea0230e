"""Forms for members and invitations."""

from django import forms
from django.contrib.auth.forms import UsernameField
from django.contrib.auth.validators import UnicodeUsernameValidator

from labeling.models import Role, User

# A form's own limit is longer than the column, and PostgreSQL refuses what does not fit.
LONGEST_ADDRESS = User._meta.get_field("email").max_length

ROLE_CHOICES = [
    (Role.LABELER, "Labeler: judges comparisons"),
    (Role.CURATOR, "Curator: also mends the data, edits the guidelines, says what comes first"),
    (Role.ADMIN, "Admin: also settings, people, models and runs"),
]


class AddMemberForm(forms.Form):
    who = forms.CharField(
        max_length=254,
        label="User name or e-mail",
        help_text="They join when they agree. This page does not tell who has an account.",
    )
    role = forms.ChoiceField(choices=ROLE_CHOICES, initial=Role.LABELER)


class InviteForm(forms.Form):
    username = UsernameField(
        max_length=150,
        label="User name",
        help_text="A proposal: they can choose another one, and must where it is taken.",
        validators=[UnicodeUsernameValidator()],
    )
    full_name = forms.CharField(max_length=120, label="Full name", required=False)
    role = forms.ChoiceField(choices=ROLE_CHOICES, initial=Role.LABELER)


class MemberForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)
