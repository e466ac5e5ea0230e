"""Recording, repeating, skipping, undoing; and what a late answer is worth."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from labeling.judging.modes import parse_choice
from labeling.judging.recording import Answer, CannotUndo, NotYours, submit_and_claim, undo_last
from labeling.models import Assignment, Comparison, Judgment, Preference
from labeling.preferences.settling import settled
from labeling.queue import locking
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
    run_out,
)

pytestmark = pytest.mark.django_db


def test_left_on_screen_is_the_first_of_the_order_shown() -> None:
    project = make_project()
    make_comparison(project)
    assignment = claim(make_member(project), project)
    recorded = judge(assignment, "right")
    left, right = assignment.order
    assert recorded.judgment.tiers == [[right], [left]]
    assert recorded.judgment.order == assignment.order


def test_submitting_again_changes_nothing() -> None:
    project = make_project()
    make_comparison(project)
    assignment = claim(make_member(project), project)
    first, second = judge(assignment, "left"), judge(assignment, "right")
    assert (first.is_new, second.is_new) == (True, False)
    assert second.judgment == first.judgment
    assert Judgment.objects.count() == 1


def test_a_submit_hands_out_the_next_comparison_and_a_repeat_the_same_one() -> None:
    project = make_project()
    make_comparisons(project, 3)
    ann = make_member(project)
    assignment = claim(ann, project)
    answer = parse_choice("left", assignment.order)
    _, following = submit_and_claim(assignment.uuid, ann.pk, answer)
    _, again = submit_and_claim(assignment.uuid, ann.pk, answer)
    assert following is not None and following == again


def test_nobody_answers_for_someone_else() -> None:
    project = make_project()
    make_comparison(project)
    assignment = claim(make_member(project), project)
    answer = parse_choice("left", assignment.order)
    with pytest.raises(NotYours):
        submit_and_claim(assignment.uuid, make_member(project).pk, answer)
    with pytest.raises(NotYours):
        submit_and_claim(uuid4(), assignment.labeler_id, answer)


def test_a_skip_gives_the_slot_to_others_and_never_back_to_the_same_labeler() -> None:
    project = make_project(overlap=1)
    make_comparison(project)
    ann, bob = make_member(project), make_member(project)
    claim_and_judge(ann, project, "skip")
    assert claim(ann, project) is None
    assert claim(bob, project) is not None


def late_assignment(project, labeler) -> Assignment:
    return run_out(claim(labeler, project))


def test_a_late_answer_counts_when_nobody_took_its_slot() -> None:
    project = make_project(overlap=1)
    comparison = make_comparison(project)
    assignment = late_assignment(project, make_member(project))
    expire_leases()
    judgment = judge(assignment, "left").judgment
    assert (judgment.is_late, judgment.is_surplus) == (True, False)
    assert settled(project).count() == 1
    comparison.refresh_from_db()
    assert comparison.slots_left == 0


def test_a_late_answer_is_kept_but_not_counted_when_its_slot_is_gone() -> None:
    project = make_project(overlap=1)
    make_comparison(project)
    ann, bob = make_member(project), make_member(project)
    assignment = late_assignment(project, ann)
    theirs = claim(bob, project)
    late = judge(assignment, "left").judgment
    assert (late.is_late, late.is_surplus) == (True, True)
    assert not settled(project).exists()
    judge(theirs, "right")
    assert settled(project).get().chosen_id == theirs.order[1]


def test_an_answer_survives_the_sweep_that_ends_its_lease_at_that_moment(monkeypatch) -> None:
    """The row is read before the sweep's transaction ends and written after it."""
    project = make_project(overlap=1)
    make_comparison(project)
    assignment = claim(make_member(project), project)
    Assignment.objects.filter(pk=assignment.pk).update(expires_at=timezone.now())
    expire_leases()
    lock = locking.lock_assignment
    reads: list[Any] = []

    def read_early(*args):
        locked = lock(*args)
        if not reads:
            locked.assignment.state = "leased"
        reads.append(locked)
        return locked

    monkeypatch.setattr(locking, "lock_assignment", read_early)
    recorded = judge(assignment, "left")
    assert recorded.is_new and recorded.judgment.is_late and not recorded.judgment.is_surplus
    assert len(reads) == 2
    assert Judgment.objects.count() == settled(project).count() == 1


