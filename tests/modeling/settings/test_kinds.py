"""The kinds of settings: their words, their limits, and what programs get of them."""

from typing import Any

import pytest

from modeling.settings import SECTIONS, SETTINGS, Section, Setting, declared
from modeling.settings.choices import Selection, SettingChoice
from modeling.settings.declaring import (
    LearningProgram,
    Number,
    OneOf,
    ShortText,
    Who,
    WholeNumber,
    YesNo,
)
from modeling.settings.for_programs import settings_of


def whole(**fields: Any) -> WholeNumber:
    return WholeNumber(**_common({"default": 3, "low": 1, "high": 1000} | fields))


def number(**fields: Any) -> Number:
    return Number(**_common({"default": 0.5, "low": 0.0, "high": 1.0} | fields))


def _common(fields: dict[str, Any]) -> dict[str, Any]:
    return {"name": "x", "section": Section.TRAINING, "label": "X"} | fields


@pytest.mark.parametrize(
    ("setting", "words", "stored"),
    [
        (whole(), "a whole number from 1 to 1,000", None),
        (whole(may_be_empty=True), "a whole number from 1 to 1,000, or empty", None),
        (
            number(high=0.49, as_percent=True),
            "a number from 0 % to 49 %",
            "a number from 0 to 0.49",
        ),
        (number(low=1e-8, may_be_empty=True), "a number from 1e-08 to 1, or empty", None),
        (YesNo(**_common({"default": True})), "on or off", None),
        (ShortText(**_common({"default": "", "longest": 3000})), "at most 3,000 characters", None),
        (
            OneOf(**_common({"default": "random", "choices": Selection})),
            "one of “uncertainty”, “disagreement”, “thompson”, “max_min”, “random”",
            None,
        ),
    ],
)
def test_a_kind_says_what_it_allows(setting: Setting, words: str, stored: str | None) -> None:
    assert setting.allowed == words
    assert setting.allowed_as_stored == (stored or words)


@pytest.mark.parametrize("value", [True, False, 3.0, "3", None, [], 0, 1001])
def test_a_whole_number_is_no_switch_no_fraction_and_no_text(value: Any) -> None:
    assert not whole().is_allowed(value)


@pytest.mark.parametrize("value", [True, "0.5", None, -1e-9, 1 + 1e-9, float("nan")])
def test_a_number_is_within_its_limits_and_finite(value: Any) -> None:
    assert not number().is_allowed(value)


@pytest.mark.parametrize("value", [0, 1, 0.0, 1.0])
def test_a_number_may_be_written_without_a_point(value: float) -> None:
    assert number().is_allowed(value)


def test_nothing_is_allowed_where_a_setting_may_be_empty() -> None:
    assert whole(may_be_empty=True).is_allowed(None)
    assert not whole(may_be_empty=True).is_allowed("")


def test_programs_get_null_where_people_set_zero_for_none() -> None:
    budget = number(zero_is_none=True)
    assert budget.is_allowed(0.0) and not budget.is_allowed(None)
    assert budget.is_allowed_in_program(None) and not budget.is_allowed_in_program(0.0)
    assert budget.is_allowed_in_program(0.5) and not budget.is_allowed_in_program(2.0)


def test_a_text_is_counted_in_characters_and_may_be_empty() -> None:
    text = ShortText(**_common({"default": "", "longest": 3}))
    assert text.is_allowed("") and text.is_allowed("äß€") and text.is_allowed("👩🏽‍🚀"[:3])
    assert not text.is_allowed("abcd") and not text.is_allowed(None) and not text.is_allowed(5)


def test_a_word_is_taken_as_it_is_written() -> None:
    choice = OneOf(**_common({"default": "random", "choices": Selection}))
    assert choice.is_allowed("random") and choice.is_allowed(Selection.RANDOM)
    assert not choice.is_allowed("Random") and not choice.is_allowed("random ")
    assert not choice.is_allowed(["random"])


def test_a_kind_without_a_rule_is_not_forgotten() -> None:
    bare = Setting(**_common({"default": None}))
    with pytest.raises(NotImplementedError):
        bare.is_allowed(1)
    with pytest.raises(NotImplementedError):
        _ = bare.allowed
    assert list(bare.limits()) == [(None, True)]


@pytest.mark.parametrize("kind", SettingChoice.__subclasses__(), ids=lambda one: one.__name__)
def test_every_choice_has_a_word_for_rows_and_a_label_for_people(
    kind: type[SettingChoice],
) -> None:
    pairs = kind.pairs()
    assert len({value for value, _ in pairs}) == len({label for _, label in pairs}) == len(pairs)
    for value, label in pairs:
        assert value.isascii() and value == value.lower() and label[:1].strip()
        assert kind(value).label == label


def test_every_setting_stands_in_the_section_that_it_names() -> None:
    for section, settings in SECTIONS.items():
        assert {setting.section for setting in settings} == {section}
        assert [setting for setting in settings if setting.is_first], "a section begins with a few"
    assert sum(map(len, SECTIONS.values())) == len(SETTINGS), "no name is declared twice"


def test_no_two_labels_are_alike_within_a_section() -> None:
    for settings in SECTIONS.values():
        assert len({setting.label for setting in settings}) == len(settings)


@pytest.mark.parametrize("program", LearningProgram)
def test_a_program_reads_no_two_settings_by_one_key(program: LearningProgram) -> None:
    readers = [setting for setting in SETTINGS.values() if program in setting.programs]
    assert len(settings_of(program)) == len(readers)
    assert all(key == (one.key or one.name) for key, one in settings_of(program).items())


def test_a_declaration_is_asked_for_by_its_kind() -> None:
    assert declared("best_of", WholeNumber).high == 256
    with pytest.raises(AssertionError, match="best_of is declared as another kind"):
        declared("best_of", Number)
    with pytest.raises(KeyError):
        declared("best_off", WholeNumber)


def test_admins_are_named_with_those_who_may_do_less() -> None:
    assert (Who.ADMIN.in_words, Who.CURATOR.in_words) == ("admins", "curators and admins")
