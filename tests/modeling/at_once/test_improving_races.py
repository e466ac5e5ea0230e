"""Workers and people at the same moment, while a policy is improved, compared and decided on."""

from pathlib import Path

import pytest

from labeling.models import AuditEntry, Project
from modeling.loop import rounds
from modeling.loop.situation import Situation
from modeling.models import BlindPair, Policy, Round, Run, versions
from modeling.policies import promotion
from tests.factories import make_member
from tests.modeling.at_once.test_races import at_once
from tests.modeling.improvement_helpers import (
    improving_project,
    judge_blind,
    until_comparison,
    until_improvement,
)
from tests.modeling.loop_helpers import advance_one, execute, label

pytestmark = pytest.mark.django_db(transaction=True)

State = Round.State


def advance_four_times(project: Project) -> None:
    at_once(*[lambda: rounds.advance(project)] * 4)


def test_the_policy_is_improved_once(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    label(project, 10)
    execute(advance_one(project))
    for _ in range(2):  # a sampling may come first
        advance_four_times(project)
        for run in Run.objects.filter(kind=Run.Kind.SAMPLE, state=Run.State.QUEUED):
            execute(run)
    assert Run.objects.filter(kind=Run.Kind.TRAIN_POLICY).count() == 1
    assert Round.objects.get().state == State.IMPROVING


def test_the_candidate_is_checked_and_sampled_for_once(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    execute(until_improvement(project))
    advance_four_times(project)
    assert Run.objects.filter(kind=Run.Kind.COMPARE).count() == 1
    assert Round.objects.get().state == State.COMPARING


def test_the_verdict_is_given_once(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    until_comparison(project)
    judge_blind(project, 10)
    advance_four_times(project)
    assert AuditEntry.objects.filter(action="policy put in service", actor=None).count() == 1 + 1
    states = Round.objects.order_by("number").values_list("state", flat=True)
    assert list(states) == [State.PROMOTED, State.SAMPLING]
    assert Run.objects.filter(kind=Run.Kind.SAMPLE, state=Run.State.QUEUED).count() == 1
    assert Policy.objects.count() == 2


def test_a_person_and_the_loop_do_not_both_decide(tmp_path: Path) -> None:
    """The loop would promote; somebody rejects. Whoever is first is right, and all rows agree."""
    project = improving_project(tmp_path)
    round_ = until_comparison(project)
    judge_blind(project, 10)
    candidate, admin = round_.candidate, make_member(project, "admin")
    assert candidate is not None
    at_once(
        lambda: rounds.advance(project),
        lambda: promotion.reject_policy(Policy.objects.get(pk=candidate.pk), admin, "no"),
        lambda: rounds.advance(project),
    )
    rounds.advance(project)
    candidate.refresh_from_db()
    round_.refresh_from_db()
    in_service = versions.loop_of(project).policy == candidate
    assert (round_.state, candidate.status) == (
        (State.PROMOTED, "accepted") if in_service else (State.REJECTED, "rejected")
    )


def test_a_worker_that_decided_long_ago_changes_nothing(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    round_ = until_comparison(project)
    judge_blind(project, 10)
    late = Situation(project)
    assert late.round is not None and late.round.state == State.COMPARING
    promotion.reject_policy(Policy.objects.get(version=2), make_member(project, "admin"), "no")
    assert not promotion.finish(late.round, State.PROMOTED, "too late")
    round_.refresh_from_db()
    assert (round_.state, round_.reason) == (State.REJECTED, "no")
    assert versions.loop_of(project).policy == round_.policy


def test_pairs_of_a_comparison_that_is_over_are_not_queued(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    execute(until_improvement(project))
    run = advance_one(project)
    promotion.reject_policy(Policy.objects.get(version=2), make_member(project, "admin"), "no")
    execute(run)
    assert run.state == Run.State.SUCCEEDED, run.error
    assert not BlindPair.objects.exists()
    assert "nothing was queued" in run.results["note"]


def test_a_killed_worker_loses_no_step(tmp_path: Path) -> None:
    """The improvement dies once and goes on; the round comes to its verdict all the same."""
    project = improving_project(tmp_path)
    run = until_improvement(project)
    (tmp_path / "policy" / "behaviour").write_text("die_once")
    assert execute(run).state == Run.State.QUEUED
    assert rounds.advance(project) == []
    assert execute(run).state == Run.State.SUCCEEDED, run.error
    (tmp_path / "policy" / "behaviour").write_text("")
    execute(advance_one(project))
    rounds.advance(project)
    judge_blind(project, 10)
    rounds.advance(project)
    assert Round.objects.get(number=1).state == State.PROMOTED
