"""Carrying out runs: real child processes that succeed, refuse, crash, hang or are killed."""

import errno
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import connection, connections
from django.utils import timezone

from labeling.models import AuditEntry, Comparison, Response
from labeling.preferences.snapshots import verify
from modeling.core.program import files
from modeling.loop import by_hand
from modeling.models import Metric, ResponseFeatures, RewardModel, Run, Score
from modeling.pipeline import executing, outputs
from modeling.runs import lifecycle, programs
from tests.factories import make_member
from tests.modeling.loop_helpers import (
    FAKE,
    advance_one,
    execute,
    label,
    long_ago,
    loop_project,
    train_once,
)

pytestmark = pytest.mark.django_db(transaction=True)


def queued_training(tmp_path: Path, behaviour: str = "") -> Run:
    project = loop_project(tmp_path, behaviour=behaviour)
    label(project, 10)
    return advance_one(project)


def wait_until(is_so: Callable[[], object], seconds: float = 15.0) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def in_thread(run: Run, **options: object) -> threading.Thread:
    def work() -> None:
        try:
            executing.execute(run.pk, **{"package": FAKE, "beat_seconds": 0.02} | options)  # type: ignore[arg-type]
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def program_of(run: Run) -> psutil.Process:
    """The hanging program, once it hangs."""
    wait_until(lambda: (run.folder / "hanging").exists() and (run.folder / "hanging").read_text())
    return psutil.Process(int((run.folder / "hanging").read_text()))


def test_a_training_leaves_a_reward_model_metrics_and_its_record(tmp_path: Path) -> None:
    run = execute(queued_training(tmp_path))
    assert (run.state, run.progress, run.attempt) == ("succeeded", 1.0, 1)
    model = RewardModel.objects.get(run=run)
    assert model.path.is_dir()
    assert model.results["data"] == 10
    assert lifecycle.curves(run) == {"train/loss": [(1, 1.0), (2, 0.5), (3, 1.0 / 3)]}
    assert "fake program: started" in lifecycle.log_tail(run)
    assert run.seed > 0


def test_nobodys_answer_waits_while_a_training_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction holds SQLite's one writer, and the figures take seconds."""
    in_transaction = []

    def evaluation_of(run: Run) -> dict[str, object]:
        in_transaction.append(connection.in_atomic_block)
        return {"contradicted": []}

    monkeypatch.setattr(outputs, "evaluation_of", evaluation_of)
    run = execute(queued_training(tmp_path))
    assert in_transaction == [False]
    told: dict[str, Any] = {"contradicted": []}
    assert run.results["evaluation"] == run.reward_model.results["evaluation"] == told


def test_a_model_in_service_that_cannot_score_is_a_warning_on_its_successor(
    tmp_path: Path,
) -> None:
    project = loop_project(tmp_path)
    train_once(project)
    execute(advance_one(project))  # samples, scored by the first model
    live = RewardModel.objects.get(project=project)
    (live.path / "behaviour").write_text("refuse")
    label(project, 10)
    run = execute(advance_one(project))
    assert run.state == Run.State.SUCCEEDED
    (warning,) = run.results["warnings"]
    assert warning.startswith("The model in service could not score")
    assert warning.endswith("The folder has no weights.")
    assert run.reward_model.results["warnings"] == [warning]


def test_a_sampling_leaves_responses_scores_and_ordered_pairs(tmp_path: Path) -> None:
    project = loop_project(tmp_path, random_share=0.0)
    train_once(project)
    run = execute(advance_one(project))
    responses = Response.objects.filter(prompt__project=project, origin="policy")
    assert responses.count() == run.results["responses"] == 24
    assert {r.policy_version for r in responses} == {1}
    assert Score.objects.filter(response__in=responses).count() == 24
    assert ResponseFeatures.objects.filter(response__in=responses).count() == 24
    # The fake reward is the length: the two shortest differ least, so theirs is the open question.
    pair = Comparison.objects.filter(round_number=2).first()
    assert pair is not None
    lengths = sorted(
        len(r.text) for r in Response.objects.filter(prompt=pair.prompt, origin="policy")
    )
    assert sorted(len(r.text) for r in pair.responses.all()) == lengths[:2]
    untouched = project.comparisons.filter(slots_left__gt=0, round_number=None)
    assert set(untouched.values_list("priority", flat=True)) != {0.0}


