"""Simulated labelers, and the demo project that they usually work in."""

import random
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from labeling.models import Assignment, Comparison, Judgment, Membership, Project
from labeling.projects import model_locations
from modeling.demo import project as demo_project
from modeling.demo.world.oracle import score
from modeling.models import LoopSettings, versions
from modeling.simulation import labeler as simulated_labeler
from modeling.simulation import report as simulation_report
from modeling.simulation import running
from tests.factories import claim, make_comparison, make_comparisons, make_member, make_project

pytestmark = pytest.mark.django_db(transaction=True)


def quiet(_line: str) -> None:
    pass


def test_labelers_at_once_make_exactly_the_judgments_asked_for() -> None:
    project = make_project(overlap=2)
    make_comparisons(project, 30)
    summary = running.simulate(project, judgments=50, labelers=4, tell=quiet)
    assert summary.judgments == 50
    assert summary.faults == []
    assert Judgment.objects.filter(kind__in=Judgment.ANSWERS).count() == 50
    assert not Assignment.objects.filter(state="leased").exists(), "nothing stays in hand"


def test_finished_comparisons_have_the_overlap_by_different_people() -> None:
    project = make_project(overlap=2)
    make_comparisons(project, 15)
    summary = running.simulate(project, judgments=30, labelers=5, tell=quiet)
    assert summary.finished == 15
    for comparison in Comparison.objects.all():
        answers = comparison.judgments.filter(kind__in=Judgment.ANSWERS)
        assert len(set(answers.values_list("labeler", flat=True))) == answers.count() == 2


def test_who_cannot_judge_the_last_one_leaves_it_to_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(simulated_labeler, "SKIP_SHARE", 0.0)
    project = make_project(overlap=2)
    for seed in range(5):  # whoever comes first cannot take the second slot
        make_comparison(project)
        summary = running.simulate(
            project, judgments=2, labelers=2, seed=seed, patience=20, tell=quiet
        )
        assert (summary.judgments, summary.finished, summary.gave_up) == (2, seed + 1, "")


def test_a_queue_that_stays_dry_ends_it_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "TELL_EVERY_SECONDS", 0.1)
    project = make_project()
    make_comparisons(project, 5)
    summary = running.simulate(project, judgments=9, labelers=2, patience=0.5, tell=quiet)
    assert summary.judgments == 5
    assert "worker" in summary.gave_up


def test_a_doubled_judgment_would_be_noticed() -> None:
    project = make_project()
    (comparison,) = make_comparisons(project, 1)
    summary = running.simulate(project, judgments=1, labelers=1, tell=quiet)
    assert summary.faults == []
    Comparison.objects.filter(pk=comparison.pk).update(wanted=2)
    faults = simulation_report.faults_of(project, 0, [], comparison.created_at)
    assert faults == [f"comparison {comparison.pk} is finished with 1 judgments"]


def test_the_oracle_labeler_prefers_the_better_response_wherever_it_is() -> None:
    project = make_project()
    good, bad = "I do not know that, sorry.", "Shut up."
    choices = set()
    for _ in range(12):
        make_comparison(project, (good, bad))
        assignment = claim(make_member(project), project)
        assert assignment is not None
        answer = simulated_labeler.choose_answer(assignment, random.Random(4), noise=0.0)
        best = next(r for r in assignment.comparison.responses.all() if r.pk == answer.tiers[0][0])
        choices.add(best.text)
    assert score("anything", good) > score("anything", bad)
    assert choices == {good}


def test_noise_turns_verdicts_round() -> None:
    project = make_project()
    make_comparison(project, ("I do not know that, sorry.", "Shut up."))
    assignment = claim(make_member(project), project)
    assert assignment is not None
    honest = simulated_labeler.choose_answer(assignment, random.Random(4), noise=0.0)
    assert (
        simulated_labeler.choose_answer(assignment, random.Random(4), noise=1.0).tiers
        == honest.tiers[::-1]
    )


def test_a_comparison_of_many_is_ranked() -> None:
    project = make_project()
    texts = ("Shut up.", "I do not know that, sorry.", "")
    make_comparison(project, texts)
    assignment = claim(make_member(project), project)
    assert assignment is not None
    answer = simulated_labeler.choose_answer(assignment, random.Random(4), noise=0.0)
    by_id = {r.pk: r.text for r in assignment.comparison.responses.all()}
    assert [by_id[tier[0]] for tier in answer.tiers] == [texts[1], texts[0], texts[2]]


def test_the_command_says_what_is_wrong_with_its_options() -> None:
    make_project(slug="here", overlap=3)
    for options, words in [
        (("nowhere",), "no project"),
        (("here", "--noise", "2"), "from 0 to 1"),
        (("here", "--labelers", "2"), "--labelers 3"),
        (("here", "--judgments", "0"), "start at 1"),
    ]:
        with pytest.raises(CommandError, match=words):
            call_command("simulate", *options)


def test_the_command_prints_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    make_comparisons(make_project(slug="here"), 6)
    call_command("simulate", "here", "--judgments", "6", "--labelers", "2", "--noise", "0.1")
    printed = capsys.readouterr().out
    assert "6 judgments in" in printed
    assert "no judgment lost" in printed


def test_the_demo_project_can_be_labeled_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("create_demo")
    assert "1600 prompts and 80 comparisons" in capsys.readouterr().out
    project = Project.objects.get(slug="demo")
    assert Comparison.objects.filter(project=project, slots_left=1).count() == 80
    roles = dict(Membership.objects.values_list("user__username", "role"))
    assert roles == {f"demo-{role}": role for role in ("labeler", "curator", "admin")}
    assert not any(m.user.has_usable_password() for m in project.memberships.all())
    assert project.guidelines is not None
    assert "polite" in project.guidelines.text
    policy = versions.loop_of(project).policy
    assert policy is not None
    folder = Path(model_locations.resolve(policy.location, policy.project))
    assert (folder / "model.safetensors").is_file()


def test_making_the_demo_project_again_changes_nothing() -> None:
    demo_project.create()
    project = Project.objects.get(slug="demo")
    LoopSettings.objects.update(retrain_after=99)
    made = demo_project.create()
    project.refresh_from_db()
    assert (made.is_new, project.loop_settings.retrain_after) == (False, 99)
    assert (project.prompts.count(), project.policies.count()) == (1600, 1)


def test_a_demo_without_its_policy_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo_project, "POLICY", "/no/such/folder")
    call_command("create_demo")
    assert "nothing will be sampled" in capsys.readouterr().err
