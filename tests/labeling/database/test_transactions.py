"""A transaction that the database gives up for another one is tried again, and never done twice."""

import sqlite3
import threading

import pytest
from django.db import OperationalError, connection, transaction

from labeling.database import transactions
from labeling.database.transactions import retried
from labeling.models import AuditEntry, Comparison
from tests.factories import make_comparisons, make_project

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(transactions, "FIRST_PAUSE_SECONDS", 0.0001)


def locked() -> OperationalError:
    cause = sqlite3.OperationalError("database is locked")
    cause.sqlite_errorcode = sqlite3.SQLITE_BUSY  # type: ignore[misc]
    fault = OperationalError("database is locked")
    fault.__cause__ = cause
    return fault


def write(action: str) -> None:
    AuditEntry.objects.create(action=action, target_type="test", target_id="1")


def test_what_gave_way_is_tried_again_and_done_once():
    tries = []

    @retried
    def act() -> str:
        write("act")
        tries.append(1)
        if len(tries) < 3:
            raise locked()
        return "done"

    assert act() == "done"
    assert (len(tries), AuditEntry.objects.count()) == (3, 1)


def test_what_never_passes_is_given_up_with_the_databases_words():
    tries = []

    @retried
    def act() -> None:
        tries.append(1)
        raise locked()

    with pytest.raises(OperationalError, match="locked"):
        act()
    assert len(tries) == transactions.TRIES


def test_another_fault_of_the_database_is_not_tried_again():
    tries = []

    @retried
    def act() -> None:
        tries.append(1)
        raise OperationalError("no such table")

    with pytest.raises(OperationalError, match="no such table"):
        act()
    assert len(tries) == 1


def test_what_fails_after_the_commit_is_not_done_twice():
    def fail() -> None:
        raise locked()

    @retried
    def act() -> None:
        write("act")
        transaction.on_commit(fail)

    with pytest.raises(OperationalError, match="locked"):
        act()
    assert AuditEntry.objects.count() == 1


def test_inside_another_transaction_it_is_left_to_whoever_began_that_one():
    tries = []

    @retried
    def inner() -> None:
        tries.append("inner")
        if len(tries) == 2:
            raise locked()

    @retried
    def outer() -> None:
        tries.append("outer")
        inner()

    outer()
    assert tries == ["outer", "inner", "outer", "inner"]


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one lock for all")
def test_of_two_who_lock_the_same_rows_in_opposite_order_both_get_through():
    first, second = (comparison.pk for comparison in make_comparisons(make_project(), 2))
    both_hold_one = threading.Barrier(2)
    problems = []

    def lock_both(ids: list[int]) -> None:
        waits = [True]

        @retried
        def act() -> None:
            for pk in ids:
                Comparison.objects.select_for_update().get(pk=pk)
                if waits:
                    waits.clear()
                    both_hold_one.wait(timeout=30)
            Comparison.objects.filter(pk__in=ids).update(priority=1)

        try:
            act()
        except BaseException as problem:
            problems.append(problem)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=lock_both, args=(ids,))
        for ids in ([first, second], [second, first])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert problems == []
    assert set(Comparison.objects.values_list("priority", flat=True)) == {1}
