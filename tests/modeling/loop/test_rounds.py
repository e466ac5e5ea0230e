"""The loop's rule book, end to end with fake programs: what follows what."""

from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection

from labeling.models import Comparison
from modeling.loop import by_hand, rounds
from modeling.loop.steps import StepKind
from modeling.models import RewardModel, Round, Run, versions
from modeling.pipeline import outputs
from modeling.policies import registry
from modeling.selection import ordering
from tests.factories import make_comparisons, make_member, make_project, make_prompt, set_loop
from tests.modeling.loop_helpers import (
    advance_one,
    execute,
    label,
    loop_project,
    make_policy,
    train_once,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_training_is_queued_when_enough_preferences_are_new(tmp_path: Path) -> None:
    project = loop_project(tmp_path)
    labeler = label(project, 9)
    assert rounds.advance(project) == []
    label(project, 1, labeler)
    run = advance_one(project)
    assert (run.kind, run.state, run.snapshot.count) == ("train_reward", "queued", 10)
    assert Round.objects.get(project=project).state == Round.State.TRAINING


def test_advancing_again_changes_nothing(tmp_path: Path) -> None:
    project = loop_project(tmp_path)
    label(project, 10)
    advance_one(project)
    assert rounds.advance(project) == []
    assert Run.objects.count() == 1


def test_a_trained_model_goes_live_and_new_pairs_are_sampled(tmp_path: Path) -> None:
    project = loop_project(tmp_path)
    train_once(project)
    sampling = advance_one(project)
    assert sampling.kind == Run.Kind.SAMPLE
    live = RewardModel.objects.get(project=project)
    assert live.status == RewardModel.Status.LIVE
    assert versions.loop_of(project).reward_model == live
    assert [r.state for r in Round.objects.order_by("number")] == ["finished", "sampling"]
    execute(sampling)
    assert sampling.state == Run.State.SUCCEEDED, sampling.error
    sampled = Comparison.objects.filter(project=project, round_number=2)
    assert sampled.count() == sampling.results["comparisons"] == 6
    assert rounds.advance(project) == []
    assert Round.objects.get(number=2).state == Round.State.LABELING


def test_the_loop_turns_again_with_the_new_pairs(tmp_path: Path) -> None:
    project = loop_project(tmp_path)
    for _ in range(2):
        train_once(project)
        execute(advance_one(project))
    rounds.advance(project)
    assert RewardModel.objects.filter(project=project).count() == 2
    assert list(RewardModel.objects.order_by("version").values_list("status", flat=True)) == [
        "retired",
        "live",
    ]
    assert Comparison.objects.filter(project=project, round_number=3).count() == 6


def test_a_new_project_samples_before_there_is_anything_to_judge(tmp_path: Path) -> None:
    project = make_project(sample_prompts=5, queue_target=50)
    for _ in range(8):
        make_prompt(project)
    make_policy(project, tmp_path / "policy")
    run = execute(advance_one(project))
    assert run.results["comparisons"] == 5
    priorities = set(project.comparisons.values_list("priority", flat=True))
    assert len(priorities) == 5, "without a reward model the order is random"


def test_a_full_queue_is_ranked_and_not_added_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no answer waits meanwhile: on SQLite none is saved while a transaction is open."""
    project = loop_project(tmp_path, comparisons=30, queue_target=15)
    train_once(project)
    run = advance_one(project)
    assert run.kind == Run.Kind.SCORE
    waits = []

    def watched(*arguments: Any) -> int:
        waits.append(connection.in_atomic_block)
        return ordering.rank_queue(*arguments)

    monkeypatch.setattr(outputs, "rank_queue", watched)
    execute(run)
    assert waits == [False]
    assert run.results["ranked"] == 20
    assert project.comparisons.filter(slots_left__gt=0, priority__gt=0).count() == 20


def test_a_queue_that_cannot_be_ranked_fails_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    project = loop_project(tmp_path, comparisons=30, queue_target=15)
    train_once(project)
    run = advance_one(project)

    def away(*_: object) -> int:
        raise OperationalError("the database is away")

    monkeypatch.setattr(outputs, "rank_queue", away)
    execute(run)
    assert (run.state, run.error) == (Run.State.SUCCEEDED, "")
    assert "ranked" not in run.results
    assert "could not be put in order" in caplog.text


def test_a_queue_that_runs_dry_is_filled_before_the_next_training(tmp_path: Path) -> None:
    project = loop_project(tmp_path, retrain_after=100, comparisons=12)
    assert rounds.advance(project) == []
    label(project, 3)
    assert advance_one(project).kind == Run.Kind.SAMPLE


def test_a_policy_with_one_answer_is_not_sampled_for_ever(tmp_path: Path) -> None:
    project = loop_project(tmp_path, retrain_after=100, comparisons=2)
    (tmp_path / "policy" / "always_the_same").touch()
    labeler = label(project, 1)
    run = execute(advance_one(project))
    assert run.results["comparisons"] == 0
    assert run.results["identical"] == run.results["prompts"] > 0
    assert rounds.advance(project) == []
    label(project, 1, labeler)
    step = rounds.next_step(project)
    assert step.kind == StepKind.STUCK
    assert "temperature" in step.text


def test_a_new_policy_takes_over_sampling_at_once(tmp_path: Path) -> None:
    project = loop_project(tmp_path, comparisons=12, queue_target=40)
    execute(advance_one(project))
    assert rounds.advance(project) == []
    second = make_policy(project, tmp_path / "better")
    assert advance_one(project).policy == second


def test_a_failed_training_is_not_tried_again_on_the_same_data(tmp_path: Path) -> None:
    project = loop_project(tmp_path, behaviour="refuse", comparisons=40)
    assert train_once(project).state == Run.State.FAILED
    sampling = advance_one(project)
    assert sampling.kind == Run.Kind.SAMPLE
    assert Round.objects.get(number=1).state == Round.State.FAILED
    execute(sampling)
    assert rounds.advance(project) == []
    label(project, 10)
    assert advance_one(project).kind == Run.Kind.TRAIN_REWARD


def test_a_switched_off_loop_does_nothing_by_itself(tmp_path: Path) -> None:
    project = loop_project(tmp_path, loop_enabled=False)
    label(project, 10)
    assert rounds.advance(project) == []
    assert rounds.next_step(project).kind == StepKind.OFF
    assert by_hand.start_training_now(project, make_member(project)).state == Run.State.QUEUED


def test_an_excluded_preference_does_not_count(tmp_path: Path) -> None:
    project = loop_project(tmp_path)
    curator = make_member(project, "curator")
    label(project, 9)
    project.preferences.update(excluded=True, excluded_reason="a test", excluded_by=curator)
    label(project, 3)
    assert rounds.next_step(project).done == 3


def test_without_policy_and_base_model_it_says_what_is_missing() -> None:
    project = make_project(retrain_after=10)
    make_comparisons(project, 12)
    label(project, 10)
    rounds.advance(project)
    step = rounds.next_step(project)
    assert step.kind == StepKind.NEEDS_MODEL
    assert "base model" in step.text


def test_without_a_policy_the_queue_is_ranked_by_the_first_model(tmp_path: Path) -> None:
    project = loop_project(tmp_path)
    location = versions.loop_of(project).policy.location
    registry.Loop.objects.update(policy=None)
    set_loop(project, base_model=location)
    train_once(project)
    assert advance_one(project).kind == Run.Kind.SCORE


def test_nothing_to_compare_and_no_policy_asks_for_material() -> None:
    project = make_project()
    rounds.advance(project)
    step = rounds.next_step(project)
    assert step.kind == StepKind.NEEDS_MATERIAL
    assert "Import" in step.text


def test_the_countdown_counts(tmp_path: Path) -> None:
    project = loop_project(tmp_path)
    rounds.advance(project)
    label(project, 4)
    step = rounds.next_step(project)
    assert (step.kind, step.done, step.needed) == (StepKind.LABEL, 4, 10)
    assert "After 6 more preferences" in step.text


def test_training_by_hand_needs_new_preferences(tmp_path: Path) -> None:
    project = loop_project(tmp_path)
    admin = make_member(project, "admin")
    with pytest.raises(by_hand.CannotStart, match="no preferences"):
        by_hand.start_training_now(project, admin)
    label(project, 4)
    run = by_hand.start_training_now(project, admin)
    assert run.created_by == admin
    with pytest.raises(by_hand.CannotStart, match="under way"):
        by_hand.start_training_now(project, admin)
    execute(run)
    rounds.advance(project)
    with pytest.raises(by_hand.CannotStart, match="exactly these"):
        by_hand.start_training_now(project, admin)


def test_sampling_by_hand_does_not_mind_a_full_queue(tmp_path: Path) -> None:
    project = loop_project(tmp_path)
    run = execute(by_hand.start_sampling_now(project, make_member(project, "admin")))
    assert run.results["comparisons"] == 6


def test_trouble_in_one_project_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, fine = loop_project(tmp_path / "a"), loop_project(tmp_path / "b")
    label(fine, 10)
    advance = rounds.advance

    def fail_for_broken(project, now=None):  # type: ignore[no-untyped-def]
        if project == broken:
            raise RuntimeError("a bug")
        return advance(project, now)

    monkeypatch.setattr(rounds, "advance", fail_for_broken)
    assert [run.project for run in rounds.advance_all(rounds.timezone.now())] == [fine]
