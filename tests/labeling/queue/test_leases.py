"""Leases: how long a comparison is somebody's, and what becomes of its slot."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from labeling.database.transactions import Conflict
from labeling.models import Assignment, Comparison, Gold, Membership, Project, User
from labeling.queue import leases
from labeling.queue.leases import GRACE, bring_leases_near, expire_leases, let_go, renew_lease
from tests.factories import (
    claim,
    judge,
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
    make_user,
    release_all,
    run_out,
)

pytestmark = pytest.mark.django_db

State = Assignment.State


@pytest.fixture
def project() -> Project:
    return make_project(random_share=0.0, gold_share=0.0)


@pytest.fixture
def ann(project: Project) -> User:
    return make_member(project)


def hold(labeler: User, project: Project) -> Assignment:
    held = claim(labeler, project)
    assert held is not None, "there was nothing to compare"
    return held


def end_of(assignment: Assignment) -> datetime:
    return Assignment.objects.get(pk=assignment.pk).expires_at


def state_of(assignment: Assignment) -> str:
    return Assignment.objects.get(pk=assignment.pk).state


def slots_of(assignment: Assignment) -> int:
    return Comparison.objects.get(pk=assignment.comparison_id).slots_left


def hold_gold(labeler: User, project: Project) -> Assignment:
    """A check: gold of a comparison that is nobody's work."""
    Project.objects.filter(pk=project.pk).update(gold_share=0.5, qualification_items=1)
    project.refresh_from_db()
    comparison = make_comparison(project)
    Comparison.objects.filter(pk=comparison.pk).update(state="check", slots_left=0, wanted=0)
    first, second = comparison.responses.values_list("pk", flat=True)
    gold = Gold.objects.create(
        project=project, comparison=comparison, expected=[[first], [second]], origin="own"
    )
    release_all(project, [gold])
    return hold(labeler, project)


def test_a_closed_page_keeps_its_comparison_for_a_moment_and_no_longer(
    project: Project, ann: User
) -> None:
    make_comparison(project)
    held = hold(ann, project)
    assert let_go([held.uuid], ann.pk) == 1
    left = end_of(held) - timezone.now()
    assert timedelta(0) < left <= GRACE
    assert state_of(held) == State.LEASED


def test_closing_a_page_twice_keeps_the_comparison_no_longer(project: Project, ann: User) -> None:
    make_comparison(project)
    held = hold(ann, project)
    let_go([held.uuid], ann.pk)
    end = end_of(held)
    assert let_go([held.uuid], ann.pk, timedelta(minutes=5)) == 0
    assert end_of(held) == end


def test_nobody_lets_go_of_what_another_holds_or_has_answered(project: Project, ann: User) -> None:
    make_comparisons(project, 2)
    bob = make_member(project)
    held, answered = hold(ann, project), hold(bob, project)
    judge(answered, "left")
    assert let_go([held.uuid], bob.pk) == 0
    assert let_go([answered.uuid, uuid4()], bob.pk) == 0
    assert let_go([], ann.pk) == 0


def test_only_leases_longer_than_one_given_now_are_brought_near(
    project: Project, ann: User
) -> None:
    make_comparisons(project, 2)
    usual, long = hold(ann, project), hold(make_member(project), project)
    far = timezone.now() + timedelta(days=30)
    Assignment.objects.filter(pk=long.pk).update(expires_at=far)
    end = end_of(usual)
    assert bring_leases_near() == 1
    assert end_of(usual) == end
    assert end_of(long) <= timezone.now() + timedelta(seconds=project.lease_seconds)


def test_every_projects_leases_go_by_its_own_time(project: Project, ann: User) -> None:
    short = make_project(lease_seconds=10, random_share=0.0, gold_share=0.0)
    for place in (project, short):
        make_comparison(place)
    hold(ann, project)
    Membership.objects.create(project=short, user=ann)
    hurried = hold(ann, short)
    Assignment.objects.filter(pk=hurried.pk).update(
        expires_at=timezone.now() + timedelta(seconds=300)
    )
    assert bring_leases_near() == 1
    assert end_of(hurried) <= timezone.now() + timedelta(seconds=10)


def test_a_lease_ends_after_its_last_moment_and_not_in_it(project: Project, ann: User) -> None:
    make_comparison(project)
    held = hold(ann, project)
    assert expire_leases(held.expires_at) == 0
    assert expire_leases(held.expires_at + timedelta(microseconds=1)) == 1
    assert (state_of(held), slots_of(held)) == (State.EXPIRED, 1)


