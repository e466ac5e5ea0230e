"""Columns and constraints made from the declarations of modeling/settings: a limit is not written
here."""

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from labeling.models import constraints
from modeling.settings import SETTINGS, Setting, declared
from modeling.settings.declaring import Number, OneOf, ShortText, WholeNumber


def whole(name: str) -> "models.IntegerField[Any, int]":
    return models.IntegerField(**_limited(declared(name, WholeNumber)))


def whole_or_empty(name: str) -> "models.IntegerField[Any, int | None]":
    return models.IntegerField(null=True, blank=True, **_limited(declared(name, WholeNumber)))


def number(name: str) -> "models.FloatField[Any, float]":
    return models.FloatField(**_limited(declared(name, Number)))


def number_or_empty(name: str) -> "models.FloatField[Any, float | None]":
    return models.FloatField(null=True, blank=True, **_limited(declared(name, Number)))


def yes_no(name: str) -> "models.BooleanField[Any, bool]":
    return models.BooleanField(default=SETTINGS[name].default)


def one_of(name: str) -> "models.CharField[Any, str]":
    setting = declared(name, OneOf)
    longest = max(len(choice.value) for choice in setting.choices)
    return models.CharField(
        max_length=longest, choices=setting.choices.pairs(), default=setting.default
    )


def text(name: str) -> "models.CharField[Any, str]":
    setting = declared(name, ShortText)
    return models.CharField(max_length=setting.longest, blank=True, default=setting.default)


def constraint_of(setting: Setting) -> models.CheckConstraint | None:
    """Makes the constraint by which the database refuses a value that passed no form."""
    name = f"loop_settings_{setting.name}_allowed"
    if isinstance(setting, OneOf):
        return constraints.one_of(setting.name, setting.choices, name)
    if isinstance(setting, WholeNumber | Number):
        return constraints.between(setting.name, setting.low, setting.high, name)
    return None


def all_constraints() -> list[models.BaseConstraint]:
    made = (constraint_of(setting) for setting in SETTINGS.values())
    return [constraint for constraint in made if constraint is not None]


def _limited(setting: WholeNumber | Number) -> dict[str, Any]:
    validators = [MinValueValidator(setting.low), MaxValueValidator(setting.high)]
    return {"default": setting.default, "validators": validators}
