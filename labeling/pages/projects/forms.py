"""The forms about a project: its settings, its guidelines, its people."""

from typing import Any

from django import forms
from django.forms.models import model_to_dict

from labeling.models import Project
from labeling.models.project_limits import LIMITS
from labeling.pages.projects.mode_forms import mode_fields
from labeling.pages.projects.sectioned_forms import PercentField, SectionedForm, as_percent
from labeling.projects.editing import MAX_GUIDELINES
from labeling.projects.settings_texts import GROUPS, HELP, LABELS, NEW_PROJECT


class ProjectForm(forms.ModelForm):
    """The few things to decide about a new project before its first comparison."""

    class Meta:
        model = Project
        fields = NEW_PROJECT
        labels = LABELS
        help_texts = HELP

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].widget.attrs["autofocus"] = True
        self.fields["ranked_responses"].required = False

    def clean_ranked_responses(self) -> int:
        """Fills in the default: only projects that rank ask for the number."""
        default: int = Project._meta.get_field("ranked_responses").default
        return self.cleaned_data["ranked_responses"] or default


SHARES = (
    "random_share",
    "gold_share",
    "gold_mark",
    "repeat_share",
    "qualification_mark",
    "adaptive_confidence",
)


class SettingsForm(SectionedForm, forms.ModelForm):
    """The settings of how people are asked and checked. Those of the loop have a form of their own,
    on the learning side."""

    sections = GROUPS

    class Meta:
        model = Project
        fields = [name for group in GROUPS for name in (*group.names, *group.more)]
        labels = LABELS
        help_texts = HELP

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in SHARES:
            low, high = LIMITS[name]
            self.initial[name] = as_percent(getattr(self.instance, name))
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
        for name, (low, high) in LIMITS.items():
            if name not in SHARES:
                self.fields[name].widget.attrs |= {"min": low, "max": high}
        self.fields.update(mode_fields())
        self.carry_initial()

    def usual_values(self) -> dict[str, Any]:
        usual = model_to_dict(Project(), fields=self.fields.keys() - {"name", "description"})
        return usual | {name: as_percent(usual[name]) for name in SHARES}


class GuidelinesForm(forms.Form):
    text = forms.CharField(
        required=False,
        max_length=MAX_GUIDELINES,
        label="Guidelines (Markdown)",
        widget=forms.Textarea(attrs={"rows": 22, "spellcheck": "true"}),
    )
    written_on = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
