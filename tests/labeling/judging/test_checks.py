"""Mirrored repeats, reading time, the first round, pauses by rule and their review."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from labeling.judging import checks
from labeling.judging.checks import repeat_results
from labeling.judging.modes import parse_choice
from labeling.judging.recording import CannotUndo, Recorded, submit_and_claim, undo_last
from labeling.models import Assignment, Judgment, Membership, Project, User
from labeling.preferences.settling import settled
from labeling.projects.editing import change_settings
from labeling.quality import reviews
from labeling.queue import handout, outlook
from labeling.queue.handout import current_or_next
from tests.factories import (
    claim,
    claim_and_judge,
    judge,
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
)
from tests.labeling.quality.test_gold import answer, make_gold

pytestmark = pytest.mark.django_db


def membership_of(user: User) -> Membership:
    return Membership.objects.get(user=user)


def make_due(labeler: User) -> None:
    past = timezone.now() - timedelta(seconds=1)
    Assignment.objects.filter(labeler=labeler, repeat_at__isnull=False).update(repeat_at=past)


def repeat_for(labeler: User, project: Project) -> Assignment:
    assignment = claim(labeler, project)
    assert assignment is not None and assignment.purpose == "repeat"
    return assignment


@pytest.fixture
def repeating() -> Project:
    return make_project(repeat_share=0.5, gold_share=0)


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every draw says yes."""
    monkeypatch.setattr(handout, "REPEAT_CHANCE", 1.0)
    monkeypatch.setattr(checks.random, "random", lambda: 0.0)


def test_an_answer_is_asked_for_again_after_the_set_time(repeating: Project, always: None) -> None:
    make_comparison(repeating)
    ann = make_member(repeating)
    claim_and_judge(ann, repeating)
    due = Assignment.objects.get().repeat_at
    assert timedelta(hours=23) < due - timezone.now() <= timedelta(hours=24)
    assert claim(ann, repeating) is None
    make_due(ann)
    again = claim(ann, repeating)
    assert (again.purpose, again.showing) == ("repeat", 2)
    assert claim(ann, repeating, on_screen=again) is None


def test_a_repeat_has_its_sides_swapped_and_counts_for_nothing(
    repeating: Project, always: None
) -> None:
    make_comparison(repeating)
    ann = make_member(repeating)
    first = claim_and_judge(ann, repeating, "left")
    before = settled(repeating).values().get()
    make_due(ann)
    again = repeat_for(ann, repeating)
    assert again.order == first.assignment.order[::-1]
    assert [response.pk for response in again.shown] == again.order
    judge(again, "left")
    assert settled(repeating).values().get() == before
    (repeat,) = repeat_results(repeating, ann)
    assert (repeat.agrees, repeat.same_side) == (False, True)
    make_due(ann)
    assert claim(ann, repeating) is None


def test_who_answers_the_same_agrees_with_themselves(repeating: Project, always: None) -> None:
    make_comparison(repeating)
    ann = make_member(repeating)
    claim_and_judge(ann, repeating, "left")
    make_due(ann)
    judge(repeat_for(ann, repeating), "right")
    (repeat,) = repeat_results(repeating)
    assert (repeat.agrees, repeat.same_side) == (True, False)


def test_an_undone_answer_is_not_asked_for_again(repeating: Project, always: None) -> None:
    make_comparison(repeating)
    ann = make_member(repeating)
    claim_and_judge(ann, repeating)
    undo_last(ann, repeating)
    assert not Assignment.objects.filter(repeat_at__isnull=False).exists()


@pytest.mark.parametrize(("seconds", "too_fast"), [("0.8", True), ("9", False)])
def test_a_fast_answer_is_kept_counted_and_gets_a_quiet_remark(
    client: Client, seconds: str, too_fast: bool
) -> None:
    project = make_project(min_seconds=3, gold_share=0)
    make_comparisons(project, 2)
    ann = make_member(project)
    held = claim(ann, project)
    Assignment.objects.update(leased_at=timezone.now() - timedelta(minutes=1))
    client.force_login(ann)
    html = client.post(
        reverse("judge", args=[held.uuid]),
        {"choice": "left", "seconds": seconds},
        headers={"hx-request": "true"},
    ).content.decode()
    assert ("at least 3 s to read" in html) == too_fast
    assert Judgment.objects.get().too_fast is too_fast
    assert settled(project).count() == 1


def test_a_browser_cannot_claim_more_time_than_has_passed() -> None:
    project = make_project(min_seconds=3, gold_share=0)
    make_comparison(project)
    held = claim(make_member(project), project)
    choice = parse_choice("left", held.order)
    from dataclasses import replace

    recorded = judge(held, replace(choice, seconds=500.0))
    assert recorded.judgment.too_fast


def first_round(project: Project, labeler: User, rights: list[bool]) -> list[Recorded]:
    done = []
    for right in rights:
        assignment = current_or_next(labeler, project)
        assert assignment is not None and assignment.purpose == "gold"
        best = assignment.comparison.gold.expected[0][0]
        side = "left" if (assignment.order[0] == best) == right else "right"
        done.append(judge(assignment, side))
    return done


@pytest.fixture
def qualifying() -> Project:
    project = make_project(qualification_items=3, qualification_mark=0.6, gold_share=0)
    make_comparisons(project, 5)
    make_gold(project, 6)
    return project


