"""The settings that decide what labelers are asked, and their live preview."""

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from labeling.judging.modes import LETTERS, AnswerBar
from labeling.models import Project
from labeling.models.project_limits import PHRASES
from labeling.pages.requests import SignedInRequest
from labeling.projects.settings_texts import MODE_FIELDS, MODE_HELP, MODE_LABELS

SAMPLE_PROMPT = "How do I remove a red wine stain from a wool rug?"
SAMPLE_RESPONSES = (
    "Blot it at once with a clean cloth, never rub. Then dab with cold water and a little "
    "white vinegar, and let it dry flat.",
    "Use bleach and scrub firmly until it is gone.",
    "Salt draws out much of the wine. Vacuum it up after an hour.",
    "Wool cleaner from a shop; follow the label.",
    "Cold water, then mild wool detergent, from the edge inwards.",
    "I cannot help with that.",
    "Call a cleaner.",
    "Cover it with a chair.",
    "White wine neutralises red wine.",
)


class WordsField(forms.CharField):
    """A list of short phrases, written with commas between them."""

    def __init__(self, *, most: int, longest: int, **more: Any) -> None:
        super().__init__(required=False, **more)
        self.most, self.longest = most, longest

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, list):
            return value
        words = [" ".join(word.split()) for word in str(value or "").split(",")]
        return list(dict.fromkeys(word for word in words if word))

    def run_validators(self, value: Any) -> None:
        if len(value) > self.most:
            raise forms.ValidationError(f"At most {self.most}.")
        if any(len(word) > self.longest for word in value):
            raise forms.ValidationError(f"Each has at most {self.longest} characters.")

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.to_python(initial) != self.to_python(data))


def mode_fields() -> dict[str, forms.Field]:
    """Returns the fields that a model form would not make well by itself."""
    return {
        name: WordsField(
            most=most, longest=longest, label=MODE_LABELS[name], help_text=MODE_HELP[name]
        )
        for name, (most, longest) in PHRASES.items()
    }


class ModeForm(forms.ModelForm):
    """Takes what is sound of a form that is still being filled in, for the preview alone."""

    class Meta:
        model = Project
        fields = MODE_FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.update({k: v for k, v in mode_fields().items() if k in self.fields})


@login_required
@require_POST
def mode_preview(request: SignedInRequest) -> HttpResponse:
    """Shows a sample comparison as labelers would see it with these settings. Nothing is saved."""
    project = Project()
    given = [name for name in MODE_FIELDS if name in request.POST or "shows-all" in request.POST]
    form = ModeForm(request.POST, instance=project)
    for name in set(form.fields) - set(given):
        del form.fields[name]  # the short form of a new project: its defaults hold
    form.is_valid()
    return render(request, "projects/_mode_preview.html", preview_context(project))


def preview_context(project: Project) -> dict[str, Any]:
    size = min(max(project.responses_per_comparison, 2), 9)
    sides = [
        {"letter": letter, "text": text}
        for letter, text in zip(LETTERS[:size], SAMPLE_RESPONSES, strict=False)
    ]
    return {
        "project": project,
        "bar": AnswerBar(project, size),
        "sides": sides,
        "sample_prompt": SAMPLE_PROMPT,
    }
