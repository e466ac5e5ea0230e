"""A worker's attempt at a run, step by step: what it writes while the run is its own, and what it
leaves when it ends, is stopped, or has lost it."""

import errno
import signal
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from modeling.models import Run
from modeling.pipeline import executing, inputs, outputs
from modeling.pipeline.executing import Execution, Lost, RunCancelled, describe_problem
from modeling.runs import programs
from modeling.runs.files import CannotPrepare, DamagedOutput
from modeling.runs.programs import ProgramEnding
from tests.factories import make_project
from tests.modeling.page_helpers import make_run

pytestmark = pytest.mark.django_db(transaction=True)
State, Kind = Run.State, Run.Kind
STOPPED = ProgramEnding(-signal.SIGTERM, "It was asked to stop.")
FAILED = ProgramEnding(1, "No weights.\nAdd them.")
LOST_FOLDER = ProgramEnding(1, programs.FOLDER_LOST, lost_folder=True)


@pytest.fixture
def queued() -> Run:
    return make_run(make_project(), State.QUEUED, kind=Kind.SAMPLE, config={"sample": {"n": 2}})


@pytest.fixture
def claimed(queued: Run) -> Run:
    run = executing.claim(queued.pk)
    assert run is not None
    return run


def attempt_at(run: Run) -> Execution:
    run.folder.mkdir(parents=True, exist_ok=True)
    return Execution(run, 0, "no.programs", 0.01)


def now(run: Run) -> Run:
    return Run.objects.get(pk=run.pk)


def taken_over(run: Run) -> None:
    """This worker was silent for too long: the next attempt has begun."""
    Run.objects.filter(pk=run.pk).update(attempt=run.attempt + 1)


def test_a_claim_begins_an_attempt_and_forgets_how_the_last_one_ended(queued: Run) -> None:
    Run.objects.filter(pk=queued.pk).update(attempt=1, error="It died.", seconds_left=9.0)
    run = executing.claim(queued.pk)
    assert run is not None
    assert (run.state, run.attempt, run.error) == (State.RUNNING, 2, "")
    assert (run.seconds_left, run.progress_text) == (None, "starting")
    assert run.started_at == run.heartbeat_at is not None
    assert executing.claim(queued.pk) is None


@pytest.mark.parametrize("state", [State.RUNNING, State.SUCCEEDED, State.FAILED, State.CANCELLED])
def test_only_a_queued_run_is_claimed(state: str) -> None:
    run = make_run(make_project(), state)
    assert executing.claim(run.pk) is None
    assert not executing.execute(run.pk)
    assert now(run).state == state


@pytest.mark.parametrize("state", [State.QUEUED, State.FAILED, State.CANCELLED])
def test_a_worker_that_lost_its_run_writes_nothing_any_more(claimed: Run, state: str) -> None:
    Run.objects.filter(pk=claimed.pk).update(state=state)
    for write in (
        lambda: executing.write(claimed, progress=0.5),
        lambda: executing.end(claimed, State.SUCCEEDED, results={"late": 1}),
        lambda: executing.fail(claimed, "Too late."),
    ):
        with pytest.raises(Lost):
            write()
    run = now(claimed)
    assert (run.state, run.progress, run.results, run.error) == (state, 0.0, {}, "")


def test_the_next_attempts_worker_is_not_written_over(claimed: Run) -> None:
    taken_over(claimed)
    with pytest.raises(Lost):
        executing.write(claimed, progress=0.5)


def test_an_error_has_no_nul_and_names_no_folder_of_this_machine(
    claimed: Run, settings: Any
) -> None:
    executing.fail(claimed, f"Nul \x00 in {settings.DATA_DIR}/runs/7/log.txt.")
    run = now(claimed)
    assert run.state == State.FAILED and run.finished_at is not None
    assert "\x00" not in run.error and str(settings.DATA_DIR) not in run.error


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (OSError(errno.ENOSPC, "No space left"), "The disk is full: the run's files could not"),
        (OSError(errno.EDQUOT, "Quota"), "The disk is full"),
        (PermissionError(errno.EACCES, "no"), "PermissionError: [Errno 13] no\nThe worker's log"),
        (KeyError("id"), "KeyError: 'id'\nThe worker's log has the whole traceback."),
    ],
)
def test_trouble_on_the_workers_side_is_in_words(problem: BaseException, words: str) -> None:
    assert describe_problem(problem).startswith(words)


def test_a_run_whose_folder_cannot_be_made_fails_in_words(
    queued: Run, data_dir_of_its_own: Path
) -> None:
    (data_dir_of_its_own / "runs").write_text("a file in its place")
    assert executing.execute(queued.pk)
    run = now(queued)
    assert run.state == State.FAILED and "Error: " in run.error


def test_a_folder_that_another_program_still_writes_to_is_waited_for(queued: Run) -> None:
    with programs.sole_use(queued.folder):
        assert not executing.execute(queued.pk)
    run = now(queued)
    assert (run.state, run.attempt) == (State.QUEUED, 0), "no attempt was used up"