def test_who_passes_the_first_round_gets_work(qualifying: Project) -> None:
    ann = make_member(qualifying)
    done = first_round(qualifying, ann, [True, False, True])
    assert [recorded.outcome.is_right for recorded in done] == [True, False, True]
    assert [recorded.outcome.ended for recorded in done] == ["", "", "passed"]
    assert membership_of(ann).qualification == "passed"
    assert current_or_next(ann, qualifying).purpose == "work"


def test_who_fails_it_waits_for_a_curator(qualifying: Project) -> None:
    ann = make_member(qualifying)
    first_round(qualifying, ann, [False, False, True])
    assert current_or_next(ann, qualifying) is None
    assert "first round was not passed" in outlook.why_nothing(ann, qualifying).text
    (member,) = reviews.to_review(qualifying)
    curator = make_member(qualifying, role="curator")
    assert reviews.decide_review(member, curator, reviews.RESUME, "Read the guidelines once more.")
    assert not reviews.decide_review(member, curator, reviews.REMOVE, "No.")
    assert current_or_next(ann, qualifying).purpose == "work"


def test_the_first_round_gives_feedback_after_each(client: Client, qualifying: Project) -> None:
    ann = make_member(qualifying)
    client.force_login(ann)
    held = current_or_next(ann, qualifying)
    best = held.comparison.gold.expected[0][0]
    wrong = "right" if held.order[0] == best else "left"
    url = reverse("judge", args=[held.uuid])
    html = client.post(url, {"choice": wrong}, headers={"hx-request": "true"}).content.decode()
    letter = "AB"[held.order.index(best)]
    assert f"Here {letter} was expected. First round: 1 of 3." in html
    with pytest.raises(CannotUndo, match="first round"):
        undo_last(ann, qualifying)


def test_members_of_before_need_no_first_round() -> None:
    project = make_project(gold_share=0)
    make_comparisons(project, 3)
    admin, ann = make_member(project, role="admin"), make_member(project)
    claim_and_judge(ann, project)
    change_settings(project, admin, {"qualification_items": 3})
    assert current_or_next(ann, project).purpose == "work"
    newcomer = make_member(project)
    assert current_or_next(newcomer, project) is None
    assert outlook.why_nothing(newcomer, project).reason == "qualification"


@pytest.fixture
def marked(always: None) -> Project:
    project = make_project(gold_mark=0.6, gold_minimum=3, gold_share=0.5)
    make_comparisons(project, 5)
    make_gold(project, 8)
    return project


def test_who_falls_below_the_mark_is_paused_with_a_message(marked: Project) -> None:
    ann = make_member(marked)
    for right in (True, False):
        answer(current_or_next(ann, marked), right)
        assert not membership_of(ann).is_paused
    held = current_or_next(ann, marked)
    best = held.comparison.gold.expected[0][0]
    wrong = parse_choice("right" if held.order[0] == best else "left", held.order)
    _, following = submit_and_claim(held.uuid, ann.pk, wrong)
    assert following is None
    assert membership_of(ann).paused_by_rule == "gold"
    assert "A curator will look" in outlook.why_nothing(ann, marked).text
    assert marked.audit_entries.filter(action="pause by rule").count() == 1


def test_after_a_review_the_count_begins_anew(marked: Project) -> None:
    ann, curator = make_member(marked), make_member(marked, role="curator")
    for _ in range(3):
        answer(current_or_next(ann, marked), right=False)
    reviews.decide_review(membership_of(ann), curator, reviews.RESUME)
    answer(current_or_next(ann, marked), right=False)
    assert not membership_of(ann).is_paused


def test_the_review_list_is_worked_off_on_the_page(client: Client, marked: Project) -> None:
    ann, curator = make_member(marked, name="ann"), make_member(marked, role="curator")
    for _ in range(3):
        answer(current_or_next(ann, marked), right=False)
    client.force_login(curator)
    page = reverse("quality-control", args=[marked.slug])
    assert "To review" in client.get(page).content.decode()
    url = reverse("quality-review", args=[marked.slug, membership_of(ann).pk])
    refused = client.post(url, {"decision": "remove", "note": " "}, follow=True)
    assert "Say in a note why" in refused.content.decode()
    client.post(url, {"decision": "remove", "note": "Too many by chance."})
    assert "To review" not in client.get(page).content.decode()
    assert "Too many by chance." in outlook.why_nothing(ann, marked).text


def test_gold_is_made_and_retired_on_the_page(client: Client) -> None:
    project = make_project()
    make_gold(project, 2)
    client.force_login(make_member(project, role="curator"))
    page = reverse("quality-control", args=[project.slug])
    none_left = client.post(
        reverse("gold-make", args=[project.slug]), {"count": "5", "rule": ["shuffled"]}, follow=True
    )
    assert "No response is fit" in none_left.content.decode()
    html = client.get(page).content.decode()
    assert html.count(">Retire</button>") == 2
    client.post(reverse("gold-retire", args=[project.slug, project.golds.first().pk]))
    assert client.get(page).content.decode().count(">Retire</button>") == 1


def test_only_curators_see_quality_control(client: Client) -> None:
    project = make_project()
    page = reverse("quality-control", args=[project.slug])
    client.force_login(make_member(project))
    assert client.get(page).status_code == 403
    assert client.post(reverse("gold-make", args=[project.slug])).status_code == 403
    client.force_login(make_member(make_project(), role="admin"))
    assert client.get(page).status_code == 404
