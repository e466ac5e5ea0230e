"""Cancelling, trying again, and finding runs that nobody works at."""

import subprocess
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from labeling.models import AuditEntry
from modeling.models import Run
from modeling.runs import lifecycle
from modeling.runs.lifecycle import CannotRetry
from modeling.runs.silence import SilenceWatch
from tests.factories import make_member, make_project
from tests.modeling.page_helpers import log_metrics, make_run

pytestmark = pytest.mark.django_db(transaction=True)
State = Run.State
ENDED = (State.SUCCEEDED, State.FAILED, State.CANCELLED)


def make(state: str, **fields: Any) -> Run:
    return make_run(make_project(), state, **{"kind": Run.Kind.SAMPLE} | fields)


@pytest.mark.parametrize("state", ENDED)
def test_a_run_that_has_ended_cannot_be_cancelled(state: str) -> None:
    run = make(state)
    assert not lifecycle.can_cancel(run)
    assert not lifecycle.request_cancel(run, None)
    run.refresh_from_db()
    assert (run.state, run.cancel_requested) == (state, False)
    assert not AuditEntry.objects.exists()


def test_a_run_is_asked_to_stop_once_however_often_somebody_clicks() -> None:
    run = make(State.RUNNING)
    by = make_member(run.project)
    assert [lifecycle.request_cancel(run, by) for _ in range(3)] == [True, False, False]
    assert (run.state, run.cancel_requested) == (State.RUNNING, True), "its worker ends it"
    assert not lifecycle.can_cancel(run)
    (entry,) = AuditEntry.objects.filter(action="run cancelled")
    assert entry.actor == by


def test_a_waiting_run_that_a_worker_has_taken_meanwhile_is_asked_to_stop() -> None:
    run = make(State.QUEUED)
    Run.objects.filter(pk=run.pk).update(state=State.RUNNING)  # the page was from before
    assert lifecycle.request_cancel(run, None)
    assert (run.state, run.cancel_requested, run.finished_at) == (State.RUNNING, True, None)


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.SUCCEEDED])
def test_only_what_failed_or_was_cancelled_is_tried_again(state: str) -> None:
    run = make(state)
    assert not lifecycle.can_retry(run)
    with pytest.raises(CannotRetry, match="Only a run that failed or was cancelled"):
        lifecycle.retry(run, None)
    run.refresh_from_db()
    assert run.state == state


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
def test_a_run_that_is_tried_again_has_all_its_attempts_before_it(state: str) -> None:
    run = make(
        state, attempt=Run.MAX_ATTEMPTS, error="It died.", cancel_requested=True,
        seconds_left=3.0, finished_at=timezone.now(), progress=0.5,
    )  # fmt: skip
    lifecycle.retry(run, None)
    assert (run.state, run.attempt, run.error) == (State.QUEUED, 0, "")
    assert (run.cancel_requested, run.seconds_left, run.finished_at) == (False, None, None)
    assert run.progress == 0.5, "it goes on from its checkpoint"


def test_it_is_said_before_and_after_that_another_of_its_kind_is_under_way() -> None:
    run = make(State.FAILED)
    make_run(run.project, State.QUEUED, kind=Run.Kind.SAMPLE)
    words = "Another run of this kind (sample responses) is under way"
    assert lifecycle.why_not_retry(run).startswith(words)
    with pytest.raises(CannotRetry) as refused:
        lifecycle.retry(run, None)
    assert str(refused.value).startswith(words)
    run.refresh_from_db()
    assert run.state == State.FAILED and not AuditEntry.objects.exists()


def test_runs_of_other_kinds_and_projects_are_not_in_the_way() -> None:
    run = make(State.FAILED)
    make_run(run.project, State.RUNNING, kind=Run.Kind.SCORE)
    make(State.RUNNING)
    assert lifecycle.why_not_retry(run) == ""
    lifecycle.retry(run, None)
    assert run.state == State.QUEUED


def test_a_base_model_matters_to_trainings_of_reward_models_alone() -> None:
    gone = {"base_model": "runs/99999/model"}
    assert lifecycle.why_not_retry(make(State.FAILED, config=gone)) == ""
    training = make(State.FAILED, kind=Run.Kind.TRAIN_REWARD, config=gone)
    assert lifecycle.why_not_retry(training).startswith("The base model of this run cannot be")
    without = make(State.FAILED, kind=Run.Kind.TRAIN_REWARD, config={})
    assert lifecycle.why_not_retry(without) == ""