ENDS: list[tuple[ProgramEnding, int, str, int, str]] = [
    (FAILED, 1, State.FAILED, 1, "No weights.\nAdd them."),
    (STOPPED, 2, State.QUEUED, 1, ""),
    (LOST_FOLDER, 1, State.QUEUED, 1, ""),
    (LOST_FOLDER, Run.MAX_ATTEMPTS, State.FAILED, Run.MAX_ATTEMPTS, programs.FOLDER_LOST),
]


@pytest.mark.parametrize(("ending", "attempt", "state", "left", "error"), ENDS)
def test_how_a_program_ended_says_what_becomes_of_its_run(
    claimed: Run, ending: ProgramEnding, attempt: int, state: str, left: int, error: str
) -> None:
    """A worker that is shut down is not the run's fault: the attempt does not count."""
    Run.objects.filter(pk=claimed.pk).update(attempt=attempt)
    claimed.attempt = attempt
    attempt_at(claimed)._end_early(ending)
    run = now(claimed)
    assert (run.state, run.attempt, run.error) == (state, left, error)


@pytest.mark.parametrize("ending", [FAILED, STOPPED, LOST_FOLDER])
def test_a_run_that_was_to_be_cancelled_is_cancelled_however_its_program_ended(
    claimed: Run, ending: ProgramEnding
) -> None:
    Run.objects.filter(pk=claimed.pk).update(cancel_requested=True)
    with pytest.raises(RunCancelled):
        attempt_at(claimed)._end_early(ending)


def carry_out(run: Run, monkeypatch: pytest.MonkeyPatch, problem: Exception | None) -> Run:
    """As if the stage had ended like this on the worker's side."""

    def stage(_self: Execution, _stage: str) -> ProgramEnding:
        if problem is not None:
            raise problem
        return ProgramEnding(0)

    monkeypatch.setattr(Execution, "_run_stage", stage)
    attempt_at(run).carry_out()
    return now(run)


@pytest.mark.parametrize(
    ("problem", "error"),
    [
        (CannotPrepare("The policy was deleted."), "The policy was deleted."),
        (DamagedOutput("It was cut short."), "It was cut short."),
        (KeyError("id"), "KeyError: 'id'\nThe worker's log has the whole traceback."),
        (OSError(errno.ENOSPC, "full"), "The disk is full"),
    ],
)
def test_trouble_with_a_stage_fails_its_run(
    claimed: Run, monkeypatch: pytest.MonkeyPatch, problem: Exception, error: str
) -> None:
    run = carry_out(claimed, monkeypatch, problem)
    assert run.state == State.FAILED and run.error.startswith(error)


def test_a_database_that_is_away_leaves_the_run_to_be_found(
    claimed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OperationalError):
        carry_out(claimed, monkeypatch, OperationalError("away"))
    assert now(claimed).state == State.RUNNING, "silent now, and taken up again later"


def test_a_worker_that_finds_its_run_lost_says_so_to_its_caller(
    claimed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Lost):
        carry_out(claimed, monkeypatch, Lost("run"))


def test_a_run_that_is_lost_as_its_results_are_stored_stores_none(
    claimed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "store", lambda run, _stage: taken_over(run))
    with pytest.raises(Lost):
        carry_out(claimed, monkeypatch, None)
    run = now(claimed)
    assert (run.state, run.results) == (State.RUNNING, {})


def test_a_folder_that_was_lost_on_the_workers_side_begins_anew(
    claimed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = attempt_at(claimed)
    (claimed.folder).rmdir()
    execution._fail_on_our_side(FileNotFoundError("config.json"))
    run = now(claimed)
    assert (run.state, run.progress_text) == (
        State.QUEUED, "its folder was deleted; begins anew",
    )  # fmt: skip


def training_with_an_incumbent() -> Run:
    run = make_run(make_project(), State.QUEUED, config={"incumbent": 3})
    claimed = executing.claim(run.pk)
    assert claimed is not None
    return claimed


@pytest.mark.parametrize(
    ("ending", "goes_on"), [(FAILED, True), (STOPPED, False), (LOST_FOLDER, False)]
)
def test_what_a_run_can_do_without_may_fail_and_not_be_stopped(
    ending: ProgramEnding, goes_on: bool
) -> None:
    execution = attempt_at(training_with_an_incumbent())
    assert execution._goes_on_without("score", ending) is goes_on
    assert not execution._goes_on_without("train_reward", ending)
    assert execution.remarks == ([inputs.lost_with("score", "No weights.")] if goes_on else [])


def test_a_run_that_is_to_be_cancelled_does_not_go_on_without_a_stage() -> None:
    run = training_with_an_incumbent()
    Run.objects.filter(pk=run.pk).update(cancel_requested=True)
    assert not attempt_at(run)._goes_on_without("score", FAILED)


def test_trouble_with_ranking_fails_no_run_that_has_succeeded(
    claimed: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    executing.end(claimed, State.SUCCEEDED, results={"comparisons": 3})

    def broken(_run: Run) -> None:
        raise KeyError("queue")

    monkeypatch.setattr(outputs, "rank", broken)
    attempt_at(claimed).rank()
    assert now(claimed).state == State.SUCCEEDED
    assert "the queue could not be put in order" in caplog.text
