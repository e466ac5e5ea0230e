"""Every declared setting, tried at its limits: in the form, in the database, in the programs."""

from typing import Any

import pytest
from django import forms
from django.db import IntegrityError, models, transaction

from labeling.models import Role
from modeling.models import LoopSettings
from modeling.pages.loop.settings_forms import as_shown, form_field
from modeling.run_data.config import RunConfig
from modeling.run_data.declared import OF_PAGES_ALONE
from modeling.run_data.sample import SampleConfig
from modeling.run_data.score import ScoreConfig
from modeling.run_data.train_policy import ALGORITHMS, TrainPolicyConfig
from modeling.run_data.train_reward import TrainRewardConfig
from modeling.settings import SETTINGS, Setting, table
from modeling.settings.choices import Improvement
from modeling.settings.declaring import LearningProgram, Who
from tests.factories import make_project

CONFIGS: dict[LearningProgram, type[RunConfig]] = {
    LearningProgram.TRAIN_REWARD: TrainRewardConfig,
    LearningProgram.TRAIN_POLICY: TrainPolicyConfig,
    LearningProgram.SAMPLE: SampleConfig,
    LearningProgram.SCORE: ScoreConfig,
}
every_setting = pytest.mark.parametrize("setting", SETTINGS.values(), ids=lambda one: one.name)
LIMITS = [
    pytest.param(setting, value, is_allowed, id=f"{setting.name}={value!r}")
    for setting in SETTINGS.values()
    for value, is_allowed in setting.limits()
]
every_limit = pytest.mark.parametrize(("setting", "value", "is_allowed"), LIMITS)


def test_the_table_has_a_column_for_each_declaration_and_no_other() -> None:
    columns = {field.name for field in LoopSettings._meta.concrete_fields} - {"project"}
    assert columns == set(SETTINGS)


@every_setting
def test_each_is_told_to_people_and_has_an_allowed_default(setting: Setting) -> None:
    assert setting.label
    assert not setting.help or setting.help.endswith(".")
    assert setting.is_allowed(setting.default)
    field = LoopSettings._meta.get_field(setting.name)
    assert isinstance(field, models.Field)
    assert field.get_default() == setting.default
    assert field.null == setting.may_be_empty


@every_limit
def test_the_declaration_knows_its_limits(setting: Setting, value: Any, is_allowed: bool) -> None:
    assert setting.is_allowed(value) == is_allowed


@every_limit
def test_the_form_has_the_same_limits(setting: Setting, value: Any, is_allowed: bool) -> None:
    typed = as_shown(setting, value)
    if isinstance(value, bool) or (value is None and isinstance(setting.default, bool | str)):
        return  # a box is ticked or not, and an empty line is a text
    field = form_field(setting)
    if is_allowed:
        assert field.clean(typed) == value
        return
    with pytest.raises(forms.ValidationError):
        field.clean(typed)


@pytest.mark.django_db
@every_limit
def test_the_database_has_the_same_limits(setting: Setting, value: Any, is_allowed: bool) -> None:
    rows = LoopSettings.objects.filter(project=make_project())
    if is_allowed:
        assert rows.update(**{setting.name: value}) == 1
        return
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(**{setting.name: value})


@every_limit
def test_the_programs_have_the_same_limits(setting: Setting, value: Any, is_allowed: bool) -> None:
    for program in setting.programs:
        key = setting.key or setting.name
        if key in OF_PAGES_ALONE:
            continue
        if getattr(setting, "zero_is_none", False) and not value:
            is_allowed = value is None
        assert CONFIGS[program].limits[key](value) == is_allowed


def test_who_may_change_a_setting_is_said_in_the_words_of_roles() -> None:
    assert {who.value for who in Who} <= set(Role.values)
    assert {setting.who for setting in SETTINGS.values()} == set(Who)


@every_setting
def test_the_docs_say_who_may_change_it(setting: Setting) -> None:
    row = next(line for line in table.tables().splitlines() if f"| `{setting.name}` |" in line)
    assert row.split(" | ")[4] == setting.who.in_words


def test_a_policy_is_improved_by_each_way_that_can_be_set() -> None:
    assert set(ALGORITHMS) == {way.value for way in Improvement} - {"off"}


def test_the_docs_have_them_all() -> None:
    written = table.PAGE.read_text(encoding="utf-8")
    assert written.endswith(table.tables()), "run python -m modeling.settings.table"
