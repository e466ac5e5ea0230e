"""Which comparison a labeler gets, and that nobody gets one twice or too many get one."""

from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from labeling.models import Assignment, Comparison, Membership
from labeling.queue import leases, outlook, priorities
from labeling.queue.handout import current_or_next
from labeling.queue.leases import expire_leases
from tests.factories import (
    claim,
    claim_and_judge,
    judge,
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
    make_user,
    run_out,
    submit,
)

pytestmark = pytest.mark.django_db


def test_a_claim_takes_the_highest_priority_first() -> None:
    project = make_project(random_share=0.0)
    low, high = (make_comparison(project, priority=value) for value in (0.1, 0.9))
    ann = make_member(project)
    first = claim(ann, project)
    assert first.comparison_id == high.pk
    assert claim(ann, project, on_screen=first).comparison_id == low.pk


def test_nothing_is_handed_out_twice_to_one_labeler() -> None:
    project = make_project(overlap=5)
    make_comparisons(project, 3)
    ann = make_member(project)
    claimed = [claim_and_judge(ann, project).assignment.comparison_id for _ in range(3)]
    assert len(set(claimed)) == 3
    assert claim(ann, project) is None


def test_no_more_labelers_get_a_comparison_than_its_overlap() -> None:
    project = make_project(overlap=2)
    make_comparison(project)
    labelers = [make_member(project) for _ in range(3)]
    claims = [claim(labeler, project) for labeler in labelers]
    assert [claim is not None for claim in claims] == [True, True, False]


def test_what_was_begun_is_finished_before_something_new_starts() -> None:
    project = make_project(overlap=2, random_share=0.0)
    begun = make_comparison(project, priority=0.1)
    ann, bob = make_member(project), make_member(project)
    claim_and_judge(ann, project)
    make_comparison(project, priority=0.9)
    assert claim(bob, project).comparison_id == begun.pk


def test_a_reload_shows_the_comparison_one_holds() -> None:
    project = make_project()
    make_comparisons(project, 5)
    ann = make_member(project)
    first = current_or_next(ann, project)
    assert current_or_next(ann, project) == first


def test_both_sides_come_first_about_equally_often() -> None:
    project = make_project()
    make_comparisons(project, 60)
    ann = make_member(project)
    orders = [claim_and_judge(ann, project).assignment.order for _ in range(60)]
    sides = Counter(order[0] < order[1] for order in orders)
    assert min(sides.values()) >= 12  # fails by chance once in a million


def test_the_set_share_of_fresh_hand_outs_is_random_and_marked() -> None:
    project = make_project(random_share=0.5)
    for number in range(100):
        make_comparison(project, priority=number / 100)
    ann = make_member(project)
    held = claim(ann, project)
    for _ in range(39):
        _, held = submit(held, "left")
    active = Comparison.objects.filter(project=project, arm="active")
    chance = Comparison.objects.filter(project=project, arm="random")
    assert active.count() + chance.count() == 40
    assert 7 <= chance.count() <= 33
    assert min(active.values_list("priority", flat=True)) > 0.4
    assert min(chance.values_list("priority", flat=True)) < 0.6


def test_an_expired_lease_goes_to_someone_else() -> None:
    project = make_project(overlap=1)
    make_comparison(project)
    ann, bob = make_member(project), make_member(project)
    held = claim(ann, project)
    assert claim(bob, project) is None
    run_out(held)
    assert claim(bob, project).comparison_id == held.comparison_id


