"""Reviews of members whom a check has paused, and the figures beside their names."""

import pytest
from django.utils import timezone

from labeling.models import AuditEntry, Judgment, Membership, Project, Role, User
from labeling.models.people import PausedBy, Qualification
from labeling.quality.reviews import (
    REMOVE,
    RESUME,
    CannotReview,
    Checked,
    checked_members,
    decide_review,
    to_review,
)
from tests.factories import claim_and_judge, make_comparisons, make_member, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project(random_share=0.0, gold_share=0.0)


@pytest.fixture
def curator(project: Project) -> User:
    return make_member(project, Role.CURATOR)


def paused(project: Project, rule: str = PausedBy.GOLD, **fields: object) -> Membership:
    member = make_member(project)
    Membership.objects.filter(user=member).update(is_paused=True, paused_by_rule=rule, **fields)
    return Membership.objects.get(user=member)


def test_only_pauses_by_a_check_wait_for_a_review(project: Project) -> None:
    waiting = paused(project)
    paused(project, PausedBy.NOBODY)
    paused(make_project())
    make_member(project)
    assert list(to_review(project)) == [waiting]


@pytest.mark.parametrize(
    ("rule", "qualification"),
    [(PausedBy.GOLD, Qualification.PASSED), (PausedBy.QUALIFICATION, Qualification.EXEMPT)],
)
def test_who_is_resumed_goes_on_and_is_counted_anew(
    rule: str, qualification: str, project: Project, curator: User
) -> None:
    member = paused(project, rule, qualification=Qualification.PASSED)
    assert decide_review(member, curator, RESUME, " Look twice. ")
    member.refresh_from_db()
    assert (member.is_paused, member.paused_by_rule, member.note) == (False, "", "Look twice.")
    assert member.qualification == qualification
    assert member.gold_since is not None
    assert not to_review(project).exists()


def test_who_is_removed_stays_paused_and_reads_why(project: Project, curator: User) -> None:
    member = paused(project)
    assert decide_review(member, curator, REMOVE, "Too often wrong.")
    member.refresh_from_db()
    assert (member.is_paused, member.paused_by_rule) == (True, "")
    assert member.note == "Too often wrong."
    entry = AuditEntry.objects.get(action="review: remove")
    assert (entry.actor, entry.reason) == (curator, "Too often wrong.")


@pytest.mark.parametrize(
    ("decision", "note", "words"),
    [
        ("", "x", "Choose whether to resume or to remove."),
        ("delete", "x", "Choose whether to resume or to remove."),
        (REMOVE, " ", "Say in a note why"),
        (RESUME, "x" * 401, "longer than 400 characters"),
    ],
)
def test_a_decision_that_cannot_be_is_refused_in_words(
    decision: str, note: str, words: str, project: Project, curator: User
) -> None:
    member = paused(project)
    with pytest.raises(CannotReview, match=words):
        decide_review(member, curator, decision, note)
    assert to_review(project).exists()


def test_the_longest_note_is_kept_whole(project: Project, curator: User) -> None:
    member = paused(project)
    assert decide_review(member, curator, RESUME, "x" * 400)
    member.refresh_from_db()
    assert member.note == "x" * 400


def test_of_two_curators_the_first_decides(project: Project, curator: User) -> None:
    member = paused(project)
    seen_by_other = Membership.objects.get(pk=member.pk)
    assert decide_review(member, curator, RESUME)
    assert not decide_review(seen_by_other, make_member(project, Role.CURATOR), REMOVE, "No.")
    assert not Membership.objects.get(pk=member.pk).is_paused


def test_another_check_since_then_is_looked_at_first(project: Project, curator: User) -> None:
    member = paused(project)
    Membership.objects.update(paused_by_rule=PausedBy.QUALIFICATION)
    assert not decide_review(member, curator, RESUME)
    assert to_review(project).get().is_paused


def test_who_has_left_meanwhile_is_decided_on_by_nobody(project: Project, curator: User) -> None:
    member = paused(project)
    Membership.objects.filter(pk=member.pk).delete()
    assert not decide_review(member, curator, RESUME)


def test_who_is_out_of_training_does_not_go_on(project: Project, curator: User) -> None:
    member = paused(project, excluded_at=timezone.now(), excluded_reason="Noise")
    with pytest.raises(CannotReview, match="are out of training"):
        decide_review(member, curator, RESUME)
    assert decide_review(member, curator, REMOVE, "Noise.")


def test_every_member_is_listed_with_what_the_checks_say(project: Project, curator: User) -> None:
    make_comparisons(project, 3)
    ann = make_member(project)
    for choice in ("left", "right", "skip"):
        claim_and_judge(ann, project, choice)
    first = Judgment.objects.filter(kind="prefer").order_by("pk")[0]
    Judgment.objects.filter(pk=first.pk).update(
        purpose="gold", is_right=True, is_surplus=True, too_fast=True
    )
    by_user = {one.membership.user_id: one for one in checked_members(project)}
    figures = by_user[ann.pk]
    assert (figures.gold, figures.right, figures.repeats) == (1, 1, 0)
    assert (figures.too_fast, figures.answers) == (1, 2), "a skip is no answer"
    assert (figures.right_percent, figures.too_fast_percent) == (100, 50)
    nothing = by_user[curator.pk]
    assert (nothing.answers, nothing.right_percent, nothing.too_fast_percent) == (0, None, None)


@pytest.mark.parametrize(("right", "gold", "percent"), [(0, 3, 0), (2, 3, 67), (3, 3, 100)])
def test_per_cents_are_rounded(right: int, gold: int, percent: int) -> None:
    assert Checked(Membership(), gold, right, 0, right, gold).right_percent == percent
    assert Checked(Membership(), gold, right, 0, right, gold).too_fast_percent == percent
