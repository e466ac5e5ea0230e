"""Test-then-train: what is foretold, when it counts, and when it raises an alarm."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from labeling.models import Comparison, Preference, Project
from modeling.loop import rounds
from modeling.loop.rulebook import decide_next_step
from modeling.loop.situation import Situation
from modeling.loop.steps import StepKind
from modeling.models import Foretold, RewardModel, Score
from modeling.reward_models import drift, service
from tests.factories import claim_and_judge, make_comparisons, make_member, make_project
from tests.modeling.loop_helpers import advance_one, execute, label, loop_project, train_once
from tests.modeling.page_helpers import make_reward_model, with_folder

pytestmark = pytest.mark.django_db(transaction=True)


def live_model(project: Project) -> RewardModel:
    """In service since an hour ago, promising at least 70 %."""
    figure = {"value": 0.75, "low": 0.7, "high": 0.8, "n": 100}
    model = make_reward_model(project, results={"evaluation": {"accuracy": figure}})
    model.snapshot.last_settled_at = timezone.now() - timedelta(hours=1)
    model.snapshot.save()
    return model


def judged(project: Project, count: int) -> list[Preference]:
    make_comparisons(project, count)
    labeler = make_member(project)
    for _ in range(count):
        claim_and_judge(labeler, project)
    known = Preference.objects.filter(project=project, foretold__isnull=True)
    known.update(arm=Comparison.Arm.RANDOM)
    return list(known)


def score(model: RewardModel, preference: Preference, chosen: float, rejected: float) -> None:
    for response_id, value in ((preference.chosen_id, chosen), (preference.rejected_id, rejected)):
        Score.objects.create(reward_model=model, response_id=response_id, value=value)


def foretell(project: Project, model: RewardModel, right: int, wrong: int) -> None:
    for at, preference in enumerate(judged(project, right + wrong)):
        score(model, preference, 1.0 if at < right else -1.0, 0.0)
    assert drift.note_foretold(project, model) == right + wrong


def test_a_random_judgment_is_foretold_by_the_model_that_had_scored_it() -> None:
    project = make_project()
    model = live_model(project)
    first, second, unscored = judged(project, 3)
    score(model, first, 2.0, 1.0)
    score(model, second, 1.0, 1.0)
    assert drift.note_foretold(project, model) == 2
    assert drift.note_foretold(project, model) == 0
    told = {row.preference_id: (row.margin, row.point) for row in Foretold.objects.all()}
    assert told == {first.pk: (1.0, 1.0), second.pk: (0.0, 0.5)}
    assert unscored.pk not in told


def test_what_the_model_may_have_learned_from_or_was_chosen_for_it_does_not_count() -> None:
    project = make_project()
    model = live_model(project)
    active, old = judged(project, 2)
    score(model, active, 2.0, 1.0)
    score(model, old, 2.0, 1.0)
    Preference.objects.filter(pk=active.pk).update(arm=Comparison.Arm.ACTIVE)
    Preference.objects.filter(pk=old.pk).update(settled_at=model.snapshot.last_settled_at)
    assert drift.note_foretold(project, model) == 0
    assert drift.note_foretold(project, None) == 0


def test_one_very_sure_mistake_costs_at_most_the_log_of_a_hundred() -> None:
    assert drift.clipped_loss(-1e6, 1.0, 1.0) == pytest.approx(4.60517, abs=1e-4)
    assert drift.clipped_loss(0.0, 1.0, 1.0) == pytest.approx(0.693147, abs=1e-6)
    assert drift.clipped_loss(2.0, 1.0, 2.0) == pytest.approx(0.313262, abs=1e-6)


def test_running_accuracy_is_kept_per_policy_version() -> None:
    project = make_project()
    model = live_model(project)
    foretell(project, model, 3, 1)
    Foretold.objects.filter(point=0).update(policy_version=2)
    overall, *parts = drift.prequential(model)
    assert (overall.policy_version, overall.accuracy.value, overall.accuracy.n) == (None, 0.75, 4)
    values = {part.policy_version: part.accuracy.value for part in parts}
    assert values == {0: 1.0, 2: 0.0}
    assert (overall.accuracy.low, overall.accuracy.high) == (0.0, 1.0)


def test_an_alarm_needs_certainty_and_starts_a_training_ahead_of_time() -> None:
    """12 of 12 wrong: at most 0.56, below the promised 0.70. 6 of 12 is no alarm."""
    project = make_project(base_model="org/base", retrain_after=500)
    model = live_model(project)
    service.make_live(with_folder(model), None)
    foretell(project, model, 6, 6)
    assert drift.alarm_of(model) == ""
    Foretold.objects.update(point=0.0)
    assert "has drifted" in drift.alarm_of(model)
    rounds.advance(project)
    run = project.runs.filter(kind="train_reward", state="queued").get()
    assert run.config["incumbent"] == model.pk


def test_without_new_preferences_an_alarm_starts_nothing() -> None:
    project = make_project(base_model="org/base", retrain_after=500)
    model = live_model(project)
    service.make_live(with_folder(model), None)
    foretell(project, model, 0, 9)
    Foretold.objects.update(loss=4.6)
    step = decide_next_step(Situation(project))
    assert step.kind != StepKind.TRAIN


def test_claims_worse_than_a_coin_are_an_alarm_of_their_own() -> None:
    project = make_project()
    model = live_model(project)
    foretell(project, model, 30, 0)
    Foretold.objects.update(loss=4.6)
    assert "tossing a coin" in drift.alarm_of(model)


def test_the_next_training_asks_the_incumbent_about_what_it_had_not_ranked(tmp_path: Path) -> None:
    project = loop_project(tmp_path, comparisons=60)
    train_once(project)
    execute(advance_one(project))  # samples; the queue is ranked
    Score.objects.all().delete()
    labeler = label(project, 9)
    Preference.objects.filter(project=project).update(arm=Comparison.Arm.RANDOM)
    Foretold.objects.all().delete()
    Score.objects.all().delete()
    claim_and_judge(labeler, project)
    Preference.objects.filter(project=project).update(arm=Comparison.Arm.RANDOM)
    run = execute(advance_one(project))
    assert run.state == "succeeded", run.error
    assert Foretold.objects.filter(reward_model__version=1).count() == 10
    assert RewardModel.objects.get(run=run).results["evaluation"] is not None


def test_an_incumbent_that_cannot_be_read_holds_up_no_training(tmp_path: Path) -> None:
    project = loop_project(tmp_path, comparisons=60)
    train_once(project)
    execute(advance_one(project))
    label(project, 10)
    live = RewardModel.objects.get()
    (live.path / "behaviour").write_text("refuse")
    run = execute(advance_one(project))
    assert run.state == "succeeded", run.error
    assert not Foretold.objects.exists() or (run.folder / "score" / "error.json").exists()
