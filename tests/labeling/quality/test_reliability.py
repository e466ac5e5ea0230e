"""Reliability written to memberships and carried into preferences; corrections; judgments taken
out of training and brought back."""

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from labeling import tasks
from labeling.importing import import_file
from labeling.judging import correcting
from labeling.judging.correcting import CannotCorrect
from labeling.judging.modes import parse_choice
from labeling.judging.recording import Answer, NotYours
from labeling.models import (
    Assignment,
    AuditEntry,
    Comparison,
    Judgment,
    Membership,
    Preference,
    Project,
    Role,
    Snapshot,
    User,
)
from labeling.people.members import MembersError, remove_member
from labeling.preferences import resettling
from labeling.quality import agreement, exclusion, labelers
from labeling.quality import votes as answers
from labeling.quality import weights as reliability
from labeling.quality.measures.intervals import Estimate, Refusal
from labeling.queue.leases import release_lease
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
    return make_project(overlap=3, random_share=0, gold_share=0)


def people(project: Project, count: int) -> list[User]:
    return [make_member(project) for _ in range(count)]


def judge_texts(project: Project, by: dict[User, str], count: int) -> None:
    """Each person prefers the response with their text, `count` times."""
    for labeler, text in by.items():
        for _ in range(count):
            judge_for(labeler, project, text)


def membership_of(project: Project, user: User) -> Membership:
    return Membership.objects.get(project=project, user=user)


def test_who_contradicts_the_others_weighs_less_and_the_preferences_follow(
    project: Project,
) -> None:
    one, two, bad = people(project, 3)
    make_comparisons(project, 30)
    judge_texts(project, {one: "Good.", two: "Good.", bad: "Bad."}, 30)
    before = list(Preference.objects.order_by("id").values_list("settled_at", flat=True))
    updated = reliability.update_reliability(project)
    weights = [membership_of(project, user).reliability for user in (one, two, bad)]
    assert weights[2] == pytest.approx(0.05) and min(weights[:2]) > 0.8
    assert updated.resettled.changed == 30 and updated.resettled.turned == 0
    preference = Preference.objects.filter(project=project).first()
    assert preference is not None
    assert preference.weight == pytest.approx(sum(weights) / 3, abs=0.01)
    assert preference.target > 0.9
    # New weights are no new preferences: they start no training.
    after = list(Preference.objects.order_by("id").values_list("settled_at", flat=True))
    assert after == before


def test_two_unreliable_people_no_longer_outvote_a_reliable_one(project: Project) -> None:
    good = people(project, 4)
    bad = people(project, 2)
    Project.objects.filter(pk=project.pk).update(overlap=6)
    make_comparisons(project, 25, wanted=6)
    judge_texts(project, dict.fromkeys(good, "Good.") | dict.fromkeys(bad, "Bad."), 25)
    contested = make_comparison(project, ("Good.", "Bad."), wanted=3)
    judge_texts(project, {bad[0]: "Bad.", bad[1]: "Bad.", good[0]: "Good."}, 1)
    preference = Preference.objects.get(comparison=contested)
    assert preference.chosen.text == "Bad."
    earlier = preference.settled_at
    updated = reliability.update_reliability(project)
    preference.refresh_from_db()
    assert preference.chosen.text == "Good."
    assert updated.resettled.turned == 1
    assert preference.settled_at is not None and earlier is not None
    assert preference.settled_at > earlier


def test_updating_twice_changes_nothing(project: Project) -> None:
    make_comparisons(project, 10)
    judge_texts(project, dict(zip(people(project, 3), ["Good.", "Good.", "Bad."], strict=True)), 10)
    assert reliability.update_reliability(project).labelers >= 1
    again = reliability.update_reliability(project)
    assert (again.labelers, again.resettled.changed) == (0, 0)


def test_work_that_was_cut_off_is_found_again(project: Project, monkeypatch: Any) -> None:
    make_comparisons(project, 10)
    judge_texts(project, dict(zip(people(project, 3), ["Good.", "Good.", "Bad."], strict=True)), 10)
    with monkeypatch.context() as broken:
        broken.setattr(resettling, "resettle", _cut_off)
        with pytest.raises(KeyboardInterrupt):
            reliability.update_reliability(project)
    assert set(Preference.objects.values_list("weight", flat=True)) == {1.0}
    assert reliability.update_reliability(project).resettled.changed == 10
    assert not Membership.objects.filter(resettle_since__isnull=False).exists()