@pytest.mark.parametrize("step", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_clock_that_is_set_costs_a_lease_at_most_and_no_answer(step: timedelta) -> None:
    project = make_project(overlap=1)
    make_comparison(project)
    gone, other = make_member(project), make_member(project)
    held = claim(gone, project)
    assert held is not None
    then = timezone.now() + step
    leases.bring_leases_near(then)
    leases.expire_leases(then + timedelta(seconds=project.lease_seconds + 1))
    assert claim(other, project) is not None
    assert judge(held, "left").judgment.pk, "a late answer is kept"


def test_an_expired_lease_can_be_taken_up_again_by_the_same_labeler_at_the_same_address() -> None:
    project = make_project(overlap=1)
    make_comparison(project)
    ann = make_member(project)
    held = claim(ann, project)
    run_out(held)
    assert expire_leases() == 1
    assert claim(ann, project).uuid == held.uuid
    assert Assignment.objects.count() == 1


def test_expiring_twice_gives_one_slot_back() -> None:
    project = make_project(overlap=2)
    comparison = make_comparison(project)
    run_out(claim(make_member(project), project))
    assert (expire_leases(), expire_leases()) == (1, 0)
    comparison.refresh_from_db()
    assert comparison.slots_left == 2


def test_a_heartbeat_keeps_the_lease_and_takes_up_an_expired_one_whose_slot_is_free() -> None:
    project = make_project(overlap=1)
    make_comparison(project)
    ann, bob = make_member(project), make_member(project)
    held = claim(ann, project)
    run_out(held)
    expire_leases()
    assert leases.renew_lease(held.uuid, ann.pk)
    assert claim(bob, project) is None


def test_a_heartbeat_after_someone_else_took_the_comparison_says_so() -> None:
    project = make_project(overlap=1)
    make_comparison(project)
    ann, bob = make_member(project), make_member(project)
    held = claim(ann, project)
    run_out(held)
    assert claim(bob, project) is not None
    assert not leases.renew_lease(held.uuid, ann.pk)


def test_nobody_can_touch_another_labelers_lease() -> None:
    project = make_project(overlap=1)
    make_comparison(project)
    ann, bob = make_member(project), make_member(project)
    held = claim(ann, project)
    assert not leases.renew_lease(held.uuid, bob.pk)
    assert not leases.release_lease(held.uuid, bob.pk)


def test_a_released_comparison_is_free_for_others_at_once() -> None:
    project = make_project(overlap=1)
    make_comparison(project)
    ann, bob = make_member(project), make_member(project)
    held = claim(ann, project)
    assert leases.release_lease(held.uuid, ann.pk)
    assert claim(bob, project).comparison_id == held.comparison_id


def test_the_cursor_passes_over_what_one_has_judged_but_misses_nothing() -> None:
    """Ann judges 20 comparisons that wait for a second judgment; what is made after that is hers,
    although the line before it is long and Bob is at its beginning."""
    project = make_project(overlap=2, random_share=0.0)
    make_comparisons(project, 20)
    ann, bob = make_member(project), make_member(project)
    for _ in range(20):
        claim_and_judge(ann, project)
    assert claim(ann, project) is None
    late = make_comparison(project)
    judge(claim(bob, project), "left")
    assert claim(ann, project).comparison_id == late.pk


def test_priorities_reorder_the_fresh_line() -> None:
    project = make_project(random_share=0.0)
    first, second = (make_comparison(project, priority=value) for value in (0.9, 0.1))
    priorities.set_priorities({first.pk: 0.2, second.pk: 0.8})
    assert claim(make_member(project), project).comparison_id == second.pk


def test_a_paused_member_and_an_outsider_get_nothing() -> None:
    project = make_project()
    make_comparison(project)
    ann = make_member(project)
    Membership.objects.update(is_paused=True)
    assert current_or_next(ann, project) is None
    assert outlook.why_nothing(ann, project).reason == "member_paused"
    assert current_or_next(make_user(), project) is None


@pytest.mark.parametrize("reason", ["paused", "empty", "waiting_for_others", "all_done"])
def test_an_empty_hand_out_says_why(reason: str) -> None:
    project = make_project(is_paused=reason == "paused")
    ann, bob = make_member(project), make_member(project)
    if reason in ("waiting_for_others", "all_done"):
        make_comparison(project)
        claimed = claim(bob, project)
        if reason == "all_done":
            judge(claimed, "left")
    assert current_or_next(ann, project) is None
    assert outlook.why_nothing(ann, project).reason == reason
