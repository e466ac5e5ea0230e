"""The forms about a project: its settings, its guidelines, its people."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib.auth.validators import UnicodeUsernameValidator

from labeling.model_locations import NotUsable, check_model
from labeling.models import Adapter, Project, RewardMethod, Role
from labeling.pages.mode_forms import mode_fields
from labeling.pages.settings_texts import FOLDED, GROUPS, HELP, LABELS
from labeling.projects import MAX_GUIDELINES


class ProjectForm(forms.ModelForm):
    """A new project: the few things to decide before the first comparison."""

    class Meta:
        model = Project
        fields = ["name", "description", "question", "scale", "ranked_responses", "overlap"]
        labels = LABELS
        help_texts = HELP

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].widget.attrs["autofocus"] = True
        self.fields["ranked_responses"].required = False

    def clean_ranked_responses(self) -> int:
        """Only asked for with ranking."""
        default: int = Project._meta.get_field("ranked_responses").default
        return self.cleaned_data["ranked_responses"] or default


class PercentField(forms.FloatField):
    """A share that people read and write as per cent."""

    def to_python(self, value: Any) -> Any:
        percent = super().to_python(value)
        return None if percent is None else percent / 100

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        limits: dict[str, Any] = {"min": self.min_value or 0, "max": self.max_value or 1}
        return {"step": "any"} | {name: f"{100 * limit:g}" for name, limit in limits.items()}


# Each with the least and the most it can be.
SHARES = {
    "random_share": (0.0, 1.0),
    "gold_share": (0.0, 0.5),
    "gold_mark": (0.0, 1.0),
    "repeat_share": (0.0, 0.5),
    "qualification_mark": (0.0, 1.0),
    "adaptive_confidence": (0.5, 0.999),
    "reward_label_smoothing": (0.0, 0.49),
}


class SettingsForm(forms.ModelForm):
    """All settings. Each field carries the value it was shown with, so that `changed_data` is
    what this person changed, whatever others have saved in the meantime."""

    class Meta:
        model = Project
        fields = [
            *(name for _, _, names in GROUPS for name in names),
            *(name for _, names in FOLDED.values() for name in names),
        ]
        labels = LABELS
        help_texts = HELP

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, (low, high) in SHARES.items():
            self.initial[name] = f"{getattr(self.instance, name) * 100:.6g}"
            self.fields[name] = PercentField(
                min_value=low,
                max_value=high,
                label=LABELS[name],
                help_text=HELP[name],
                error_messages={
                    "min_value": f"At least {100 * low:g} %%.",
                    "max_value": f"At most {100 * high:g} %%.",
                },
            )
        self.fields.update(mode_fields())
        for field in self.fields.values():
            field.show_hidden_initial = True

    def clean_base_model(self) -> str:
        """Only a new one is checked: others can be saved while a disk is away."""
        location: str = self.cleaned_data["base_model"].strip()
        if location and location != self.initial.get("base_model"):
            try:
                check_model(location)
            except NotUsable as problem:
                raise forms.ValidationError(str(problem)) from None
        return location

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        given = cleaned or {}
        is_quick = given.get("reward_method") == RewardMethod.FROZEN
        if is_quick and given.get("reward_adapter") != Adapter.NONE:
            self.add_error("reward_adapter", "The quick way trains no weights of the model.")
        if (given.get("reward_heads") or 1) > 1 and (given.get("reward_members") or 1) > 1:
            self.add_error("reward_members", "Several heads or several models, not both.")
        return cleaned

    def changed_fields(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self.changed_data}

    def groups(self) -> Iterator[tuple[str, str, list[forms.BoundField]]]:
        for title, explanation, names in GROUPS:
            yield title, explanation, [self[name] for name in names]

    def folded(self) -> Iterator[tuple[str, str, list[forms.BoundField], bool]]:
        """Of a group: what is folded up below it, and whether it has to be open."""
        for group, (title, names) in FOLDED.items():
            fields = [self[name] for name in names]
            yield group, title, fields, any(field.errors for field in fields)


class GuidelinesForm(forms.Form):
    text = forms.CharField(
        required=False,
        max_length=MAX_GUIDELINES,
        label="Guidelines (Markdown)",
        widget=forms.Textarea(attrs={"rows": 22, "spellcheck": "true"}),
    )
    written_on = forms.IntegerField(min_value=0, widget=forms.HiddenInput)


ROLE_CHOICES = [
    (Role.LABELER, "Labeler: judges comparisons"),
    (Role.CURATOR, "Curator: also sees and mends the data, edits the guidelines"),
    (Role.ADMIN, "Admin: also settings, people, models and runs"),
]


class AddMemberForm(forms.Form):
    who = forms.CharField(
        max_length=254, label="User name or e-mail", help_text="Of somebody who can sign in here."
    )
    role = forms.ChoiceField(choices=ROLE_CHOICES, initial=Role.LABELER)


class InviteForm(forms.Form):
    username = forms.CharField(
        max_length=150,
        label="User name",
        help_text="What they will sign in with.",
        validators=[UnicodeUsernameValidator()],
    )
    full_name = forms.CharField(max_length=150, label="Full name", required=False)
    role = forms.ChoiceField(choices=ROLE_CHOICES, initial=Role.LABELER)


class MemberForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)
    is_paused = forms.BooleanField(required=False)
