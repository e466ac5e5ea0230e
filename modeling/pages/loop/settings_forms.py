"""The form of the loop's settings, made from the declarations of modeling/settings."""

from collections.abc import Mapping
from typing import Any

from django import forms

from labeling.models import Project, Role
from labeling.pages.projects.sectioned_forms import PercentField, SectionedForm, as_percent
from labeling.projects.model_locations import NotUsable
from labeling.projects.settings_texts import SettingsGroup
from labeling.texts.shown_paths import without_paths
from modeling.loop.changing_settings import changeable_by, usable_base_model
from modeling.models import LoopSettings
from modeling.settings import SECTIONS, SETTINGS, TITLES, Section, Setting
from modeling.settings.declaring import Number, OneOf, ShortText, Who, WholeNumber
from modeling.settings.together import contradictions

EXPLANATIONS = {
    Section.TRAINING: "When the reward model is retrained, from what, and how.",
    Section.SELECTION: "Which comparisons come first.",
    Section.SAMPLING: "How the current policy writes new responses to compare.",
    Section.IMPROVEMENT: "Whether the policy learns from the reward model, how far it may go, and "
    "who decides that a new version takes over.",
}


def _group(section: Section) -> SettingsGroup:
    first, more = (
        tuple(setting.name for setting in SECTIONS[section] if setting.is_first == is_first)
        for is_first in (True, False)
    )
    return SettingsGroup(TITLES[section], EXPLANATIONS[section], first, more)


class LoopSettingsForm(SectionedForm, forms.Form):
    """Settings of training, sampling, selection and improvement. `role` is that of whoever looks at
    them: fields that it may not change are shown and cannot be typed in."""

    sections = tuple(_group(section) for section in SECTIONS)

    def __init__(
        self, data: Mapping[str, Any] | None, *, project: Project, current: LoopSettings, role: Role
    ) -> None:
        initial = {name: shown(setting, current) for name, setting in SETTINGS.items()}
        super().__init__(data, initial=initial)
        self.project = project
        self.fields.update({name: form_field(setting) for name, setting in SETTINGS.items()})
        self.carry_initial()
        if role != Role.ADMIN:
            self.initial["base_model"] = without_paths(current.base_model)
        for name in SETTINGS.keys() - changeable_by(role):
            self.fields[name].disabled = True

    def who_else(self, name: str) -> str:
        return "Curators may change this, too." if SETTINGS[name].who == Who.CURATOR else ""

    def usual_values(self) -> dict[str, Any]:
        return {name: as_shown(one, one.default) for name, one in SETTINGS.items()}

    def clean_base_model(self) -> str:
        """Checks a location only when it is new, so that other settings can be saved while a disk
        is away."""
        location: str = self.cleaned_data["base_model"].strip()
        if location and location != self.initial.get("base_model"):
            try:
                location = usable_base_model(location, self.project)
            except NotUsable as problem:
                raise forms.ValidationError(str(problem)) from None
        return location

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        self.refuse(contradictions(given))
        for name in self._changed_beyond_role():
            self.add_error(name, f"Only {SETTINGS[name].who.in_words} of the project change this.")
        return given

    def refuse(self, sentences: Mapping[str, str]) -> None:
        for name, sentence in sentences.items():
            self.add_error(name, sentence)

    def _changed_beyond_role(self) -> list[str]:
        """Finds disabled fields that were sent with a change all the same, as by a page that was
        opened in another role. Django alone would drop them without a word."""
        names = []
        for name, field in self.fields.items():
            if field.disabled:
                enabled = form_field(SETTINGS[name])
                sent = enabled.widget.value_from_datadict(self.data, self.files, name)
                if sent is not None and enabled.has_changed(self._shown_before(name), sent):
                    names.append(name)
        return names

    def _shown_before(self, name: str) -> Any:
        """The value that the sent page showed at first; None where it does not say."""
        try:
            return form_field(SETTINGS[name]).to_python(self.data.get(f"initial-{name}"))
        except forms.ValidationError:
            return None


def shown(setting: Setting, row: LoopSettings) -> Any:
    """The value as the page shows it."""
    return as_shown(setting, getattr(row, setting.name))


def as_shown(setting: Setting, value: Any) -> Any:
    if isinstance(setting, Number) and setting.as_percent and value is not None:
        return as_percent(value)
    return value


def form_field(setting: Setting) -> forms.Field:
    """Refuses what the database would refuse, in the words of the declaration."""
    words: dict[str, Any] = {"label": setting.label, "help_text": setting.help}
    refusal = f"It has to be {setting.allowed}.".replace("%", "%%")
    if isinstance(setting, WholeNumber | Number):
        refused = dict.fromkeys(("invalid", "min_value", "max_value"), refusal)
        words |= {"min_value": setting.low, "max_value": setting.high}
        words |= {"required": not setting.may_be_empty, "error_messages": refused}
        return _kind_of(setting)(**words)
    if isinstance(setting, OneOf):
        return forms.ChoiceField(choices=setting.choices.pairs(), **words)
    if isinstance(setting, ShortText):
        return forms.CharField(required=False, max_length=setting.longest, **words)
    return forms.BooleanField(required=False, **words)


def _kind_of(setting: WholeNumber | Number) -> type[forms.IntegerField | forms.FloatField]:
    if isinstance(setting, WholeNumber):
        return forms.IntegerField
    return PercentField if setting.as_percent else forms.FloatField
