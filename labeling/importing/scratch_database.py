"""A database of one import's own, for what does not fit in memory: SQLite keeps it on disk when it
grows, and nobody else sees it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def scratch_database() -> Iterator[sqlite3.Connection]:
    # An empty name is a file of its own that SQLite removes.
    database = sqlite3.connect("", isolation_level=None)
    try:
        database.execute("BEGIN")  # one transaction, or every insert would be one
        yield database
    finally:
        database.close()