def test_a_message_is_taken_for_lost_after_a_moment() -> None:
    """The oldest run first, and none that has just been queued."""
    now = timezone.now()
    ages = [0.5, 3.0, 3600.0, -3600.0]
    runs = [make(State.QUEUED) for _ in ages]
    for run, age in zip(runs, ages, strict=True):
        Run.objects.filter(pk=run.pk).update(created_at=now - timedelta(seconds=age))
    for state in (State.RUNNING, *ENDED):
        Run.objects.filter(pk=make(state).pk).update(created_at=now - timedelta(hours=1))
    assert lifecycle.waiting(now) == [run.pk for run in runs[1:]]


@pytest.fixture
def _steady_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has begun long ago, and whose clock nobody has set since."""
    watch = SilenceWatch(lifecycle.STALE_AFTER, timezone.now(), 10_000.0)
    monkeypatch.setattr(lifecycle, "_watch", watch)


def taken(run: Run) -> Run | None:
    """As beat finds it, an hour after its last sign of life."""
    now = timezone.now()
    Run.objects.filter(pk=run.pk).update(heartbeat_at=now - timedelta(hours=1))
    runs = lifecycle.requeue_abandoned(now, 10_000.0)
    return runs[0] if runs else None


@pytest.mark.usefixtures("_steady_clock")
@pytest.mark.parametrize("attempt", range(1, Run.MAX_ATTEMPTS))
def test_a_run_is_given_to_another_worker_as_long_as_it_has_attempts(attempt: int) -> None:
    run = taken(make(State.RUNNING, attempt=attempt, seconds_left=9.0))
    assert run is not None
    assert (run.state, run.attempt, run.seconds_left) == (State.QUEUED, attempt, None)


@pytest.mark.usefixtures("_steady_clock")
def test_the_last_attempt_fails_with_the_end_of_its_log() -> None:
    run = make(State.RUNNING, attempt=Run.MAX_ATTEMPTS)
    run.folder.mkdir(parents=True)
    lifecycle.log_path(run).write_bytes(b"loading\nnul \x00 and all\n")
    run = taken(run)
    assert run is not None and run.state == State.FAILED and run.finished_at is not None
    assert run.error.startswith(f"The worker died {Run.MAX_ATTEMPTS} times during this run")
    assert run.error.endswith("loading\nnul  and all"), "PostgreSQL stores no NUL"


@pytest.mark.usefixtures("_steady_clock")
def test_a_sign_of_life_in_the_last_moment_saves_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its worker was only slow: what it has just written counts."""
    run = make(State.RUNNING, attempt=1)
    take = lifecycle._take_from_worker

    def after_a_sign(seen: Run, now: Any) -> bool:
        Run.objects.filter(pk=seen.pk).update(heartbeat_at=now)
        return take(seen, now)

    monkeypatch.setattr(lifecycle, "_take_from_worker", after_a_sign)
    assert taken(run) is None
    run.refresh_from_db()
    assert run.state == State.RUNNING


def test_of_two_who_find_a_run_abandoned_one_takes_it() -> None:
    run = make(State.RUNNING, attempt=1)
    first, second = (Run.objects.select_related("project").get(pk=run.pk) for _ in range(2))
    now = timezone.now()
    assert [lifecycle._take_from_worker(seen, now) for seen in (first, second)] == [True, False]


def test_curves_are_by_step_and_of_the_names_asked_for() -> None:
    run = make(State.RUNNING)
    log_metrics(run, "loss", [0.5, 0.25])
    log_metrics(run, "kl", [1.0])
    assert lifecycle.curves(run, ["loss", "none"]) == {"loss": [(1, 0.5), (2, 0.25)]}
    assert set(lifecycle.curves(run)) == {"kl", "loss"}
    assert lifecycle.curves(run, []) == {}


@pytest.fixture
def no_memory_of_the_version() -> Any:
    lifecycle.code_version.cache_clear()
    yield
    lifecycle.code_version.cache_clear()


@pytest.mark.usefixtures("no_memory_of_the_version")
def test_the_version_is_the_operators_word_or_the_commit_or_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CODE_VERSION", "v" * 99)
    assert lifecycle.code_version() == "v" * 60, "as long as its column"
    monkeypatch.delenv("CODE_VERSION")
    lifecycle.code_version.cache_clear()

    def no_git(*_: Any, **__: Any) -> None:
        raise subprocess.CalledProcessError(128, "git")

    monkeypatch.setattr(lifecycle.subprocess, "run", no_git)
    assert lifecycle.code_version() == ""
