"""Carrying out runs: real child processes that succeed, refuse, crash, hang or are killed."""

import errno
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from django.db import connection, connections
from django.utils import timezone

from labeling.models import AuditEntry, Comparison, Response
from labeling.snapshots import verify
from modeling import outputs, pipeline, programs, runs, starting
from modeling.core import files
from modeling.models import Metric, ResponseFeatures, RewardModel, Run, Score
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
            pipeline.execute(run.pk, **{"package": FAKE, "beat_seconds": 0.02} | options)  # type: ignore[arg-type]
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
    assert runs.curves(run) == {"train/loss": [(1, 1.0), (2, 0.5), (3, 1.0 / 3)]}
    assert "fake program: started" in runs.log_tail(run)
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
    told = {"contradicted": []}
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
    assert pipeline.execute(run.pk, package=FAKE) is False


def test_progress_and_heartbeat_are_seen_while_it_runs(tmp_path: Path) -> None:
    run = queued_training(tmp_path, "hang")
    thread = in_thread(run)
    program = program_of(run)
    run.refresh_from_db()
    before = run.heartbeat_at
    wait_until(lambda: Run.objects.get(pk=run.pk).heartbeat_at > before)
    assert run.state == Run.State.RUNNING
    runs.request_cancel(run, None)
    thread.join(15)
    assert not program.is_running()


def test_cancelling_stops_the_program_and_keeps_its_folder(tmp_path: Path) -> None:
    run = queued_training(tmp_path, "hang")
    thread = in_thread(run)
    program_of(run)
    admin = make_member(run.project, "admin")
    assert runs.request_cancel(run, admin)
    assert not runs.request_cancel(run, admin), "asked already"
    thread.join(15)
    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED
    assert run.folder.is_dir()
    assert AuditEntry.objects.filter(action="run cancelled", actor=admin).count() == 1


def test_a_program_that_ignores_the_request_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "CANCEL_SECONDS", 0.1)
    run = queued_training(tmp_path, "stubborn")
    thread = in_thread(run)
    program = program_of(run)
    runs.request_cancel(run, None)
    thread.join(15)
    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED
    assert not program.is_running()


def test_cancelling_a_waiting_run_needs_no_worker(tmp_path: Path) -> None:
    run = queued_training(tmp_path)
    assert runs.request_cancel(run, None)
    assert execute(run).state == Run.State.CANCELLED


def test_a_cancelled_run_can_be_started_again(tmp_path: Path) -> None:
    run = queued_training(tmp_path)
    runs.request_cancel(run, None)
    runs.retry(run, make_member(run.project, "admin"))
    assert execute(run).state == Run.State.SUCCEEDED
    with pytest.raises(runs.CannotRetry, match="failed or was cancelled"):
        runs.retry(run, None)


def test_a_run_cannot_be_started_again_beside_another_of_its_kind(tmp_path: Path) -> None:
    run = execute(queued_training(tmp_path, "refuse"))
    label(run.project, 1)
    starting.start_training_now(run.project, make_member(run.project, "admin"))
    with pytest.raises(runs.CannotRetry, match="under way"):
        runs.retry(run, None)


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
    runs.retry(run, None)
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
    runs.retry(run, None)
    assert execute(run).state == Run.State.SUCCEEDED


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
    tail = pipeline.Tail(run, run.folder / "metrics.jsonl")
    tail.read()
    with (run.folder / "metrics.jsonl").open("ab") as file:
        file.write(b'{"step": 9}\n' + line)
    tail.read()
    assert list(Metric.objects.values_list("name", "step")) == [("train/loss", 1)]


def test_a_silent_run_goes_back_into_the_queue(tmp_path: Path) -> None:
    run = queued_training(tmp_path)
    assert pipeline.claim(run.pk)
    assert runs.requeue_abandoned(timezone.now()) == []
    long_ago(run)
    assert runs.requeue_abandoned(timezone.now()) == [run]
    assert execute(run).state == Run.State.SUCCEEDED
    assert run.attempt == 2


def test_after_three_dead_workers_the_run_fails_with_its_log(tmp_path: Path) -> None:
    run = queued_training(tmp_path)
    run.folder.mkdir(parents=True)
    (run.folder / "log.txt").write_text("step 17 of 90\n")
    for _ in range(3):
        assert pipeline.claim(run.pk)
        long_ago(run)
        runs.requeue_abandoned(timezone.now())
    run.refresh_from_db()
    assert run.state == Run.State.FAILED
    assert "died 3 times" in run.error
    assert "step 17 of 90" in run.error


def test_a_silent_run_that_was_to_be_cancelled_is_cancelled(tmp_path: Path) -> None:
    run = queued_training(tmp_path)
    assert pipeline.claim(run.pk)
    runs.request_cancel(run, None)
    long_ago(run)
    runs.requeue_abandoned(timezone.now())
    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED


def test_a_free_lock_proves_the_worker_dead_within_seconds(tmp_path: Path) -> None:
    run = queued_training(tmp_path)
    with programs.sole_use(run.folder):
        assert pipeline.claim(run.pk)
        long_ago(run, seconds=10)
        assert runs.requeue_abandoned(timezone.now()) == [], "somebody works in the folder"
    assert runs.requeue_abandoned(timezone.now()) == [run]


def test_a_worker_whose_run_was_taken_away_stops_its_program(tmp_path: Path) -> None:
    run = queued_training(tmp_path, "hang")
    thread = in_thread(run)
    program = program_of(run)
    Run.objects.filter(pk=run.pk).update(attempt=2)  # as when another worker has claimed it
    thread.join(15)
    assert not program.is_running()
    run.refresh_from_db()
    assert (run.state, run.attempt) == (Run.State.RUNNING, 2), "it is the other worker's now"


def work_in_child(run_id: int) -> None:
    connections.close_all()
    pipeline.execute(run_id, package=FAKE, beat_seconds=0.02)


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
    assert runs.requeue_abandoned(timezone.now()) == [run]
    (tmp_path / "policy" / "behaviour").write_text("")
    assert execute(run).state == Run.State.SUCCEEDED


def test_a_program_that_outlives_its_worker_keeps_others_out(tmp_path: Path) -> None:
    run = queued_training(tmp_path)
    with programs.sole_use(run.folder):
        assert pipeline.execute(run.pk, package=FAKE) is False
        run.refresh_from_db()
        assert run.state == Run.State.QUEUED
    assert execute(run).state == Run.State.SUCCEEDED


def test_a_database_that_is_away_for_a_moment_does_not_stop_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = queued_training(tmp_path, "slow")
    write, calls = pipeline.write, []

    def flaky(*args: object, **values: object) -> None:
        calls.append(values)
        if len(calls) in (1, 2):
            raise pipeline.OperationalError("the database is restarting")
        write(*args, **values)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline, "write", flaky)
    monkeypatch.setattr(pipeline, "close_old_connections", lambda: None)
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