def _cut_off(*_: Any) -> None:
    raise KeyboardInterrupt


def test_with_one_judgment_each_nobody_is_weighed() -> None:
    project = make_project(overlap=1, random_share=0, gold_share=0)
    make_comparisons(project, 12)
    judge_texts(project, dict.fromkeys(people(project, 3), "Good."), 4)
    assert reliability.update_reliability(project).labelers == 0
    assert set(Membership.objects.values_list("reliability", flat=True)) == {1.0}


def test_the_task_and_the_command_update_all_projects_or_one(project: Project, capsys: Any) -> None:
    make_comparisons(project, 10)
    judge_texts(project, dict(zip(people(project, 3), ["Good.", "Good.", "Bad."], strict=True)), 10)
    tasks.update_reliability(project.pk + 1)
    assert not Membership.objects.filter(reliability__lt=1).exists()
    tasks.update_reliability()
    assert Membership.objects.filter(reliability__lt=1).exists()
    call_command("update_reliability", project.slug)
    assert f"{project.slug}: 0 labelers" in capsys.readouterr().out


def test_a_ranking_is_pairs_and_sides_are_the_screens(project: Project) -> None:
    make_comparison(project, ("a", "b", "c"), wanted=1)
    labeler = people(project, 1)[0]
    assignment = _claim(labeler, project)
    best, middle, worst = assignment.order
    judge(assignment, Answer("prefer", ((worst,), (best,), (middle,))))
    votes = answers.read_votes(project)
    assert len(votes) == 3
    assert votes.left.tolist() == [0, 0, 0]  # a ranking has no sides
    assert sorted(abs(votes.direction).tolist()) == [1, 1, 1]


def _claim(labeler: User, project: Project) -> Assignment:
    assignment = claim(labeler, project)
    assert assignment is not None
    return assignment


def test_votes_name_side_length_and_strength() -> None:
    project = make_project(overlap=1, scale="strength", gold_share=0)
    make_comparison(project, ("short", "a good deal longer"))
    labeler = people(project, 1)[0]
    recorded = judge_for(labeler, project, "a good deal longer", 3)
    votes = answers.read_votes(project)
    on_left = recorded.judgment.tiers[0][0] == recorded.judgment.order[0]
    assert votes.longer.tolist() == [1]
    assert votes.left.tolist() == [1 if on_left else -1]
    second_chosen = recorded.judgment.tiers[0][0] == max(recorded.judgment.order)
    assert votes.value.tolist() == [0 if second_chosen else 8]


def test_measures_of_everybody_refuse_on_little_and_speak_on_enough(project: Project) -> None:
    one, two, rare = people(project, 3)
    make_comparisons(project, 30)
    judge_texts(project, {one: "Good.", two: "Good."}, 30)
    judge_texts(project, {rare: "Good."}, 2)
    measures = labelers.measure_everybody(project)
    agreeing = measures.measures_of(one.pk).agreement
    assert isinstance(agreeing, Estimate) and agreeing.value == 1.0
    assert isinstance(measures.measures_of(rare.pk).agreement, Refusal)
    nobody = measures.measures_of(0)
    assert nobody.judgments == 0 and isinstance(nobody.left, Refusal)


def test_agreement_of_a_project_by_tag_and_guidelines(project: Project) -> None:
    one, two = people(project, 2)
    make_comparisons(project, 20)
    project.prompts.filter(pk__in=project.prompts.values("pk")[:10]).update(tags=["code"])
    judge_texts(project, {one: "Good.", two: "Good."}, 20)
    votes = answers.read_votes(project)
    whole = agreement.agreement_of(votes)
    assert whole.percent and whole.percent.value == 1.0
    assert whole.alpha and whole.alpha.value == 1.0
    assert whole.cohen and whole.cohen.value == 1.0
    assert [(part.name, part.judgments) for part in agreement.by_tag(project, votes)] == [
        ("code", 20)
    ]
    assert [part.name for part in agreement.by_guidelines(project, votes)] == ["version 1"]
    weeks = agreement.by_week(votes)
    assert [week.judgments for week in weeks[-2:]] == [0, 40]


