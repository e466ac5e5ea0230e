"""The audit log takes every entry: none undoes the change that it records."""

import pytest

from labeling.models import AuditEntry
from labeling.people.audit import REASON_LENGTH, write_entry
from tests.factories import make_project

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("length", [0, REASON_LENGTH - 1, REASON_LENGTH])
def test_a_reason_that_fits_is_kept_as_it_is(length: int) -> None:
    project = make_project()
    write_entry(project, None, "policy rejected", project, "w" * length)
    assert AuditEntry.objects.get().reason == "w" * length


def test_a_longer_reason_is_cut_and_shows_it() -> None:
    project = make_project()
    write_entry(project, None, "policy rejected", project, "w" * (REASON_LENGTH + 1))
    reason = AuditEntry.objects.get().reason
    assert reason == "w" * (REASON_LENGTH - 1) + "…"
