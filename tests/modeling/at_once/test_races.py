"""Two workers at the same moment: every step is done once. Each test forces its race."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from labeling.preferences.snapshots import take_snapshot
from modeling.loop import new_runs, round_states, rounds
from modeling.loop.situation import Situation
from modeling.models import Loop, Policy, RewardModel, Round, Run, versions
from modeling.pipeline import executing
from modeling.policies import registry
from modeling.reward_models import gates
from tests.factories import make_project
from tests.modeling.loop_helpers import (
    FAKE,
    advance_one,
    execute,
    label,
    loop_project,
    make_policy,
    model_folder,
    train_once,
)

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*jobs: Callable[[], Any]) -> list[Any]:
    """Each job in a thread and on a connection of its own; raises what any of them raised."""
    results: list[Any] = [None] * len(jobs)
    problems: list[BaseException] = []
    start = threading.Barrier(len(jobs))

    def work(number: int, job: Callable[[], object]) -> None:
        try:
            start.wait(10)
            results[number] = job()
        except BaseException as problem:
            problems.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=item) for item in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if problems:
        raise problems[0]
    return results


def test_many_workers_queue_one_training_between_them(tmp_path: Path) -> None:
    project = loop_project(tmp_path)
    label(project, 10)
    results = at_once(*[lambda: rounds.advance(project)] * 4)
    assert sum(len(runs) for runs in results) == 1
    assert Run.objects.count() == 1


def test_many_workers_open_one_round_and_queue_one_sampling(tmp_path: Path) -> None:
    project = loop_project(tmp_path, comparisons=3, queue_target=20)
    at_once(*[lambda: rounds.advance(project)] * 4)
    assert (Round.objects.count(), Run.objects.count()) == (1, 1)


def test_many_workers_put_one_model_in_service_once(tmp_path: Path) -> None:
    project = loop_project(tmp_path)
    train_once(project)
    at_once(*[lambda: rounds.advance(project)] * 4)
    assert RewardModel.objects.get().status == RewardModel.Status.LIVE
    assert Run.objects.filter(kind=Run.Kind.SAMPLE).count() == 1
    assert project.audit_entries.filter(action="reward model put in service").count() == 1


def test_a_worker_that_decided_long_ago_queues_no_second_training(tmp_path: Path) -> None:
    project = loop_project(tmp_path)
    labeler = label(project, 10)
    late = Situation(project)
    assert late.round is not None, "read before the other worker acts"
    execute(advance_one(project))
    label(project, 2, labeler)  # a snapshot taken now would be a new one
    assert new_runs.training(late) is None
    assert Run.objects.filter(kind=Run.Kind.TRAIN_REWARD).count() == 1


def test_a_worker_that_decided_long_ago_queues_no_second_sampling(tmp_path: Path) -> None:
    project = loop_project(tmp_path, comparisons=3, queue_target=20)
    round_states.open_round(Situation(project), rounds.timezone.now())
    late = Situation(project)
    assert late.policy is not None
    assert late.round is not None
    execute(advance_one(project))
    assert new_runs.sampling(late) is None


def test_many_workers_carry_out_a_run_once(tmp_path: Path) -> None:
    project = loop_project(tmp_path, behaviour="slow")
    label(project, 10)
    run = advance_one(project)
    results = at_once(*[lambda: executing.execute(run.pk, package=FAKE, beat_seconds=0.02)] * 4)
    assert results.count(True) == 1
    run.refresh_from_db()
    assert (run.state, run.attempt) == (Run.State.SUCCEEDED, 1)
    assert "fake program: started" in (run.folder / "log.txt").read_text()
    assert (run.folder / "log.txt").read_text().count("fake program: started") == 1


def test_many_claims_of_a_run_succeed_once(tmp_path: Path) -> None:
    project = loop_project(tmp_path)
    label(project, 10)
    run = advance_one(project)
    results = at_once(*[lambda: executing.claim(run.pk)] * 4)
    assert sum(result is not None for result in results) == 1


def test_many_collections_of_one_result_add_one_model(tmp_path: Path) -> None:
    project = loop_project(tmp_path)
    label(project, 10)
    run = advance_one(project)
    claimed = executing.claim(run.pk)
    assert claimed is not None
    run.folder.mkdir(parents=True)
    (run.folder / "result.json").write_text('{"accuracy": {}}')

    def collect() -> object:
        mine = Run.objects.get(pk=run.pk)
        try:
            executing.Execution(mine, 0, FAKE, 1.0).finish()
        except executing.Lost:
            return "lost"
        return "won"

    assert sorted(map(str, at_once(collect, collect))) == ["lost", "won"]
    assert RewardModel.objects.count() == 1


def test_policies_registered_at_once_get_versions_of_their_own(tmp_path: Path) -> None:
    project = make_project()
    versions.loop_of(project)
    folder = str(model_folder(tmp_path / "policy"))
    at_once(*[lambda: registry.register_policy(project, "one", folder, make_current=False)] * 4)
    assert sorted(Policy.objects.values_list("version", flat=True)) == [1, 2, 3, 4]


def test_two_people_who_move_the_pointer_at_once_leave_it_at_one_of_both(tmp_path: Path) -> None:
    project = make_project()
    first = make_policy(project, tmp_path / "a")
    others = [make_policy(project, tmp_path / name) for name in "bc"]
    registry.make_current(first, None)
    at_once(*[lambda policy=policy: registry.make_current(policy, None) for policy in others])
    entries = project.audit_entries.filter(action="policy put in service", details__instead_of=1)
    assert Loop.objects.get(project=project).policy in others
    assert entries.filter(target_id__in=[str(policy.pk) for policy in others]).count() >= 1


def test_one_candidate_is_judged_by_one_worker(tmp_path: Path) -> None:
    project = loop_project(tmp_path)
    train_once(project)
    results = at_once(
        *[lambda: gates.apply(RewardModel.objects.select_related("project").get())] * 2
    )
    assert results.count(True) == 1


def test_a_snapshot_taken_twice_at_once_is_one(tmp_path: Path) -> None:
    project = loop_project(tmp_path)
    label(project, 3)
    snapshots = at_once(*[lambda: take_snapshot(project)] * 3)
    assert len({snapshot.pk for snapshot in snapshots}) == 1
