"""What a comparison still asks for, after whatever happens that is no plain click."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from labeling.models import Assignment, Comparison, Judgment, Membership, Preference, Project, User
from labeling.preferences.resettling import Resettled, resettle, resettle_pending
from labeling.preferences.settling import counted_judgments, unsettle
from labeling.preferences.slots import TakenSlots, held_by_people, refill, taken_slots
from tests.factories import (
    claim,
    claim_and_judge,
    judge,
    judge_for,
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project(overlap=3, random_share=0.0, gold_share=0.0)


def as_stored(comparison: Comparison) -> Comparison:
    return Comparison.objects.select_related("prompt").get(pk=comparison.pk)


def take_out(*labelers: User) -> None:
    """As if these people's judgments were out of training, and nothing had followed yet."""
    Judgment.objects.filter(labeler__in=labelers).update(excluded_at=timezone.now())


def judged_by(project: Project, count: int) -> list[User]:
    """These people judge, and all prefer the same text: a side would be now this one, now that."""
    labelers = [make_member(project) for _ in range(count)]
    for labeler in labelers:
        judge_for(labeler, project, "Good.")
    return labelers


@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 20))
def test_slots_are_what_is_wanted_and_not_taken(counted: int, held: int, wanted: int) -> None:
    taken = TakenSlots(counted, held)
    assert taken.slots(wanted) == max(0, wanted - counted - held)
    if taken.is_complete(wanted):
        assert taken.slots(wanted) == 0
    assert not TakenSlots(counted, held + 1).is_complete(wanted), "somebody is judging it"


def test_without_a_judgment_nothing_is_complete() -> None:
    assert not TakenSlots(0, 0).is_complete(0)


def test_slots_are_counted_for_many_comparisons_in_two_queries(
    project: Project, django_assert_num_queries: Sequence[object]
) -> None:
    comparisons = make_comparisons(project, 3)
    judged_by(project, 2)
    assert claim(make_member(project), project) is not None
    ids = [comparison.pk for comparison in comparisons]
    with django_assert_num_queries(2):  # type: ignore[operator]
        taken = taken_slots(project.pk, ids)
    assert taken == {
        ids[0]: TakenSlots(2, 1), ids[1]: TakenSlots(0, 0), ids[2]: TakenSlots(0, 0),
    }  # fmt: skip


def test_skips_checks_and_late_surplus_answers_take_no_slot(project: Project) -> None:
    comparison = make_comparison(project)
    skipper, late = make_member(project), make_member(project)
    claim_and_judge(skipper, project, "skip")
    claim_and_judge(late, project)
    Judgment.objects.filter(labeler=late).update(is_surplus=True)
    assert taken_slots(project.pk, [comparison.pk])[comparison.pk] == TakenSlots(0, 0)


def test_a_check_of_somebody_holds_no_slot(project: Project) -> None:
    comparison = make_comparison(project)
    assert claim(make_member(project), project) is not None
    assert held_by_people([comparison.pk])[comparison.pk] == 1
    Assignment.objects.update(purpose="gold")
    assert held_by_people([comparison.pk])[comparison.pk] == 0


def test_a_refilled_comparison_asks_for_what_is_missing_at_the_end_of_the_line(
    project: Project,
) -> None:
    comparison = make_comparison(project)
    first, _second = judged_by(project, 2)
    take_out(first)
    before = as_stored(comparison).waiting_since
    refill(as_stored(comparison))
    now = as_stored(comparison)
    assert now.slots_left == 2
    assert before is not None
    assert now.waiting_since is not None
    assert now.waiting_since > before


def test_a_comparison_in_line_already_keeps_its_place(project: Project) -> None:
    comparison = make_comparison(project)
    judged_by(project, 1)
    before = as_stored(comparison)
    refill(as_stored(comparison))
    assert as_stored(comparison).waiting_since == before.waiting_since
    assert as_stored(comparison).slots_left == before.slots_left


def test_a_slot_too_many_is_taken_away_without_a_new_place_in_line(project: Project) -> None:
    comparison = make_comparison(project)
    judged_by(project, 1)
    Comparison.objects.filter(pk=comparison.pk).update(slots_left=3)
    before = as_stored(comparison).waiting_since
    refill(as_stored(comparison))
    now = as_stored(comparison)
    assert (now.slots_left, now.waiting_since) == (2, before)


def test_what_turns_out_to_be_complete_is_settled(project: Project) -> None:
    comparison = make_comparison(project)
    judged_by(project, 2)
    Comparison.objects.filter(pk=comparison.pk).update(wanted=2, slots_left=0)
    refill(as_stored(comparison))
    assert as_stored(comparison).state == Comparison.State.FINISHED
    assert Preference.objects.get().votes_chosen == 2


@pytest.mark.parametrize("state", ["finished", "withdrawn", "check"])
def test_what_is_not_open_is_not_refilled(state: str, project: Project) -> None:
    comparison = make_comparison(project)
    Comparison.objects.filter(pk=comparison.pk).update(state=state, slots_left=0)
    refill(as_stored(comparison))
    now = as_stored(comparison)
    assert (now.state, now.slots_left) == (state, 0)


def test_a_finished_comparison_is_settled_with_what_remains(project: Project) -> None:
    comparison = make_comparison(project)
    first, *_others = judged_by(project, 3)
    take_out(first)
    assert resettle(project, [comparison.pk]) == Resettled(changed=1, turned=0, reopened=0)
    assert as_stored(comparison).state == Comparison.State.FINISHED
    assert Preference.objects.get().votes_chosen == 2


