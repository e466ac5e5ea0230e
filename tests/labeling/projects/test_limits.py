"""Each limit of a project's settings holds in the form and in the database."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from labeling.models import Project
from labeling.models.project_limits import LIMITS
from labeling.pages.projects.forms import SHARES, SettingsForm
from tests.factories import make_project

pytestmark = pytest.mark.django_db

AT_AND_BEYOND = [
    (name, value, is_allowed)
    for name, (low, high) in LIMITS.items()
    for step in [0.001 if isinstance(high, float) else 1]
    for value, is_allowed in [(low, True), (high, True), (high + step, False), (low - step, False)]
]
each = pytest.mark.parametrize(("name", "value", "is_allowed"), AT_AND_BEYOND)


@each
def test_the_form_takes_what_is_allowed_alone(name: str, value: Any, is_allowed: bool) -> None:
    project = make_project()
    shown = SettingsForm(instance=project)
    data = {field.html_name: field.value() for field in shown}
    typed = f"{100 * value:.6g}" if name in SHARES else value
    form = SettingsForm(data | {name: typed}, instance=project)
    assert list(form.errors) == ([] if is_allowed else [name])
    assert not is_allowed or form.cleaned_data[name] == pytest.approx(value)


@each
def test_the_database_takes_what_is_allowed_alone(name: str, value: Any, is_allowed: bool) -> None:
    rows = Project.objects.filter(pk=make_project().pk)
    if is_allowed:
        assert rows.update(**{name: value}) == 1
        return
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(**{name: value})


def test_every_number_of_a_project_has_limits() -> None:
    numbers = ("IntegerField", "PositiveIntegerField", "PositiveSmallIntegerField", "FloatField")
    fields = Project._meta.concrete_fields
    assert {field.name for field in fields if field.get_internal_type() in numbers} == set(LIMITS)
