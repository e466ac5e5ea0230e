"""Counts the work of SQLite: a count is the same on a quiet machine and a busy one."""

from collections.abc import Callable

from django.db import connection


def steps_of(action: Callable[[], object]) -> int:
    """How many tens of SQLite's instructions the action needs."""
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.connection.set_progress_handler(step, 10)
    try:
        action()
    finally:
        connection.connection.set_progress_handler(None, 0)
    return steps