def test_a_program_that_says_what_is_wrong_is_quoted(tmp_path: Path) -> None:
    run = execute(queued_training(tmp_path, "refuse"))
    assert run.state == Run.State.FAILED
    assert run.error.startswith("The folder has no weights.\nAdd them.")
    assert "Last lines of the log" in run.error
    assert not RewardModel.objects.exists()


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("crash", "exit code 1"),
        ("killed", "ran out of memory"),
        ("silent", "without a result"),
    ],
)
def test_every_other_end_is_put_in_words(tmp_path: Path, behaviour: str, words: str) -> None:
    run = execute(queued_training(tmp_path, behaviour))
    assert run.state == Run.State.FAILED
    assert words in run.error


def test_the_log_of_a_crash_shows_the_traceback(tmp_path: Path) -> None:
    run = execute(queued_training(tmp_path, "crash"))
    assert "something nobody thought of" in run.error


def test_a_finished_run_is_not_carried_out_again(tmp_path: Path) -> None:
    run = execute(queued_training(tmp_path))
    assert executing.execute(run.pk, package=FAKE) is False


def test_progress_and_heartbeat_are_seen_while_it_runs(tmp_path: Path) -> None:
    run = queued_training(tmp_path, "hang")
    thread = in_thread(run)
    program = program_of(run)
    run.refresh_from_db()
    before = run.heartbeat_at
    wait_until(lambda: Run.objects.get(pk=run.pk).heartbeat_at > before)
    assert run.state == Run.State.RUNNING
    lifecycle.request_cancel(run, None)
    thread.join(15)
    assert not program.is_running()


def test_cancelling_stops_the_program_and_keeps_its_folder(tmp_path: Path) -> None:
    run = queued_training(tmp_path, "hang")
    thread = in_thread(run)
    program_of(run)
    admin = make_member(run.project, "admin")
    assert lifecycle.request_cancel(run, admin)
    assert not lifecycle.request_cancel(run, admin), "asked already"
    thread.join(15)
    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED
    assert run.folder.is_dir()
    assert AuditEntry.objects.filter(action="run cancelled", actor=admin).count() == 1


def test_a_program_that_ignores_the_request_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executing, "CANCEL_SECONDS", 0.1)
    run = queued_training(tmp_path, "stubborn")
    thread = in_thread(run)
    program = program_of(run)
    lifecycle.request_cancel(run, None)
    thread.join(15)
    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED
    assert not program.is_running()


def test_cancelling_a_waiting_run_needs_no_worker(tmp_path: Path) -> None:
    run = queued_training(tmp_path)
    assert lifecycle.request_cancel(run, None)
    assert execute(run).state == Run.State.CANCELLED


def test_a_cancelled_run_can_be_started_again(tmp_path: Path) -> None:
    run = queued_training(tmp_path)
    lifecycle.request_cancel(run, None)
    lifecycle.retry(run, make_member(run.project, "admin"))
    assert execute(run).state == Run.State.SUCCEEDED
    with pytest.raises(lifecycle.CannotRetry, match="failed or was cancelled"):
        lifecycle.retry(run, None)


def test_a_run_cannot_be_started_again_beside_another_of_its_kind(tmp_path: Path) -> None:
    run = execute(queued_training(tmp_path, "refuse"))
    label(run.project, 1)
    by_hand.start_training_now(run.project, make_member(run.project, "admin"))
    with pytest.raises(lifecycle.CannotRetry, match="under way"):
        lifecycle.retry(run, None)


def test_a_program_stopped_from_outside_goes_back_into_the_queue(tmp_path: Path) -> None:
    run = execute(queued_training(tmp_path, "die_once"))
    assert (run.state, run.attempt) == (Run.State.QUEUED, 0), "a worker's shutdown is no failure"
    run = execute(run)
    assert (run.state, run.attempt) == (Run.State.SUCCEEDED, 1)


