"""Runs a transaction again that the database gave up in favour of another one.

All code takes its locks in one order (docs/architecture.md), so this is rare; but a database may
choose a victim for reasons of its own, and to the person at the door that must look like a wait.
"""

import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection, transaction

P = ParamSpec("P")
T = TypeVar("T")


class Conflict(Exception):
    """Two requests changed one row at the same moment. The later one starts again."""


TRIES = 6
FIRST_PAUSE_SECONDS = 0.01
# After this no new try begins: on SQLite one try alone may have waited half a minute.
PATIENCE_SECONDS = 20.0

DEADLOCK_DETECTED = "40P01"
SERIALIZATION_FAILURE = "40001"


def retried(function: Callable[P, T]) -> Callable[P, T]:
    """Makes the function one transaction, and runs it again when the database gave it up in favour
    of others.

    It is tried TRIES times, with a random pause that grows. The function must read anew what it
    decides on, and change nothing outside the database except in `on_commit`. Whatever fails after
    the commit is no reason to do it twice.

    Inside another transaction it is only a savepoint. A Conflict is tried again from there; any
    other failure is for whoever began the outer transaction.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        if connection.in_atomic_block:
            return _from_savepoint(function, *args, **kwargs)
        last_start = time.monotonic() + PATIENCE_SECONDS
        for attempt in range(TRIES):
            committed: list[bool] = []
            try:
                with transaction.atomic():
                    # The first to be called, so before any other that could fail.
                    transaction.on_commit(lambda done=committed: done.append(True))  # type: ignore[misc]
                    return function(*args, **kwargs)
            except (OperationalError, Conflict) as fault:
                is_last = attempt == TRIES - 1 or time.monotonic() > last_start
                if committed or is_last or not gave_way(fault):
                    raise
            time.sleep(random.uniform(0.5, 1.0) * FIRST_PAUSE_SECONDS * 2**attempt)
        raise AssertionError("the last try either returns or raises")

    return run


def _from_savepoint(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    for _ in range(TRIES - 1):
        with suppress(Conflict), transaction.atomic():
            return function(*args, **kwargs)
    with transaction.atomic():
        return function(*args, **kwargs)


def gave_way(fault: OperationalError | Conflict) -> bool:
    """Whether the transaction was undone only because others stood in its way."""
    if isinstance(fault, Conflict):
        return True
    cause = fault.__cause__
    if isinstance(cause, sqlite3.Error):
        # The low byte: SQLite puts the kind of busyness above it.
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return getattr(cause, "sqlstate", None) in (DEADLOCK_DETECTED, SERIALIZATION_FAILURE)


# Long work is done in transactions of about this length, so that nobody waits longer for one.
SHORT_SECONDS = 0.15
# A connection that waits for SQLite's write lock looks every 100 ms, and there is no queue: in a
# pause of this length everybody who waits looks once.
SQLITE_PAUSE_SECONDS = 0.1


def let_others_write(took: float = 0.0) -> None:
    """Pauses between two short transactions of one long work, on SQLite.

    PostgreSQL serves those who wait in turn. SQLite's one write lock has no queue and must be left
    alone for a while: as long as the last transaction `took`, where a busy machine made it slow.
    """
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        time.sleep(min(max(took, SQLITE_PAUSE_SECONDS), 1.0))
