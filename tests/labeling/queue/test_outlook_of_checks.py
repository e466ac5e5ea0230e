"""What a labeler is told to expect, where checks are about."""

import pytest
from django.utils import timezone

from labeling.models import Comparison, Gold, Membership, Project, Role, User
from labeling.models.people import PausedBy, Qualification
from labeling.queue import outlook
from labeling.queue.outlook import WORDS, Expect, outlook_for, why_nothing, why_paused
from labeling.queue.prospects import Coming, Prospect
from tests.factories import (
    claim,
    judge,
    make_comparison,
    make_member,
    make_project,
    make_user,
    release_all,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project(qualification_items=2, random_share=0.0, gold_share=0.0)


@pytest.fixture
def ann(project: Project) -> User:
    return make_member(project)


def make_gold(project: Project, **fields: object) -> Gold:
    comparison = make_comparison(project)
    Comparison.objects.filter(pk=comparison.pk).update(state="check", slots_left=0, wanted=0)
    first, second = comparison.responses.values_list("pk", flat=True)
    return Gold.objects.create(
        project=project, comparison=comparison, expected=[[first], [second]], origin="own", **fields
    )


def test_released_gold_is_what_the_first_round_waits_for(project: Project, ann: User) -> None:
    gold = make_gold(project)
    assert outlook_for(ann, project).expect == Expect.QUALIFICATION
    release_all(project, [gold])
    assert outlook_for(ann, project).expect == Expect.READY
    assert claim(ann, project) is not None


def test_gold_that_cannot_be_shown_is_nothing_to_wait_for(project: Project, ann: User) -> None:
    (gold,) = release_all(project, [make_gold(project)])
    Comparison.objects.filter(pk=gold.comparison_id).update(
        set_aside_at=timezone.now(), set_aside_reason="Damaged."
    )
    assert claim(ann, project) is None
    assert outlook_for(ann, project).expect == Expect.QUALIFICATION


def test_work_is_no_answer_to_the_first_round(project: Project, ann: User) -> None:
    make_comparison(project)
    assert claim(ann, project) is None
    assert outlook_for(ann, project).expect == Expect.QUALIFICATION


def test_gold_that_one_has_answered_is_over(project: Project, ann: User) -> None:
    release_all(project, [make_gold(project)])
    held = claim(ann, project)
    assert held is not None
    judge(held, "left")
    assert outlook_for(ann, project).expect == Expect.QUALIFICATION


def test_a_check_that_somebody_else_holds_is_nothing_to_wait_for(
    project: Project, ann: User
) -> None:
    release_all(project, [make_gold(project)])
    Membership.objects.filter(user=ann).update(qualification=Qualification.PASSED)
    assert claim(make_member(project), project) is not None
    assert outlook_for(ann, project).expect == Expect.EMPTY


def test_gold_alone_is_no_comparison_of_the_project(project: Project, ann: User) -> None:
    Membership.objects.filter(user=ann).update(qualification=Qualification.PASSED)
    make_gold(project)
    assert outlook_for(ann, project).expect == Expect.EMPTY


@pytest.mark.parametrize("role", [Role.CURATOR, Role.ADMIN])
def test_the_first_round_is_for_labelers_alone(project: Project, role: Role) -> None:
    make_comparison(project)
    member = make_member(project, role)
    assert outlook_for(member, project).expect == Expect.READY
    assert claim(member, project) is not None


def test_a_stranger_is_told_no_more_than_a_paused_member(project: Project) -> None:
    make_comparison(project)
    assert outlook_for(make_user(), project).expect == Expect.MEMBER_PAUSED


def test_a_superuser_needs_no_membership(project: Project) -> None:
    make_comparison(project)
    assert outlook_for(make_user(is_superuser=True), project).expect == Expect.READY


def test_a_superuser_who_has_yet_to_pass_the_first_round_gets_no_work_though_paused(
    project: Project, ann: User
) -> None:
    make_comparison(project)
    Membership.objects.filter(user=ann).update(is_paused=True)
    ann.is_superuser = True
    ann.save()
    assert outlook_for(ann, project).expect == Expect.QUALIFICATION
    assert claim(ann, project) is None


def test_a_claim_that_gave_nothing_is_believed_before_the_rows(project: Project) -> None:
    make_comparison(project)
    curator = make_member(project, Role.CURATOR)
    expected = outlook_for(curator, project, has_claimed_nothing=True)
    assert expected.expect == Expect.OTHERS


@pytest.mark.parametrize("expect", list(Expect))
def test_every_outlook_is_put_into_words(expect: Expect) -> None:
    words = WORDS[expect]
    assert all((words.title, words.text, words.next, words.short))
    assert words.text.endswith(".")
    assert words.next.endswith(".")
    assert not words.short.endswith(".")


@pytest.mark.parametrize(
    ("coming", "expect"),
    [
        (Coming.WRITING, Expect.WRITING),
        (Coming.LEARNING, Expect.LEARNING),
        (Coming.ORDERING, Expect.ORDERING),
        (Coming.SOON, Expect.SOON),
        (Coming.STUCK, Expect.STUCK),
        (Coming.NOTHING, Expect.EMPTY),
    ],
)
def test_what_the_loop_does_is_what_people_expect(
    coming: Coming, expect: Expect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlook, "prospect_of", lambda _project: Prospect(coming))
    project = make_project()
    assert outlook_for(make_member(project), project).expect == expect


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (PausedBy.NOBODY, "A curator has paused your work in this project."),
        (PausedBy.QUALIFICATION, "The first round was not passed."),
        (PausedBy.GOLD, "Several of your last answers differ from ones that are known."),
    ],
)
def test_who_is_paused_reads_why_and_what_the_curator_wrote(rule: PausedBy, words: str) -> None:
    member = Membership(paused_by_rule=rule)
    assert why_paused(member).startswith(words)
    assert "A curator wrote" not in why_paused(member)
    member.note = "Come and see me."
    assert why_paused(member).endswith(" A curator wrote: Come and see me.")


def test_who_is_no_member_reads_of_a_pause_without_a_note(project: Project) -> None:
    nothing = why_nothing(make_user(), project)
    assert (nothing.reason, nothing.text) == (Expect.MEMBER_PAUSED, why_paused(None))