# Taking judgments out of training


def test_what_remains_settles_and_what_nobody_else_judged_goes_back_to_the_queue(
    project: Project,
) -> None:
    one, two, bad = people(project, 3)
    curator = make_member(project, Role.CURATOR)
    shared = make_comparison(project, wanted=3)
    judge_texts(project, {one: "Good.", two: "Bad.", bad: "Bad."}, 1)
    alone = make_comparison(project, wanted=1)
    judge_for(bad, project, "Bad.")
    assert Preference.objects.get(comparison=shared).chosen.text == "Bad."
    exclusion.take_out(membership_of(project, bad), curator, "Answers at random")
    settled = Preference.objects.get(comparison=shared)
    assert settled.provenance == Preference.Provenance.CONTESTED
    assert (settled.votes_chosen, settled.votes_rejected) == (1, 1)
    assert Preference.objects.get(comparison=alone).settled_at is None
    alone.refresh_from_db()
    assert (alone.state, alone.slots_left) == (Comparison.State.OPEN, 1)
    membership = membership_of(project, bad)
    assert membership.is_paused and membership.excluded_reason == "Answers at random"
    assert Judgment.objects.filter(labeler=bad, excluded_at__isnull=False).count() == 2
    judge_for(one, project, "Good.")
    assert Preference.objects.get(comparison=alone).chosen.text == "Good."


def test_what_a_file_settled_stays_settled(project: Project) -> None:
    line = b'{"prompt": "Q?", "chosen": "a", "rejected": "b"}\n'
    import_file(project, None, io.BytesIO(line), name="file")
    settled = Preference.objects.get()
    done = resettling.resettle(project, [settled.comparison_id])
    assert done == resettling.Resettled()
    assert Preference.objects.get() == settled
    assert Preference.objects.get().settled_at == settled.settled_at
    settled.comparison.refresh_from_db()
    assert settled.comparison.state == Comparison.State.FINISHED


def test_bringing_back_restores_what_was_settled(project: Project) -> None:
    one, two, three = people(project, 3)
    curator = make_member(project, Role.CURATOR)
    make_comparison(project, wanted=3)
    make_comparison(project, wanted=1)
    judge_texts(project, {one: "Good.", two: "Bad.", three: "Bad."}, 1)
    judge_for(three, project, "Bad.")
    fields = ("chosen", "votes_chosen", "votes_rejected", "provenance", "weight")
    before = list(Preference.objects.order_by("id").values_list(*fields))
    exclusion.take_out(membership_of(project, three), curator, "A mistake")
    assert list(Preference.objects.order_by("id").values_list(*fields)) != before
    exclusion.bring_back(membership_of(project, three), curator)
    assert list(Preference.objects.order_by("id").values_list(*fields)) == before
    assert not Preference.objects.filter(settled_at=None).exists()
    assert not Comparison.objects.filter(state="open").exists()
    assert membership_of(project, three).is_paused
    actions = AuditEntry.objects.values_list("action", flat=True)
    assert set(actions) == {"take judgments out", "bring judgments back"}


def test_leaving_the_project_does_not_bring_judgments_back(project: Project) -> None:
    bad = people(project, 1)[0]
    curator = make_member(project, Role.ADMIN)
    make_comparison(project, wanted=1)
    judge_for(bad, project, "Bad.")
    exclusion.take_out(membership_of(project, bad), curator, "Spam")
    Membership.objects.get(user=bad).delete()
    assert Judgment.objects.get(labeler=bad).excluded_at is not None
    assert Preference.objects.get().settled_at is None