def test_a_policy_whose_folder_is_gone_fails_in_words(tmp_path: Path) -> None:
    run = queued_training(tmp_path)
    (tmp_path / "policy").rename(tmp_path / "elsewhere")
    run = execute(run)
    assert run.state == Run.State.FAILED
    assert "is gone" in run.error
    (tmp_path / "elsewhere").rename(tmp_path / "policy")
    lifecycle.retry(run, None)
    assert execute(run).state == Run.State.SUCCEEDED


def test_a_full_disk_before_the_program_starts_fails_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = queued_training(tmp_path)
    with monkeypatch.context() as patch:

        def full(*_args: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr(files, "write_atomically", full)
        assert "disk is full" in execute(run).error
    lifecycle.retry(run, None)
    assert execute(run).state == Run.State.SUCCEEDED


def test_settings_that_the_program_does_not_take_fail_before_it_starts(tmp_path: Path) -> None:
    run = queued_training(tmp_path)
    Run.objects.filter(pk=run.pk).update(config=run.config | {"learning_rate": -1})
    run = execute(run)
    assert run.state == Run.State.FAILED
    assert run.error.startswith("'learning_rate' must be null or a number, above 0, not -1.")
    assert "Where: config.json: learning_rate" in run.error
    assert not (run.folder / "config.json").exists()


def test_a_damaged_snapshot_is_not_trained_on(tmp_path: Path) -> None:
    run = queued_training(tmp_path)
    path = verify(run.snapshot)
    path.chmod(0o644)
    path.write_text("{}\n")
    assert "changed after it was written" in execute(run).error


def test_metrics_of_a_resumed_program_are_stored_once(tmp_path: Path) -> None:
    run = queued_training(tmp_path)
    run.folder.mkdir(parents=True)
    line = b'{"step": 1, "time": 1.0, "metrics": {"train/loss": 1.0, "bad": NaN}}\n'
    (run.folder / "metrics.jsonl").write_bytes(line + b'{"step": 2, "time": 1.0, "metr')
    tail = executing.Tail(run, run.folder / "metrics.jsonl")
    tail.read()
    with (run.folder / "metrics.jsonl").open("ab") as file:
        file.write(b'{"step": 9}\n' + line)
    tail.read()
    assert list(Metric.objects.values_list("name", "step")) == [("train/loss", 1)]


def test_a_silent_run_goes_back_into_the_queue(tmp_path: Path) -> None:
    run = queued_training(tmp_path)
    assert executing.claim(run.pk)
    assert lifecycle.requeue_abandoned(timezone.now()) == []
    long_ago(run)
    assert lifecycle.requeue_abandoned(timezone.now()) == [run]
    assert execute(run).state == Run.State.SUCCEEDED
    assert run.attempt == 2


def test_after_three_dead_workers_the_run_fails_with_its_log(tmp_path: Path) -> None:
    run = queued_training(tmp_path)
    run.folder.mkdir(parents=True)
    (run.folder / "log.txt").write_text("step 17 of 90\n")
    for _ in range(3):
        assert executing.claim(run.pk)
        long_ago(run)
        lifecycle.requeue_abandoned(timezone.now())
    run.refresh_from_db()
    assert run.state == Run.State.FAILED
    assert "died 3 times" in run.error
    assert "step 17 of 90" in run.error


def test_a_silent_run_that_was_to_be_cancelled_is_cancelled(tmp_path: Path) -> None:
    run = queued_training(tmp_path)
    assert executing.claim(run.pk)
    lifecycle.request_cancel(run, None)
    long_ago(run)
    lifecycle.requeue_abandoned(timezone.now())
    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED


def test_a_run_that_was_queued_before_the_clock_was_set_back_is_waiting(tmp_path: Path) -> None:
    run = queued_training(tmp_path)
    now = timezone.now()
    assert lifecycle.waiting(now) == [], "its message is on its way"
    assert lifecycle.waiting(now + timedelta(seconds=3)) == [run.pk]
    assert lifecycle.waiting(now - timedelta(hours=1)) == [run.pk]


def test_a_free_lock_proves_the_worker_dead_within_seconds(tmp_path: Path) -> None:
    run = queued_training(tmp_path)
    with programs.sole_use(run.folder):
        assert executing.claim(run.pk)
        long_ago(run, seconds=10)
        assert lifecycle.requeue_abandoned(timezone.now()) == [], "somebody works in the folder"
    assert lifecycle.requeue_abandoned(timezone.now()) == [run]


def test_a_worker_whose_run_was_taken_away_stops_its_program(tmp_path: Path) -> None:
    run = queued_training(tmp_path, "hang")
    thread = in_thread(run)
    program = program_of(run)
    Run.objects.filter(pk=run.pk).update(attempt=2)  # as when another worker has claimed it
    thread.join(15)
    assert not program.is_running()
    run.refresh_from_db()
    assert (run.state, run.attempt) == (Run.State.RUNNING, 2), "it is the other worker's now"


def test_a_program_that_cannot_be_ended_holds_up_no_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = queued_training(tmp_path, "hang")
    started: list[programs.RunningProgram] = []
    monkeypatch.setattr(programs, "END_SECONDS", 0.0)
    monkeypatch.setattr(programs.RunningProgram, "send", lambda _program, _signal: None)
    monkeypatch.setattr(executing.Execution, "_watch", lambda _self, *args: started.append(args[0]))
    assert "could not be ended" in execute(run).error
    started[0].process.kill()
    started[0].process.wait(10)


def work_in_child(run_id: int) -> None:
    connections.close_all()
    executing.execute(run_id, package=FAKE, beat_seconds=0.02)


def test_killing_the_worker_kills_its_program_and_the_run_goes_on(tmp_path: Path) -> None:
    run = queued_training(tmp_path, "hang")
    connection.close()
    worker = multiprocessing.get_context("fork").Process(target=work_in_child, args=(run.pk,))
    worker.start()
    program = program_of(run)
    os.kill(worker.pid, signal.SIGKILL)  # type: ignore[arg-type]
    worker.join(10)
    wait_until(lambda: not program.is_running())
    long_ago(run, seconds=10)
    assert lifecycle.requeue_abandoned(timezone.now()) == [run]
    (tmp_path / "policy" / "behaviour").write_text("")
    assert execute(run).state == Run.State.SUCCEEDED


def test_a_program_that_outlives_its_worker_keeps_others_out(tmp_path: Path) -> None:
    run = queued_training(tmp_path)
    with programs.sole_use(run.folder):
        assert executing.execute(run.pk, package=FAKE) is False
        run.refresh_from_db()
        assert run.state == Run.State.QUEUED
    assert execute(run).state == Run.State.SUCCEEDED


def test_a_database_that_is_away_for_a_moment_does_not_stop_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = queued_training(tmp_path, "slow")
    write, calls = executing.write, []

    def flaky(*args: object, **values: object) -> None:
        calls.append(values)
        if len(calls) in (1, 2):
            raise executing.OperationalError("the database is restarting")
        write(*args, **values)  # type: ignore[arg-type]

    monkeypatch.setattr(executing, "write", flaky)
    monkeypatch.setattr(executing, "close_old_connections", lambda: None)
    assert execute(run).state == Run.State.SUCCEEDED
    assert len(calls) > 2


def test_a_sampling_interrupted_between_its_programs_does_not_sample_again(tmp_path: Path) -> None:
    project = loop_project(tmp_path)
    train_once(project)
    run = advance_one(project)
    model = RewardModel.objects.get(pk=run.config["reward_model"])
    (model.path / "behaviour").write_text("die_once")
    assert execute(run).state == Run.State.QUEUED
    samples = (run.folder / "sample" / "samples.jsonl").read_bytes()
    assert execute(run).state == Run.State.SUCCEEDED
    assert (run.folder / "sample" / "samples.jsonl").read_bytes() == samples
    assert Comparison.objects.filter(round_number=2).count() == 6


def test_a_run_of_a_deleted_project_leaves_no_trace(tmp_path: Path) -> None:
    run = queued_training(tmp_path, "hang")
    thread = in_thread(run)
    program = program_of(run)
    Run.objects.filter(pk=run.pk).delete()
    thread.join(15)
    assert not program.is_running()
