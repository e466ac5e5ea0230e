"""The loop at a glance."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from modeling.loop import by_hand, rounds
from modeling.loop.overview import loop_summary
from modeling.models import RewardModel, Run
from modeling.reward_models.accuracy import accuracy_of
from tests.factories import claim, claim_and_judge, make_comparisons, make_member, make_project
from tests.modeling.loop_helpers import advance_one, execute, label, loop_project, train_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_counts_what_people_did_and_what_waits(tmp_path: Path) -> None:
    project = loop_project(tmp_path, overlap=2)
    first, second = make_member(project), make_member(project)
    rounds.advance(project)
    for _ in range(3):
        claim_and_judge(first, project)
    claim_and_judge(second, project)
    assert claim(second, project)
    summary = loop_summary(project)
    assert (summary.judgments, summary.judgments_today, summary.preferences) == (4, 4, 1)
    assert (summary.queue.fresh, summary.queue.waiting, summary.queue.in_hand) == (27, 1, 1)
    assert summary.next_step.needed >= 10


def test_it_shows_what_is_in_service_with_its_accuracy(tmp_path: Path) -> None:
    project = loop_project(tmp_path)
    train_once(project)
    rounds.advance(project)
    summary = loop_summary(project)
    assert summary.policy is not None
    assert summary.reward_model is not None
    assert summary.accuracy is not None
    assert (summary.accuracy.split, summary.accuracy.value, summary.accuracy.n) == (
        "test",
        0.75,
        12,
    )
    assert [run.kind for run in summary.active_runs] == ["sample"]
    assert "starts" not in summary.next_step.text


def test_an_empty_project_has_a_summary_too() -> None:
    summary = loop_summary(make_project())
    assert (summary.policy, summary.reward_model, summary.accuracy) == (None, None, None)
    assert summary.queue.random_measured is None


def test_what_a_model_was_trained_on_does_not_say_how_good_it_is() -> None:
    share = {"value": 1.0, "low": 0.8, "high": 1.0, "n": 15}
    assert accuracy_of(RewardModel(results={"accuracy": {"train": share}})) is None
    both = accuracy_of(RewardModel(results={"accuracy": {"train": share, "dev": share}}))
    assert both is not None
    assert both.split == "dev"


def test_a_failed_training_is_an_alarm_with_its_reason(tmp_path: Path) -> None:
    project = loop_project(tmp_path, behaviour="refuse")
    run = train_once(project)
    (alarm,) = loop_summary(project).alarms
    assert alarm.run == run
    assert "The folder has no weights." in alarm.text


def test_a_run_that_nobody_takes_is_an_alarm(tmp_path: Path) -> None:
    project = loop_project(tmp_path)
    label(project, 10)
    advance_one(project)
    assert loop_summary(project).alarms == []
    Run.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    (alarm,) = loop_summary(project).alarms
    assert "worker" in alarm.text


def test_a_vanished_policy_is_an_alarm(tmp_path: Path) -> None:
    project = loop_project(tmp_path)
    (tmp_path / "policy").rename(tmp_path / "elsewhere")
    (alarm,) = loop_summary(project).alarms
    assert "no folder" in alarm.text


def test_a_reward_model_in_service_that_has_vanished_is_an_alarm(tmp_path: Path) -> None:
    project = loop_project(tmp_path)
    train_once(project)
    rounds.advance(project)
    assert loop_summary(project).alarms == []
    live = RewardModel.objects.get(project=project)
    live.path.rename(tmp_path / "elsewhere")
    (alarm,) = loop_summary(project).alarms
    assert alarm.tone == "danger"
    assert f"cannot be used. The folder {live.folder} is gone." in alarm.text


def test_many_labelers_at_once_have_outgrown_sqlite() -> None:
    project = make_project(base_model="org/name")
    make_comparisons(project, 16)
    people = [make_member(project) for _ in range(16)]
    for labeler in people[:-1]:
        assert claim(labeler, project)
    assert loop_summary(project).alarms == []
    assert claim(people[-1], project)
    told = [alarm.text for alarm in loop_summary(project).alarms]
    assert len(told) == (connection.vendor == "sqlite")
    assert all("PostgreSQL" in text for text in told)


def test_its_cost_does_not_grow_with_the_queue(
    tmp_path: Path, django_assert_max_num_queries: pytest.FixtureRequest
) -> None:
    project = loop_project(tmp_path)
    execute(by_hand.start_sampling_now(project, make_member(project, "admin")))
    make_comparisons(project, 40)
    with django_assert_max_num_queries(25):  # type: ignore[operator]
        loop_summary(project)


def test_it_says_from_the_first_comparison_on_that_a_model_to_start_from_is_missing() -> None:
    """And not only when people have labeled enough for a training that cannot be."""
    project = make_project(retrain_after=10)
    assert loop_summary(project).alarms == []
    make_comparisons(project, 12)
    (alarm,) = loop_summary(project).alarms
    assert "needs a model to start from" in alarm.text
    label(project, 10)
    summary = loop_summary(project)
    assert summary.alarms == []
    assert "base model" in summary.next_step.text