def test_who_left_weighs_what_they_weighed_and_so_does_who_comes_back(project: Project) -> None:
    good, bad = people(project, 2)
    curator = make_member(project, Role.ADMIN)
    contested = make_comparison(project, wanted=2)
    judge_texts(project, {good: "Good.", bad: "Bad."}, 1)
    Membership.objects.filter(user=bad).update(reliability=0.3)
    resettling.resettle(project, [contested.pk])
    settled = Preference.objects.get()
    assert (settled.chosen.text, settled.weight) == ("Good.", pytest.approx(0.65))
    remove_member(membership_of(project, bad), curator)
    assert resettling.resettle(project, [contested.pk]).changed == 0
    back = Membership.objects.create(project=project, user=bad)
    assert back.reliability == 0.3
    assert resettling.resettle(project, [contested.pk]).changed == 0
    other = make_project()
    assert Membership.objects.create(project=other, user=bad).reliability == 1.0


def test_taking_out_needs_a_reason_and_happens_once(project: Project) -> None:
    bad = people(project, 1)[0]
    curator = make_member(project, Role.CURATOR)
    with pytest.raises(MembersError, match="Say why"):
        exclusion.take_out(membership_of(project, bad), curator, "  ")
    exclusion.take_out(membership_of(project, bad), curator, "Spam")
    with pytest.raises(MembersError, match="out of training already"):
        exclusion.take_out(membership_of(project, bad), curator, "Spam")


def test_an_answer_that_comes_after_its_labeler_was_taken_out_does_not_count(
    project: Project,
) -> None:
    bad, good = people(project, 2)
    curator = make_member(project, Role.CURATOR)
    comparison = make_comparison(project, wanted=1)
    assignment = _claim(bad, project)
    exclusion.take_out(membership_of(project, bad), curator, "Spam")
    judge(assignment, parse_choice("left", assignment.order))
    assert not Preference.objects.filter(comparison=comparison).exists()
    judge_for(good, project, "Good.")
    assert Preference.objects.get(comparison=comparison).votes_chosen == 1


def test_reassigning_gives_what_somebody_holds_to_others(project: Project) -> None:
    slow, other = people(project, 2)
    curator = make_member(project, Role.CURATOR)
    make_comparison(project, wanted=1)
    assignment = _claim(slow, project)
    assert exclusion.reassign(membership_of(project, slow), curator) == 1
    assert not release_lease(assignment.uuid, slow.pk)
    assert _claim(other, project).comparison_id == assignment.comparison_id
    assert AuditEntry.objects.get().action == "reassign"


def test_snapshots_are_listed_by_what_stood_when_they_were_taken(project: Project) -> None:
    labeler, other = people(project, 2)
    make_comparisons(project, 2, wanted=1)
    judge_for(labeler, project, "Good.")
    now = timezone.now()
    early, late = (
        Snapshot.objects.create(
            project=project, sha256=f"{n:064}", count=1, last_settled_at=now + timedelta(hours=n)
        )
        for n in (-1, 1)
    )
    assert early.last_settled_at is not None and early.last_settled_at < now
    uses = exclusion.snapshots_using(project, labeler)
    assert [(use.snapshot, use.judgments) for use in uses] == [(late, 1)]
    assert exclusion.snapshots_using(project, other) == []


# Corrections


def correct_to(judgment: Judgment, user: User, choice: str) -> Any:
    return correcting.correct(
        judgment.pk, user, lambda assignment: parse_choice(choice, assignment.order)
    )


def test_a_correction_supersedes_and_the_preference_follows() -> None:
    project = make_project(overlap=1, gold_share=0)
    comparison = make_comparison(project)
    labeler = people(project, 1)[0]
    first = judge_for(labeler, project, "Bad.").judgment
    best_is_left = first.tiers[0][0] == first.order[0]
    recorded = correct_to(first, labeler, "right" if best_is_left else "left")
    assert Preference.objects.get().chosen.text == "Good."
    first.refresh_from_db()
    assert first.superseded_at is not None
    assert recorded.judgment.supersedes_id == first.pk
    comparison.refresh_from_db()
    assert (comparison.state, comparison.slots_left) == (Comparison.State.FINISHED, 0)
    assert Judgment.objects.count() == 2


