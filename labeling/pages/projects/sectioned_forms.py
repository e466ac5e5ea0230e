"""Forms of settings by subject, for the settings of labeling and of the loop alike."""

from collections.abc import Iterator, Mapping, Set
from copy import copy
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, QueryDict

from labeling.projects.settings_texts import SettingsGroup


class PercentField(forms.FloatField):
    """A share from 0 to 1 that people read and write as per cent."""

    def to_python(self, value: Any) -> Any:
        percent = super().to_python(value)
        # Rounded, since 99.9 / 100 is a little more than 0.999.
        return None if percent is None else round(percent / 100, 12)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        limits: dict[str, Any] = {"min": self.min_value or 0, "max": self.max_value or 1}
        return {"step": "any"} | {name: f"{100 * limit:g}" for name, limit in limits.items()}


def as_percent(share: float) -> str:
    return f"{share * 100:.6g}"


@dataclass(frozen=True)
class ShownField:
    """A field with what there is to say about its value, in words; "" where there is nothing.
    `was`: what is saved, where the form holds something else. `usual`: the default, where the form
    holds something else. `now`: what the form holds. `who_else`: who may change it
    beside admins, as a sentence."""

    bound: forms.BoundField
    was: str
    usual: str
    now: str
    who_else: str


@dataclass(frozen=True)
class ShownGroup:
    """A group with its fields. `more` are folded up; a field that is refused is among `fields`,
    so that its error is seen and reached without opening anything."""

    title: str
    explanation: str
    fields: list[ShownField]
    more: list[ShownField]

    @property
    def unsaved(self) -> list[ShownField]:
        """Of those that are folded up: what is typed over and not saved yet."""
        return [field for field in self.more if field.was]

    @property
    def unusual(self) -> list[ShownField]:
        """Of those that are folded up: what is saved and differs from its default."""
        return [field for field in self.more if field.usual and not field.was]


class SectionedForm(forms.BaseForm):
    """Each field carries the value it was shown with, so that `changed_data` is what this person
    changed, whatever others have saved in the meantime."""

    sections: tuple[SettingsGroup, ...] = ()

    def carry_initial(self) -> None:
        for field in self.fields.values():
            field.show_hidden_initial = True

    def changed_fields(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self.changed_data}

    def usual_values(self) -> Mapping[str, Any]:
        """Returns the defaults as the page shows them, for the fields that have one."""
        raise NotImplementedError

    def who_else(self, name: str) -> str:
        """Who may change this field beside the project's admins, as a sentence; "" for nobody."""
        return ""

    def groups(self) -> Iterator[ShownGroup]:
        changed = set(self.changed_data) if self.is_bound else set()
        usual = self.usual_values()
        for group in self.sections:
            first, more = (
                [self._shown(name, changed, usual) for name in names]
                for names in (group.names, group.more)
            )
            refused = [field for field in more if field.bound.errors]
            folded = [field for field in more if not field.bound.errors]
            yield ShownGroup(group.title, group.explanation, first + refused, folded)

    def _shown(self, name: str, changed: Set[str], usual: Mapping[str, Any]) -> ShownField:
        bound = self[name]
        was = self._in_words(name, bound.initial) if name in changed else ""
        differs = name in usual and self._differs(name, usual[name])
        return ShownField(
            bound,
            was,
            usual=self._in_words(name, usual[name]) if differs else "",
            now=self._in_words(name, bound.value()),
            who_else=self.who_else(name),
        )

    def _differs(self, name: str, usual: Any) -> bool:
        field = copy(self.fields[name])
        field.disabled = False  # a disabled field says of every value that it has not changed
        return field.has_changed(field.to_python(usual), self[name].value())

    def _in_words(self, name: str, value: Any) -> str:
        if isinstance(field := self.fields[name], forms.ChoiceField):
            labels = dict(field.choices)  # type: ignore[arg-type]
            return f"“{labels.get(value, value)}”"
        if isinstance(value, bool):
            return "on" if value else "off"
        if isinstance(value, list):
            value = ", ".join(value)
        return "empty" if value in (None, "") else str(value)


TO_DEFAULT = "to_default"


def refilled(data: QueryDict, values: Mapping[str, Any]) -> QueryDict:
    """Returns what was sent with these values in place of its own, as if they had been typed over
    it. Nothing is saved by that."""
    data = data.copy()
    for name, value in values.items():
        if value is False:
            data.pop(name, None)
        else:
            data[name] = "on" if value is True else "" if value is None else value
    return data


def set_back(form: SectionedForm, name: str) -> dict[str, Any]:
    """Returns what to type over a field to set it to its default; nothing for an unknown field."""
    usual = form.usual_values()
    return {name: usual[name]} if name in usual else {}


def say_saved(request: HttpRequest, form: SectionedForm, changes: Mapping[str, Any]) -> None:
    """Names what was changed, by its words on the page."""
    names = [str(form.fields[name].label or name) for name in changes]
    if names:
        messages.success(request, f"Saved: {'; '.join(names)}.")
    else:
        messages.info(request, "Nothing was changed.")
