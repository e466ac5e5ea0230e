"""Forms by subject: shares in per cent, what is marked, what is folded, what is set back."""

from typing import Any

import pytest
from django import forms
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from labeling.pages.projects.sectioned_forms import (
    PercentField,
    SectionedForm,
    as_percent,
    refilled,
    set_back,
)
from labeling.projects.settings_texts import SettingsGroup

DEFAULTS = {"size": 3, "colour": "red", "loud": True, "share": "5", "words": ""}


class TeaForm(SectionedForm, forms.Form):
    sections = (
        SettingsGroup("Tea", "How it is made.", ("size",), ("colour", "loud", "share", "words")),
        SettingsGroup("Cake", "None.", (), ()),
    )
    size = forms.IntegerField(min_value=1, max_value=9)
    colour = forms.ChoiceField(choices=[("red", "As a rose"), ("blue", "As the sky")])
    loud = forms.BooleanField(required=False)
    share = PercentField(min_value=0.0, max_value=0.5)
    words = forms.CharField(required=False)

    def __init__(self, data: dict[str, Any] | None = None, **initial: Any) -> None:
        super().__init__(data, initial=DEFAULTS | initial)
        self.carry_initial()

    def usual_values(self) -> dict[str, Any]:
        return DEFAULTS


def sent(**changes: Any) -> dict[str, Any]:
    """What a browser sends of a page that showed the defaults, with these typed over."""
    shown = {"size": "3", "colour": "red", "loud": "True", "share": "5", "words": ""}
    data = {f"initial-{name}": value for name, value in shown.items()}
    return data | shown | {"loud": "on"} | changes


def groups_of(form: TeaForm) -> Any:
    return next(iter(form.groups()))


@given(st.integers(0, 1000))
def test_a_share_is_read_as_it_is_shown(per_mille: int) -> None:
    share = per_mille / 1000
    assert PercentField().clean(as_percent(share)) == pytest.approx(share, abs=1e-12)


@pytest.mark.parametrize(("typed", "share"), [("99.9", 0.999), ("0.1", 0.001), ("50", 0.5)])
def test_a_share_is_the_number_that_was_meant(typed: str, share: float) -> None:
    assert PercentField().clean(typed) == share


@pytest.mark.parametrize("typed", ["50.1", "-1", "nan", "inf", "1e400", "five"])
def test_a_share_beyond_its_limits_is_refused(typed: str) -> None:
    with pytest.raises(forms.ValidationError):
        PercentField(min_value=0.0, max_value=0.5).clean(typed)


def test_the_browser_is_told_the_limits_in_per_cent() -> None:
    attributes = PercentField(min_value=0.5, max_value=0.999).widget.attrs
    assert (attributes["min"], attributes["max"], attributes["step"]) == ("50", "99.9", "any")


def test_an_untouched_form_marks_nothing() -> None:
    for form in (TeaForm(), TeaForm(sent())):
        group = groups_of(form)
        shown = [*group.fields, *group.more]
        assert [(field.was, field.usual) for field in shown] == [("", "")] * 5
        assert (group.unsaved, group.unusual) == ([], [])


def test_what_is_saved_and_unusual_is_marked_with_its_default() -> None:
    group = groups_of(TeaForm(colour="blue", loud=False, words="milk"))
    said = {field.bound.name: (field.now, field.usual) for field in group.unusual}
    assert said == {
        "colour": ("“As the sky”", "“As a rose”"),
        "loud": ("off", "on"),
        "words": ("milk", "empty"),
    }
    assert group.unsaved == []


def test_what_is_typed_over_is_marked_with_what_is_saved() -> None:
    form = TeaForm(sent(size="4", colour="blue"))
    group = groups_of(form)
    assert [(field.bound.name, field.was, field.now) for field in group.unsaved] == [
        ("colour", "“As a rose”", "“As the sky”")
    ]
    assert group.fields[0].was == "3"
    assert group.unusual == [], "it is told once, as not saved"


def test_a_box_that_was_unticked_is_not_saved_yet() -> None:
    data = sent()
    del data["loud"]
    [loud] = groups_of(TeaForm(data)).unsaved
    assert (loud.bound.name, loud.was, loud.now) == ("loud", "on", "off")


def test_a_refused_field_leaves_its_fold_and_the_others_stay() -> None:
    form = TeaForm(sent(share="80"))
    assert not form.is_valid()
    group = groups_of(form)
    assert [field.bound.name for field in group.fields] == ["size", "share"]
    assert [field.bound.name for field in group.more] == ["colour", "loud", "words"]


def test_a_disabled_field_that_is_unusual_is_marked_all_the_same() -> None:
    form = TeaForm(colour="blue")
    form.fields["colour"].disabled = True
    assert [field.bound.name for field in groups_of(form).unusual] == ["colour"]


def test_only_what_this_person_changed_is_saved() -> None:
    """Somebody else has set the size to 7 since this page was opened."""
    form = TeaForm(sent(words="milk"), size=7)
    assert form.is_valid()
    assert form.changed_fields() == {"words": "milk"}


def test_values_are_typed_over_what_was_sent() -> None:
    data = QueryDict("size=4&loud=on&words=milk")
    over = refilled(data, {"size": 5, "loud": False, "words": None, "share": "5"})
    assert over.dict() == {"size": "5", "words": "", "share": "5"} | {"size": 5}
    assert data.dict() == {"size": "4", "loud": "on", "words": "milk"}, "the request stays"
    assert refilled(QueryDict(""), {"loud": True}).dict() == {"loud": "on"}


def test_a_field_goes_back_to_its_default_and_an_unknown_one_to_nothing() -> None:
    assert set_back(TeaForm(), "colour") == {"colour": "red"}
    assert set_back(TeaForm(), "milk") == set_back(TeaForm(), "") == {}


def test_a_group_without_fields_is_empty() -> None:
    _, cake = TeaForm().groups()
    assert (cake.fields, cake.more, cake.unsaved, cake.unusual) == ([], [], [], [])


def test_a_form_without_defaults_says_so() -> None:
    class Bare(SectionedForm, forms.Form):
        pass

    with pytest.raises(NotImplementedError):
        Bare().usual_values()