def test_a_finished_comparison_stays_finished_with_fewer_judgments_than_wanted(
    project: Project,
) -> None:
    one, two, bad = people(project, 3)
    curator = make_member(project, Role.CURATOR)
    comparison = make_comparison(project, wanted=3)
    judge_texts(project, {two: "Good.", bad: "Bad."}, 1)
    mine = judge_for(one, project, "Bad.").judgment
    exclusion.take_out(membership_of(project, bad), curator, "Spam")
    best_is_left = mine.tiers[0][0] == mine.order[0]
    correct_to(mine, one, "right" if best_is_left else "left")
    comparison.refresh_from_db()
    assert comparison.state == Comparison.State.FINISHED
    preference = Preference.objects.get(comparison=comparison)
    assert (preference.chosen.text, preference.votes_chosen) == ("Good.", 2)
    assert preference.settled_at is not None


def test_an_open_comparison_keeps_its_place_and_its_slots(project: Project) -> None:
    labeler = people(project, 1)[0]
    comparison = make_comparison(project, wanted=3)
    mine = judge_for(labeler, project, "Bad.").judgment
    correct_to(mine, labeler, "tie")
    comparison.refresh_from_db()
    assert (comparison.state, comparison.slots_left) == (Comparison.State.OPEN, 2)
    assert not Preference.objects.exists()


def test_a_skip_becomes_an_answer_while_there_is_room() -> None:
    project = make_project(overlap=1, gold_share=0)
    make_comparison(project)
    one, two = people(project, 2)
    skipped = claim_and_judge(one, project, "skip").judgment
    correct_to(skipped, one, "left")
    assert Preference.objects.count() == 1
    make_comparison(project)
    late = claim_and_judge(one, project, "skip").judgment
    claim_and_judge(two, project, "left")
    with pytest.raises(CannotCorrect, match="Someone else"):
        correct_to(late, one, "left")


@pytest.mark.parametrize(
    ("minutes", "ago", "problem"),
    [(0, 1, "cannot be corrected"), (30, 31, "for 30 minutes"), (30, 29, "")],
)
def test_the_window_is_the_projects(minutes: int, ago: int, problem: str) -> None:
    project = make_project(overlap=1, correction_minutes=minutes, gold_share=0)
    make_comparison(project)
    labeler = people(project, 1)[0]
    judgment = judge_for(labeler, project, "Bad.").judgment
    Judgment.objects.update(created_at=timezone.now() - timedelta(minutes=ago))
    if problem:
        with pytest.raises(CannotCorrect, match=problem):
            correct_to(judgment, labeler, "tie")
        assert Judgment.objects.count() == 1
    else:
        correct_to(judgment, labeler, "tie")


def test_correcting_again_does_not_lengthen_the_window() -> None:
    project = make_project(overlap=1, correction_minutes=30, gold_share=0)
    make_comparison(project)
    labeler = people(project, 1)[0]
    first = judge_for(labeler, project, "Bad.").judgment
    second = correct_to(first, labeler, "tie").judgment
    Judgment.objects.filter(pk=first.pk).update(created_at=timezone.now() - timedelta(minutes=40))
    with pytest.raises(CannotCorrect, match="for 30 minutes"):
        correct_to(second, labeler, "left")


def test_only_ones_own_standing_answers_can_be_corrected(project: Project) -> None:
    one, other = people(project, 2)
    make_comparison(project)
    first = judge_for(one, project, "Bad.").judgment
    with pytest.raises(NotYours):
        correct_to(first, other, "tie")
    correct_to(first, one, "tie")
    with pytest.raises(CannotCorrect, match="changed already"):
        correct_to(first, one, "left")


def test_a_paused_person_corrects_nothing(project: Project) -> None:
    labeler = people(project, 1)[0]
    make_comparison(project)
    judgment = judge_for(labeler, project, "Bad.").judgment
    Membership.objects.update(is_paused=True)
    with pytest.raises(CannotCorrect, match="paused"):
        correct_to(judgment, labeler, "tie")


def test_weighing_does_not_forget_what_is_to_be_settled_anew(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the first member's weight is written, the last one's answers are taken out."""
    last = people(project, 2)[-1]
    described = reliability._described

    def meanwhile(labeler: Any) -> Any:
        Membership.objects.filter(user=last, measured={}).update(resettle_since=timezone.now())
        return described(labeler)

    monkeypatch.setattr(reliability, "_described", meanwhile)
    monkeypatch.setattr(reliability, "resettle_pending", lambda _: None)
    reliability.update_reliability(project)
    assert membership_of(project, last).resettle_since is not None
