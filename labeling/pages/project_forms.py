"""The forms about a project: its settings in groups, its guidelines, its people."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib.auth.validators import UnicodeUsernameValidator

from labeling.models import Project, Role
from labeling.projects import MAX_GUIDELINES

# Every setting belongs to one group; a test fails when a new setting has none.
GROUPS = (
    ("About", "What people see in their list of projects.", ("name", "description")),
    (
        "Judging",
        "What labelers are asked, and which answers they can give.",
        ("question", "scale", "allow_tie", "allow_both_bad", "overlap"),
    ),
    (
        "Handing out",
        "Who gets which comparison, and for how long.",
        ("is_paused", "random_share", "lease_seconds", "correction_minutes"),
    ),
    (
        "Learning",
        "When the reward model is retrained, and what it starts from.",
        ("loop_enabled", "retrain_after", "base_model"),
    ),
    (
        "Sampling",
        "How the current policy writes new responses to compare.",
        (
            "queue_target",
            "sample_prompts",
            "samples_per_prompt",
            "temperature",
            "top_p",
            "max_new_tokens",
        ),
    ),
)

LABELS = {
    "scale": "Answers",
    "allow_tie": "Labelers may say “about the same”",
    "allow_both_bad": "Labelers may say “both bad”",
    "overlap": "Judgments for each comparison",
    "is_paused": "Pause the project",
    "random_share": "Handed out at random (%)",
    "lease_seconds": "Keep a comparison for (seconds)",
    "correction_minutes": "Answers can be corrected for (minutes)",
    "loop_enabled": "Retrain and sample without being asked",
    "retrain_after": "Retrain after this many new preferences",
    "base_model": "Reward models start from",
    "queue_target": "Enough comparisons waiting",
    "sample_prompts": "Prompts for each sampling",
    "samples_per_prompt": "Responses for each prompt",
    "top_p": "Top-p",
    "max_new_tokens": "Longest response (tokens)",
}

HELP = {
    "description": "One sentence about what this project is for.",
    "question": "Stands above every comparison.",
    "scale": "With strength, labelers also say how much better. It is learnt as a margin.",
    "allow_tie": "A tie counts as half a win for each side.",
    "allow_both_bad": "Kept apart from ties: it says nothing about which is better.",
    "overlap": "By how many different people each comparison is judged. Comparisons that are "
    "still open follow a change; finished ones stay as they are. With 2 or more, the project "
    "shows how often people agree.",
    "is_paused": "Nobody gets comparisons until you turn this off. Nothing is lost.",
    "random_share": "The rest goes by how uncertain the reward model is. The random part is the "
    "honest test of the reward model; 20 % is a good start.",
    "lease_seconds": "When somebody stops in the middle, their comparison goes to the next "
    "person after this time.",
    "correction_minutes": "Labelers see their last 100 answers and can change one for so long. "
    "The first answer is kept, superseded. 0: never.",
    "loop_enabled": "Off: runs start only when somebody presses a button on the loop page.",
    "retrain_after": "Smaller: the queue follows the labelers more closely. Larger: fewer runs.",
    "base_model": "A folder on the server or a Hugging Face hub id. Empty: the current policy.",
    "queue_target": "Nothing is sampled while this many comparisons are waiting.",
    "sample_prompts": "How many prompts get new responses after each retraining.",
    "samples_per_prompt": "The two responses that tell most about the reward model are queued.",
    "temperature": "1 samples as the policy is; lower is safer and more alike.",
    "top_p": "1 keeps every token; 0.95 leaves out the least likely ones.",
    "max_new_tokens": "A response that reaches this is marked as cut off.",
}


class ProjectForm(forms.ModelForm):
    """A new project: the few things to decide before the first comparison."""

    class Meta:
        model = Project
        fields = ["name", "description", "question", "scale", "overlap"]
        labels = LABELS
        help_texts = HELP

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].widget.attrs["autofocus"] = True


class SettingsForm(forms.ModelForm):
    """All settings. Each field carries the value it was shown with, so that `changed_data` is
    what this person changed, whatever others have saved in the meantime."""

    random_share = forms.FloatField(min_value=0, max_value=100, required=True)

    class Meta:
        model = Project
        fields = [name for _, _, names in GROUPS for name in names]
        labels = LABELS
        help_texts = HELP

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["random_share"] = f"{self.instance.random_share * 100:.6g}"
        share = self.fields["random_share"]
        share.label, share.help_text = LABELS["random_share"], HELP["random_share"]
        for field in self.fields.values():
            field.show_hidden_initial = True

    def clean_random_share(self) -> float:
        return float(self.cleaned_data["random_share"]) / 100

    def changed_fields(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self.changed_data}

    def groups(self) -> Iterator[tuple[str, str, list[forms.BoundField]]]:
        for title, explanation, names in GROUPS:
            yield title, explanation, [self[name] for name in names]


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
