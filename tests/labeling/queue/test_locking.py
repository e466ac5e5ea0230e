"""What is read with a locked assignment, by SQL written by hand, is what the models say."""

from uuid import UUID

import pytest
from django.db import transaction
from django.db.models import Model

from labeling.models import Membership, Project, User
from labeling.queue.locking import Locked, lock_assignment
from tests.factories import (
    claim,
    claim_and_judge,
    judge,
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
    make_user,
)
from tests.labeling.quality.test_gold import make_gold

pytestmark = pytest.mark.django_db


def locked_for(labeler: User, project: Project, on_screen: UUID | None = None) -> Locked:
    held = claim(labeler, project)
    assert held is not None
    with transaction.atomic():
        locked = lock_assignment(held.uuid, labeler.pk, on_screen)
    assert locked is not None
    return locked


def columns_of(row: Model) -> dict[str, object]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_every_column_is_as_the_orm_reads_it() -> None:
    project = make_project()
    make_comparison(project)
    locked = locked_for(make_member(project), project)
    assignment, comparison = locked.assignment, locked.assignment.comparison
    rows = [assignment, comparison, comparison.prompt, assignment.project, assignment.labeler]
    for row in [*rows, locked.membership]:
        assert row is not None
        stored = columns_of(type(row)._default_manager.get(pk=row.pk))
        assert columns_of(row) == stored
        assert {name: type(value) for name, value in columns_of(row).items()} == {
            name: type(value) for name, value in stored.items()
        }


def test_what_others_do_with_the_same_comparison_is_known() -> None:
    project = make_project(overlap=3)
    make_comparison(project)
    alone = locked_for(make_member(project), project)
    assert (alone.others_judged, alone.held_by_others) == (False, 0)
    claim_and_judge(make_member(project), project)
    together = locked_for(make_member(project), project)
    assert (together.others_judged, together.held_by_others) == (True, 1)


def test_what_the_labeler_holds_besides_is_known_but_for_what_is_on_screen() -> None:
    project = make_project()
    make_comparisons(project, 3)
    ann = make_member(project)
    first = claim(ann, project)
    second = claim(ann, project, on_screen=first)
    assert first is not None and second is not None
    assert locked_for(ann, project).other_lease_id == second.pk
    assert locked_for(ann, project, on_screen=second.uuid).other_lease_id is None


def test_the_judgment_that_an_answer_supersedes_and_the_answer_to_gold_are_known() -> None:
    project = make_project(qualification_items=2)
    made = make_gold(project, 2)
    ann = make_member(project)
    locked = locked_for(ann, project)
    expected = {gold.comparison_id: gold.expected for gold in made}
    assert locked.expected == expected[locked.assignment.comparison_id]
    assert locked.last_judgment_id is None
    judgment = judge(locked.assignment, "left").judgment
    with transaction.atomic():
        again = lock_assignment(locked.assignment.uuid, ann.pk)
    assert again is not None and again.last_judgment_id == judgment.pk


@pytest.mark.parametrize("is_superuser", [True, False])
def test_who_is_no_member_any_more_may_do_nothing_unless_a_superuser(is_superuser: bool) -> None:
    project = make_project()
    make_comparison(project)
    user = make_user(is_superuser=is_superuser)
    Membership.objects.create(project=project, user=user)
    before = locked_for(user, project)
    assert (before.is_member, before.is_active, before.is_excluded) == (True, True, False)
    Membership.objects.all().delete()
    with transaction.atomic():
        after = lock_assignment(before.assignment.uuid, user.pk)
    assert after is not None
    assert (after.is_member, after.is_active) == (is_superuser, is_superuser)
    assert after.reliability == 1.0
