"""Those who change many comparisons lock them in the order of ids, a few at a time."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction

from labeling.database.transactions import retried
from labeling.material.adding import add_pairs
from labeling.models import Comparison, Project
from labeling.queue import priorities
from labeling.queue.priorities import set_priorities
from modeling.loop import rounds
from modeling.models import BlindPair, Run
from modeling.pipeline import sampled_pairs
from modeling.policies import blind
from tests.factories import claim, make_comparisons, make_member, make_project
from tests.factories import judge as judge_it
from tests.modeling.at_once.test_races import at_once
from tests.modeling.improvement_helpers import improving_project, until_comparison
from tests.modeling.loop_helpers import advance_one, execute, loop_project

pytestmark = pytest.mark.django_db(transaction=True)
POSTGRES = pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="SQLite has one lock for all"
)


@pytest.fixture(autouse=True)
def threads_change_places_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def lock(pk: int) -> None:
    Comparison.objects.select_for_update().get(pk=pk)


@POSTGRES
def test_who_holds_the_last_row_may_still_take_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reordering waits for the last one, and holds none of the others meanwhile."""
    monkeypatch.setattr(priorities, "REORDERED_AT_ONCE", 1, raising=False)
    project = make_project()
    ids = [row.pk for row in make_comparisons(project, 4)]
    holds_last = threading.Event()

    def go_backwards() -> None:
        with transaction.atomic():
            lock(ids[-1])
            holds_last.set()
            wait_until_somebody_waits()
            lock(ids[0])

    def reorder() -> None:
        holds_last.wait(20)
        set_priorities(dict.fromkeys(ids, 0.5))

    at_once(go_backwards, reorder)
    assert set(project.comparisons.values_list("priority", flat=True)) == {0.5}


def wait_until_somebody_waits() -> None:
    """For a lock that this connection holds."""
    with connection.cursor() as database:
        for _ in range(2000):
            database.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if database.fetchone()[0]:
                return
            database.execute("SELECT pg_sleep(0.005)")
    raise AssertionError("nobody waits")


@POSTGRES
def test_a_deadlock_within_one_part_is_tried_again() -> None:
    """However somebody else takes their locks: both come to their end."""
    project = make_project()
    ids = [row.pk for row in make_comparisons(project, 6)]

    @retried
    def backwards(value: float) -> None:
        for pk in reversed(ids):
            Comparison.objects.filter(pk=pk).update(priority=value)

    def forwards(value: float) -> None:
        set_priorities(dict.fromkeys(ids, value))

    at_once(
        lambda: [backwards(0.1) for _ in range(15)],
        lambda: [forwards(0.2) for _ in range(15)],
    )
    values = set(project.comparisons.values_list("priority", flat=True))
    assert values in ({0.1}, {0.2})


def test_reordering_judging_and_releasing_at_once_end_without_a_fault(tmp_path: Path) -> None:
    project = improving_project(tmp_path)
    round_ = until_comparison(project)
    ids = list(project.comparisons.order_by("pk").values_list("pk", flat=True))
    labelers = [make_member(project) for _ in range(2)]

    def release() -> None:
        for _ in range(5):
            with transaction.atomic():
                blind.release(round_)

    def judge(number: int) -> None:
        judged = 0
        while judged < 4:  # what is locked at this moment is stepped over
            assignment = claim(labelers[number], Project.objects.get(pk=project.pk))
            if assignment is not None:
                judge_it(assignment, "left")
                judged += 1

    def reorder(value: float) -> None:
        for _ in range(5):
            set_priorities(dict.fromkeys(ids, value))

    at_once(lambda: reorder(0.1), lambda: reorder(0.2), release, lambda: judge(0), lambda: judge(1))
    released = BlindPair.objects.filter(round=round_).values("comparison")
    assert Comparison.objects.filter(pk__in=released).count() > 0
    rounds.advance(project)


def test_a_pair_that_an_import_makes_as_the_run_ends_fails_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = loop_project(tmp_path, comparisons=3, queue_target=20)
    run = advance_one(project)
    choose, first = sampled_pairs.choose_pairs, [True]
    # While the run goes on, nobody else can see its responses yet.
    monkeypatch.setattr(sampled_pairs.EarlyQueue, "look", lambda queue: None)

    def chosen_by_both(by_prompt: object, taken: object, **options: object) -> object:
        pairs = choose(by_prompt, taken, **options)  # type: ignore[arg-type]
        if first:
            first.clear()
            somebody_else = threading.Thread(target=add, args=(pairs,))
            monkeypatch.setattr(sampled_pairs, "add_pairs", after(somebody_else))
        return pairs

    def add(pairs: dict[int, tuple[int, int]]) -> None:
        one = dict([next(iter(pairs.items()))])
        try:
            add_pairs(project, one, [0.0], None)
        finally:
            connection.close()

    def after(thread: threading.Thread) -> object:
        def first_the_other(*arguments: object) -> object:
            monkeypatch.setattr(sampled_pairs, "add_pairs", add_pairs)
            if connection.vendor == "postgresql":
                thread.start()
                thread.join(20)
            else:  # one writer at a time: the unique row was there before this transaction
                raise IntegrityError("comparison_once_per_prompt")
            return add_pairs(*arguments)  # type: ignore[arg-type]

        return first_the_other

    monkeypatch.setattr(sampled_pairs, "choose_pairs", chosen_by_both)
    execute(run)
    assert run.state == Run.State.SUCCEEDED, run.error
    assert run.results["comparisons"] > 0