def test_with_no_judgment_left_it_goes_back_to_the_queue(project: Project) -> None:
    comparison = make_comparison(project)
    take_out(*judged_by(project, 3))
    assert resettle(project, [comparison.pk]).reopened == 1
    now = as_stored(comparison)
    assert (now.state, now.slots_left, now.finished_at) == (Comparison.State.OPEN, 3, None)
    assert Preference.objects.get().settled_at is None
    assert resettle(project, [comparison.pk]) == Resettled(), "once is enough"


def test_a_turned_preference_is_settled_anew_and_one_of_another_weight_is_not(
    project: Project,
) -> None:
    make_comparison(project)
    good, good_too, bad = (make_member(project) for _ in range(3))
    judge_for(good, project, "Good.")
    judge_for(good_too, project, "Good.")
    judge_for(bad, project, "Bad.")
    before = Preference.objects.get()
    Membership.objects.filter(user=good).update(reliability=0.5)
    assert resettle(project, [before.comparison_id]) == Resettled(1, 0, 0)
    lighter = Preference.objects.get()
    assert (lighter.settled_at, lighter.chosen_id) == (before.settled_at, before.chosen_id)
    assert lighter.weight == pytest.approx(2.5 / 3)
    Membership.objects.filter(user__in=(good, good_too)).update(reliability=0.2)
    assert resettle(project, [before.comparison_id]) == Resettled(1, 1, 0)
    turned = Preference.objects.get()
    assert turned.chosen_id == before.rejected_id
    assert turned.settled_at is not None
    assert before.settled_at is not None
    assert turned.settled_at > before.settled_at


def test_a_weight_that_changed_by_less_than_a_millionth_is_not_written(project: Project) -> None:
    comparison = make_comparison(project)
    (labeler, *_others) = judged_by(project, 3)
    Membership.objects.filter(user=labeler).update(reliability=1 - 1e-6)
    assert resettle(project, [comparison.pk]) == Resettled()


def test_what_a_file_settled_is_left_as_it_is(project: Project) -> None:
    comparison = make_comparison(project)
    Comparison.objects.filter(pk=comparison.pk).update(state="finished", slots_left=0)
    assert resettle(project, [comparison.pk]) == Resettled()
    assert as_stored(comparison).state == Comparison.State.FINISHED


def test_comparisons_of_another_project_are_not_touched(project: Project) -> None:
    comparison = make_comparison(project)
    take_out(*judged_by(project, 3))
    assert resettle(make_project(), [comparison.pk]) == Resettled()
    assert as_stored(comparison).state == Comparison.State.FINISHED


def test_results_of_several_batches_add_up(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labeling.preferences.resettling.BATCH", 1)
    comparisons = make_comparisons(project, 2)
    labelers = [make_member(project) for _ in range(3)]
    for labeler in labelers:
        for _ in comparisons:
            claim_and_judge(labeler, project)
    take_out(*labelers)
    twice = [comparison.pk for comparison in comparisons] * 2
    assert resettle(project, twice) == Resettled(reopened=2)


def test_a_member_marked_again_meanwhile_keeps_the_mark(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_comparison(project)
    labeler, *_others = judged_by(project, 3)
    members = Membership.objects.filter(user=labeler)
    members.update(resettle_since=timezone.now() - timedelta(minutes=1))
    later = timezone.now()

    def mark_again(*_: object) -> Resettled:
        members.update(resettle_since=later)
        return Resettled()

    with monkeypatch.context() as patched:
        patched.setattr("labeling.preferences.resettling.resettle", mark_again)
        resettle_pending(project)
    assert members.get().resettle_since == later
    resettle_pending(project)
    assert members.get().resettle_since is None


def test_out_of_use_means_open_again_and_kept(project: Project) -> None:
    comparison = make_comparison(project)
    judged_by(project, 3)
    unsettle(as_stored(comparison))
    preference = Preference.objects.get()
    assert preference.settled_at is None
    assert preference.votes_chosen == 3
    assert as_stored(comparison).state == Comparison.State.OPEN


def test_judgments_count_in_the_order_they_were_given_each_with_its_weight(
    project: Project,
) -> None:
    comparison = make_comparison(project)
    labelers = judged_by(project, 2)
    Membership.objects.filter(user=labelers[0]).update(reliability=0.25)
    judgments = counted_judgments(comparison)
    assert [judgment.labeler for judgment in judgments] == labelers
    assert [judgment.reliability for judgment in judgments] == [0.25, 1.0]


def test_somebody_who_was_never_a_member_weighs_one(project: Project) -> None:
    comparison = make_comparison(project)
    (labeler,) = judged_by(project, 1)
    Membership.objects.filter(user=labeler).delete()
    assert [judgment.reliability for judgment in counted_judgments(comparison)] == [1.0]


def test_a_comparison_that_somebody_holds_waits_for_them(project: Project) -> None:
    comparison = make_comparison(project)
    judged_by(project, 2)
    held = claim(make_member(project), project)
    assert held is not None
    Comparison.objects.filter(pk=comparison.pk).update(wanted=2, slots_left=0)
    assert resettle(project, [comparison.pk]) == Resettled()
    assert not Preference.objects.exists()
    Comparison.objects.filter(pk=comparison.pk).update(wanted=3)
    judge(held, "left")
    assert Preference.objects.get().settled_at is not None
