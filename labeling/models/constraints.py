"""Small builders for the named constraints that the tables share."""

from enum import Enum
from typing import Any

from django.db import models
from django.db.models import Q


def one_of(field: str, choices: type[Enum], name: str) -> models.CheckConstraint:
    """The column holds one of the choices, also when written past Django's forms."""
    values = [choice.value for choice in choices]
    return models.CheckConstraint(condition=Q(**{f"{field}__in": values}), name=name)


def between(field: str, low: Any, high: Any, name: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        condition=Q(**{f"{field}__gte": low}) & Q(**{f"{field}__lte": high}), name=name
    )