def test_leases_of_another_project_do_not_end_with_this_ones(project: Project, ann: User) -> None:
    other = make_project(random_share=0.0, gold_share=0.0)
    make_comparison(other)
    held = run_out(hold(make_member(other), other))
    assert expire_leases(project=project) == 0
    assert expire_leases(project=other) == 1
    assert state_of(held) == State.EXPIRED


def test_many_leases_end_a_batch_at_a_time(
    project: Project, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "EXPIRY_BATCH", 2)
    make_comparisons(project, 3)
    for _ in range(3):
        run_out(hold(make_member(project), project))
    assert [expire_leases(), expire_leases(), expire_leases()] == [2, 1, 0]


def test_a_check_that_runs_out_or_is_given_back_takes_and_frees_no_slot(
    project: Project, ann: User
) -> None:
    held = hold_gold(ann, project)
    run_out(held)
    assert expire_leases() == 1
    assert renew_lease(held.uuid, ann.pk), "it is theirs again without a slot"
    assert leases.release_lease(held.uuid, ann.pk)
    assert slots_of(held) == 0
    assert Comparison.objects.get(pk=held.comparison_id).state == "check"


@pytest.mark.parametrize(
    "stop",
    [
        lambda member: Membership.objects.filter(user=member).update(is_paused=True),
        lambda member: Membership.objects.filter(user=member).delete(),
    ],
    ids=["paused", "removed"],
)
def test_a_page_left_open_keeps_nothing_from_others_once_its_labeler_is_stopped(
    stop: Callable[[User], object], project: Project, ann: User
) -> None:
    make_comparison(project)
    held = hold(ann, project)
    end = end_of(held)
    stop(ann)
    assert not renew_lease(held.uuid, ann.pk)
    assert end_of(held) == end


def test_a_superuser_without_a_membership_keeps_what_they_read(project: Project) -> None:
    make_comparison(project)
    root = make_user(is_superuser=True)
    held = hold(root, project)
    run_out(held)
    assert renew_lease(held.uuid, root.pk)
    assert end_of(held) > timezone.now()


def test_a_heartbeat_does_not_change_which_comparison_was_handed_out_first(
    project: Project, ann: User
) -> None:
    make_comparisons(project, 2)
    first = hold(ann, project)
    second = claim(ann, project, on_screen=first)
    assert second is not None
    assert renew_lease(first.uuid, ann.pk)
    assert list(leases.leases_of(ann.pk, project.pk)) == [first, second]
    assert list(leases.leases_of(ann.pk, project.pk, first.uuid)) == [second]


def test_a_heartbeat_of_an_answered_comparison_leases_nothing(project: Project, ann: User) -> None:
    make_comparison(project)
    held = hold(ann, project)
    judge(held, "left")
    assert not renew_lease(held.uuid, ann.pk)
    assert not renew_lease(uuid4(), ann.pk)
    assert state_of(held) == State.JUDGED


def test_a_row_that_changed_since_it_was_read_is_a_conflict(project: Project, ann: User) -> None:
    make_comparison(project)
    held = hold(ann, project)
    Assignment.objects.filter(pk=held.pk).update(state=State.EXPIRED)
    with pytest.raises(Conflict, match="in another window at the same moment"):
        leases.change_assignment(held, state=State.JUDGED)
    assert (held.state, state_of(held)) == (State.LEASED, State.EXPIRED)


def test_what_somebody_holds_or_has_answered_is_not_leased_anew(
    project: Project, ann: User
) -> None:
    make_comparison(project)
    held = hold(ann, project)
    again = Assignment(
        project=project, comparison_id=held.comparison_id, labeler=ann, order=held.order[::-1],
        leased_at=timezone.now(), expires_at=timezone.now(), queue_cursor=timezone.now(),
    )  # fmt: skip
    assert not leases.write_lease(again)
    judge(held, "left")
    assert not leases.write_lease(again)
    leases_of_it = Assignment.objects.filter(comparison=held.comparison_id)
    assert [row.state for row in leases_of_it] == [State.JUDGED]


def test_a_free_slot_is_taken_once(project: Project) -> None:
    comparison = make_comparison(project, wanted=1)
    assert leases.take_slot(comparison.pk)
    assert not leases.take_slot(comparison.pk)
    comparison.refresh_from_db()
    assert comparison.slots_left == 0