def test_undo_brings_the_comparison_back_and_supersedes_nothing_away() -> None:
    project = make_project(overlap=1)
    make_comparisons(project, 2)
    ann = make_member(project)
    first = claim_and_judge(ann, project, "left")
    held = claim(ann, project)
    undone = undo_last(ann, project)
    assert undone == first.assignment
    assert current_or_next(ann, project) == undone
    assert not settled(project).exists()
    corrected = judge(undone, "right").judgment
    assert corrected.supersedes == first.judgment
    assert Judgment.objects.count() == 2
    assert settled(project).get().chosen_id == undone.order[1]
    assert claim(ann, project).comparison_id == held.comparison_id


def test_undo_keeps_a_curators_exclusion() -> None:
    project = make_project(overlap=1)
    make_comparison(project)
    ann = make_member(project)
    claim_and_judge(ann, project)
    Preference.objects.update(excluded=True, excluded_reason="personal data")
    judge(undo_last(ann, project), "right")
    preference = Preference.objects.get()
    assert preference.excluded and preference.settled_at is not None


def test_undo_of_undo_goes_one_answer_further_back() -> None:
    project = make_project(overlap=1)
    make_comparisons(project, 2)
    ann = make_member(project)
    first, second = (claim_and_judge(ann, project).assignment for _ in range(2))
    assert [undo_last(ann, project), undo_last(ann, project)] == [second, first]
    with pytest.raises(CannotUndo, match="nothing to undo"):
        undo_last(ann, project)


def test_a_skip_is_undone_while_nobody_else_has_the_comparison() -> None:
    project = make_project(overlap=1)
    make_comparison(project)
    ann, bob = make_member(project), make_member(project)
    claim_and_judge(ann, project, "skip")
    judge(undo_last(ann, project), "skip")
    assert claim(bob, project) is not None
    with pytest.raises(CannotUndo, match="Someone else has this"):
        undo_last(ann, project)


def test_undo_after_two_of_two_judgments_reopens_the_comparison_for_nobody_else() -> None:
    project = make_project(overlap=2)
    comparison = make_comparison(project)
    ann, bob, eve = (make_member(project) for _ in range(3))
    claim_and_judge(ann, project)
    claim_and_judge(bob, project)
    undo_last(ann, project)
    comparison.refresh_from_db()
    assert comparison.state == Comparison.State.OPEN
    assert claim(eve, project) is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "love"}, "kind"),
        ({"kind": "prefer"}, "tiers: missing"),
        ({"kind": "skip", "tiers": ((1,), (2,))}, "tiers: not allowed"),
        ({"kind": "tie", "tiers": ((1,), (2,))}, "tiers: 2 tiers contradict"),
        ({"kind": "prefer", "tiers": ((1, 2),)}, "tiers: 1 tiers contradict"),
        ({"kind": "prefer", "tiers": ((1,), ())}, "tier is empty"),
        ({"kind": "tie", "tiers": ((1, 2),), "strength": 2}, "strength"),
        ({"kind": "prefer", "tiers": ((1,), (2,)), "strength": 4}, "strength"),
        ({"kind": "skip", "seconds": -1.0}, "seconds"),
    ],
)
def test_a_contradictory_answer_is_refused_by_field(fields: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Answer(**fields)


def test_an_answer_about_other_responses_is_refused_and_nothing_changes() -> None:
    project = make_project()
    make_comparison(project)
    assignment = claim(make_member(project), project)
    with pytest.raises(ValueError, match="not the responses of this comparison"):
        judge(assignment, Answer("prefer", ((1,), (999_999,))))
    assignment.refresh_from_db()
    assert assignment.state == Assignment.State.LEASED


@pytest.mark.parametrize("kind", ["tie", "both_bad"])
def test_a_project_may_forbid_ties_and_both_bad(kind: str) -> None:
    project = make_project(allow_tie=False, allow_both_bad=False)
    make_comparison(project)
    with pytest.raises(ValueError, match="does not allow"):
        judge(claim(make_member(project), project), kind)


@pytest.mark.parametrize("choice", ["left-4", "left-", "middle", "", "right-x"])
def test_an_unknown_choice_is_refused(choice: str) -> None:
    if choice == "left-":
        assert parse_choice(choice, [1, 2]).strength is None
        return
    with pytest.raises(ValueError, match="choice"):
        parse_choice(choice, [1, 2])


def test_the_database_itself_refuses_a_second_current_judgment() -> None:
    project = make_project()
    make_comparison(project)
    judgment = claim_and_judge(make_member(project), project).judgment
    judgment.pk = None
    with pytest.raises(IntegrityError, match=r"judgment_one_current|UNIQUE"), transaction.atomic():
        judgment.save(force_insert=True)
