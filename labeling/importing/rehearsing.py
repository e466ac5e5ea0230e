"""A dry run: finds out what a file would bring, without a write and without a lock.

What the file itself would have brought so far is remembered in a scratch database of its own,
which SQLite keeps on disk when it grows, so memory stays bounded.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import models

from labeling.importing.storing import Earlier, Storing
from labeling.material.adding import ComparisonName, ResponseName
from labeling.models import Comparison, Preference, Prompt, Response

# Below every id of the database, ascending as they would.
FIRST_ID = -(2**50)
NAMED_BY = {
    Prompt: ("", "digest"),
    Response: ("prompt_id", "digest"),
    Comparison: ("prompt_id", "responses_key"),
    Preference: ("prompt_id", "pair_key"),
}
REMEMBERED = {Prompt: ["split"], Preference: ["chosen_id", "rejected_id", "kind"]}


@dataclass(frozen=True)
class Rehearsing(Storing):
    """Stores in the scratch database and looks in both."""

    scratch: "Scratch" = field(kw_only=True)

    def insert(
        self,
        model: type[models.Model],
        rows: Iterable[Mapping[str, Any]],
        *,
        or_fail: bool = False,
    ) -> None:
        if model in NAMED_BY:
            parent, name = NAMED_BY[model]
            for row in rows:
                columns = [row[column] for column in REMEMBERED.get(model, ())]
                self.scratch.add(model, row.get(parent, 0), row[name], columns)

    def finish(self) -> None:
        """Nothing was settled."""

    def prompt_ids(self, digests: Iterable[str]) -> dict[str, int]:
        digests = list(digests)
        remembered = self.scratch.find(Prompt, [(0, digest) for digest in digests])
        return super().prompt_ids(digests) | {name: pk for (_, name), (pk, _) in remembered.items()}

    def splits(self, prompt_ids: Collection[int]) -> dict[int, str]:
        of_file = {pk: self.scratch.columns_of(pk)[0] for pk in prompt_ids if pk < 0}
        return super().splits(prompt_ids) | of_file

    def response_ids(self, names: Collection[ResponseName]) -> dict[ResponseName, int]:
        remembered = self.scratch.find(Response, names)
        return super().response_ids(names) | {key: pk for key, (pk, _) in remembered.items()}

    def comparison_ids(self, names: Collection[ComparisonName]) -> dict[ComparisonName, int]:
        remembered = self.scratch.find(Comparison, names)
        return super().comparison_ids(names) | {name: pk for name, (pk, _) in remembered.items()}

    def preferences(self, names: Collection[ComparisonName]) -> dict[ComparisonName, Earlier]:
        remembered = self.scratch.find(Preference, names)
        of_file = {
            name: ((columns[0], columns[1]), columns[2])
            for name, (_, columns) in remembered.items()
        }
        return super().preferences(names) | of_file

    def take_from_queue(self, comparison_ids: Collection[int]) -> set[int]:
        """Pairs that the file itself would have queued are free."""
        open_ids = Comparison.objects.filter(
            pk__in=comparison_ids, state=Comparison.State.OPEN, assignments__isnull=True
        )
        of_file = {pk for pk in comparison_ids if pk < 0}
        return of_file | set(open_ids.values_list("pk", flat=True))


class Scratch:
    """Names of rows that were not stored, with ids that nothing has."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database
        self.next_id = FIRST_ID
        database.execute(
            "CREATE TABLE named (kind, parent, name, id, columns, PRIMARY KEY (kind, parent, name)) "
            "WITHOUT ROWID"
        )
        database.execute("CREATE INDEX by_id ON named (id)")

    def add(self, model: type[models.Model], parent: Any, name: Any, columns: list[Any]) -> None:
        row = (model.__name__, parent, name, self.next_id, json.dumps(columns))
        self.database.execute("INSERT OR IGNORE INTO named VALUES (?, ?, ?, ?, ?)", row)
        self.next_id += 1

    def columns_of(self, pk: int) -> list[Any]:
        """What was remembered of the row with this id."""
        row = self.database.execute("SELECT columns FROM named WHERE id = ?", (pk,)).fetchone()
        columns: list[Any] = json.loads(row[0])
        return columns

    def find(
        self, model: type[models.Model], names: Iterable[tuple[int, str]]
    ) -> dict[tuple[int, str], tuple[int, list[Any]]]:
        remembered = {}
        for parent, name in names:
            row = self.database.execute(
                "SELECT id, columns FROM named WHERE kind = ? AND parent = ? AND name = ?",
                (model.__name__, parent, name),
            ).fetchone()
            if row is not None:
                remembered[parent, name] = (row[0], json.loads(row[1]))
        return remembered


@contextmanager
def scratch() -> Iterator[Scratch]:
    # An empty name is a file of its own that SQLite removes.
    database = sqlite3.connect("", isolation_level=None)
    try:
        database.execute("BEGIN")  # one transaction, or every insert would be one
        yield Scratch(database)
    finally:
        database.close()
