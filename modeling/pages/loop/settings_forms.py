"""The form of what the loop is told, made from the declarations of modeling/settings."""

from collections.abc import Mapping
from typing import Any

from django import forms

from labeling.models import Project
from labeling.pages.projects.sectioned_forms import PercentField, SectionedForm, as_percent
from labeling.projects.model_locations import NotUsable, check_model, written
from labeling.projects.settings_texts import SettingsGroup
from modeling.models import LoopSettings
from modeling.settings import SECTIONS, SETTINGS, TITLES, Section, Setting
from modeling.settings.choices import Adapter, RewardMethod
from modeling.settings.declaring import Number, OneOf, Text, Whole

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
    """What training, sampling, selection and improvement are told."""

    sections = tuple(_group(section) for section in SECTIONS)

    def __init__(
        self, data: Mapping[str, Any] | None, *, project: Project, current: LoopSettings
    ) -> None:
        initial = {name: shown(setting, current) for name, setting in SETTINGS.items()}
        super().__init__(data, initial=initial)
        self.project = project
        self.fields.update({name: form_field(setting) for name, setting in SETTINGS.items()})
        self.carry_initial()

    def usual_values(self) -> dict[str, Any]:
        return {name: as_shown(one, one.default) for name, one in SETTINGS.items()}

    def clean_base_model(self) -> str:
        """Only a new one is checked: others can be saved while a disk is away."""
        location: str = self.cleaned_data["base_model"].strip()
        if location and location != self.initial.get("base_model"):
            try:
                check_model(location, self.project)
                location = written(location, self.project)
            except NotUsable as problem:
                raise forms.ValidationError(str(problem)) from None
        return location

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        is_quick = given.get("reward_method") == RewardMethod.FROZEN
        if is_quick and given.get("reward_adapter") != Adapter.NONE:
            self.add_error("reward_adapter", "The quick way trains no weights of the model.")
        if (given.get("reward_heads") or 1) > 1 and (given.get("reward_members") or 1) > 1:
            self.add_error("reward_members", "Several heads or several models, not both.")
        return given


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
    if isinstance(setting, Whole | Number):
        refused = dict.fromkeys(("invalid", "min_value", "max_value"), refusal)
        words |= {"min_value": setting.low, "max_value": setting.high}
        words |= {"required": not setting.may_be_empty, "error_messages": refused}
        return _kind_of(setting)(**words)
    if isinstance(setting, OneOf):
        return forms.ChoiceField(choices=setting.choices.pairs(), **words)
    if isinstance(setting, Text):
        return forms.CharField(required=False, max_length=setting.longest, **words)
    return forms.BooleanField(required=False, **words)


def _kind_of(setting: Whole | Number) -> type[forms.IntegerField | forms.FloatField]:
    if isinstance(setting, Whole):
        return forms.IntegerField
    return PercentField if setting.as_percent else forms.FloatField
