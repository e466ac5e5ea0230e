"""Gold: how it is made, that it looks like work and is never counted as work."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from labeling.judging.checks import gold_results
from labeling.models import Assignment, Comparison, Gold, Judgment, Preference, Project, User
from labeling.preferences.counts import judgments_of_every_kind
from labeling.preferences.judgment_rows import judgment_rows
from labeling.preferences.settling import settled
from labeling.quality import gold, worse_copies
from labeling.queue.leases import expire_leases, release_lease, renew_lease
from tests.factories import (
    claim,
    claim_and_judge,
    judge,
    judge_for,
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
    make_prompt,
    make_response,
    release_all,
    submit,
)

pytestmark = pytest.mark.django_db

LONG = (
    "First, rinse the cup. Then warm the milk slowly. Stir it with a spoon. Add the cocoa last. "
    "Wait until it has melted. Pour it into the cup. Let it cool for a minute before you drink. "
    "Children like it with a little sugar on top of the foam."
)


@pytest.fixture
def project() -> Project:
    return make_project(gold_share=0.5)


@pytest.fixture
def curator(project: Project) -> User:
    return make_member(project, role="curator")


def make_gold(project: Project, count: int = 1) -> list[Gold]:
    curator = make_member(project, role="curator")
    for number in range(count):
        prompt = make_prompt(project)
        make_response(prompt, f"{LONG} And this is number {number}.")
    return release_all(project, gold.construct(project, curator, count))


def claim_gold(labeler: User, project: Project) -> Assignment:
    """The draw is by chance: takes hand-outs, and undoes them, until it is gold."""
    for _ in range(200):
        assignment = claim(labeler, project)
        assert assignment is not None
        if assignment.purpose == Assignment.Purpose.GOLD:
            return assignment
        undo_hand_out(assignment)
    raise AssertionError("no gold in 200 hand-outs")


def undo_hand_out(assignment: Assignment) -> None:
    """As if it had not been: what is only given back would come again before anything else."""
    release_lease(assignment.uuid, assignment.labeler_id)
    Assignment.objects.filter(pk=assignment.pk).delete()


def answer(assignment: Assignment, right: bool) -> Judgment:
    best = Gold.objects.get(comparison=assignment.comparison).expected[0][0]
    is_left = assignment.order[0] == best
    return judge(assignment, "left" if is_left == right else "right").judgment


def test_a_truncated_copy_is_the_beginning_and_breaks_off() -> None:
    copy = worse_copies.truncated(LONG, seed=3)
    assert copy is not None and LONG.startswith(copy)
    assert 0.15 < len(copy) / len(LONG) < 0.5
    assert copy[-1] not in ".!?"


def test_a_shuffled_copy_has_the_same_sentences_and_none_in_its_place() -> None:
    copy = worse_copies.shuffled(LONG, seed=3)
    assert copy is not None
    before, after = LONG.split(". "), copy.split(". ")
    assert sorted(part.strip(".") for part in before) == sorted(part.strip(".") for part in after)
    assert all(one.strip(".") != other.strip(".") for one, other in zip(before, after, strict=True))


def test_an_off_topic_copy_is_another_answer_of_about_the_same_length() -> None:
    others = ["Short.", "x " * 90, "word " * 50]
    assert worse_copies.off_topic(LONG, others, seed=1) == "word " * 50


@pytest.mark.parametrize("rule", [worse_copies.truncated, worse_copies.shuffled])
@pytest.mark.parametrize("text", ["", "Too short.", "```\n" + LONG + "\n```"])
def test_what_would_not_be_clearly_worse_is_not_made(rule, text) -> None:
    assert rule(text, 1) is None


def test_the_same_seed_makes_the_same_copies(project: Project, curator: User) -> None:
    assert worse_copies.shuffled(LONG, 5) == worse_copies.shuffled(LONG, 5)
    assert worse_copies.shuffled(LONG, 5) != worse_copies.shuffled(LONG, 6)


def test_constructed_gold_expects_the_original_and_takes_no_slot(
    project: Project, curator: User
) -> None:
    response = make_response(make_prompt(project), LONG)
    (made,) = gold.construct(project, curator, 5)
    assert made.expected[0] == [response.pk]
    assert (made.comparison.state, made.comparison.wanted) == ("check", 0)
    assert project.audit_entries.filter(action="make gold").count() == 1


def test_a_project_with_short_answers_only_is_told_so(project: Project, curator: User) -> None:
    make_comparison(project)
    with pytest.raises(gold.CannotMakeGold, match="too short"):
        gold.construct(project, curator, 3)
    assert not Gold.objects.exists()


def test_only_what_two_labelers_agreed_on_can_be_approved(curator: User, project: Project) -> None:
    Project.objects.update(overlap=2, gold_share=0)
    project.refresh_from_db()
    agreed = make_comparison(project, ("Good.", "Bad."))
    ann, bob = make_member(project), make_member(project)
    judge_for(ann, project, "Good.")
    judge_for(bob, project, "Good.")
    single = make_comparison(project, ("Good.", "Bad."), wanted=1)
    judge_for(ann, project, "Good.")
    everything = list(Preference.objects.values_list("pk", flat=True))
    assert [candidate.comparison_id for candidate in gold.candidates(project)] == [agreed.pk]
    assert gold.approve(project, curator, everything) == 1
    assert not Gold.objects.filter(comparison=single).exists()
    assert not gold.candidates(project).exists()


def test_gold_comes_once_to_each_labeler_and_not_to_who_judged_it_as_work(
    curator: User, project: Project
) -> None:
    make_comparisons(project, 30)
    make_gold(project)
    ann = make_member(project)
    answer(claim_gold(ann, project), right=True)
    seen = [claim_and_judge(ann, project).assignment.purpose for _ in range(25)]
    assert set(seen) == {"work"}
    assert claim_gold(make_member(project), project).purpose == "gold"


def test_the_share_of_gold_is_as_set() -> None:
    project = make_project(gold_share=0.3)
    make_comparisons(project, 100)
    make_gold(project, 100)
    ann = make_member(project)
    held, purposes = claim(ann, project), []
    for _ in range(100):
        purposes.append(held.purpose)
        _, held = submit(held, "skip")
    assert 12 <= purposes.count("gold") <= 50  # fails by chance once in ten thousand


def test_answers_to_gold_are_never_counted(curator: User, project: Project) -> None:
    make_comparison(project)
    make_gold(project)
    ann = make_member(project)
    judgment = answer(claim_gold(ann, project), right=False)
    assert (judgment.purpose, judgment.is_right, judgment.is_surplus) == ("gold", False, True)
    assert not settled(project).exists()
    assert not judgments_of_every_kind(project).exists()
    assert not list(judgment_rows(project))
    assert [judged.is_right for judged in gold_results(project, ann)] == [False]


@pytest.mark.parametrize(("choice", "expected"), [("tie", False), ("skip", None)])
def test_a_tie_on_gold_is_wrong_and_a_skip_says_nothing(
    project: Project, choice: str, expected: bool | None
) -> None:
    make_comparison(project)
    make_gold(project)
    assignment = claim_gold(make_member(project), project)
    assert judge(assignment, choice).judgment.is_right is expected
    assignment.comparison.refresh_from_db()
    assert assignment.comparison.slots_left == 0


def test_gold_of_finished_work_leaves_its_preference_and_slots_alone(
    curator: User, project: Project
) -> None:
    """Also when its lease is given back, expires, is renewed, or its answer is undone."""
    Project.objects.update(overlap=2, gold_share=0)
    project.refresh_from_db()
    agreed = make_comparison(project, ("Good.", "Bad."))
    for _ in range(2):
        judge_for(make_member(project), project, "Good.")
    gold.approve(project, curator, list(Preference.objects.values_list("pk", flat=True)))
    project.gold_share = 1.0
    before = settled(project).values().get()
    held = claim(make_member(project), project)
    assert held.comparison_id == agreed.pk
    assert release_lease(held.uuid, held.labeler_id)
    assert renew_lease(held.uuid, held.labeler_id)
    Assignment.objects.filter(pk=held.pk).update(expires_at=held.leased_at)
    assert expire_leases() == 1
    answer(held, right=False)
    from labeling.judging.recording import undo_last

    again = undo_last(held.labeler, project)
    assert (again.state, again.purpose) == ("leased", "gold")
    assert settled(project).values().get() == before
    agreed.refresh_from_db()
    assert (agreed.state, agreed.slots_left) == (Comparison.State.FINISHED, 0)


def test_retired_gold_is_handed_out_no_more(curator: User, project: Project) -> None:
    make_comparisons(project, 30)
    (made,) = make_gold(project)
    assert gold.retire(made, curator, "ambiguous")
    assert not gold.retire(made, curator)
    ann = make_member(project)
    purposes = {claim_and_judge(ann, project).assignment.purpose for _ in range(30)}
    assert purposes == {"work"}


def test_the_page_does_not_tell_gold_from_work(client: Client, project: Project) -> None:
    """The same words and the same markup, but for the texts and the ids."""
    make_comparison(project, (LONG, LONG[:60]))
    make_gold(project)
    ann = make_member(project)
    client.force_login(ann)
    pages = {}
    for _ in range(60):
        html = client.get(reverse("label", args=[project.slug])).content.decode()
        held = Assignment.objects.get(labeler=ann, state="leased")
        pages[held.purpose] = _without_texts(html, held)
        undo_hand_out(held)
    assert set(pages) == {"work", "gold"}
    assert pages["work"] == pages["gold"]


def _without_texts(html: str, held: Assignment) -> str:
    html = html.replace(str(held.uuid), "UUID")
    html = re.sub(r'(<div class="prose[^>]*>).*?</div>', r"\1</div>", html, flags=re.DOTALL)
    return re.sub(r'"[A-Za-z0-9]{64}"', '"TOKEN"', html)
