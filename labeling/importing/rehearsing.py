"""A dry run: finds out what a file would bring, without a write and without a lock.

What the file itself would have brought so far is remembered in a scratch database of its own,
which SQLite keeps on disk when it grows, so memory stays bounded.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models

from labeling.importing.outside_judgments import AskedAbout
from labeling.importing.storing import Earlier, Storing
from labeling.material.adding import ComparisonName, ResponseName
from labeling.models import Comparison, Preference, Prompt, Response, User
from labeling.people.outside import Labeler
from labeling.texts.metadata import Metadata

# Below every id of the database, ascending as they would.
FIRST_ID = -(2**50)
NAMED_BY = {
    Prompt: ("", "digest"),
    Response: ("prompt_id", "digest"),
    Comparison: ("prompt_id", "responses_key"),
    Preference: ("prompt_id", "pair_key"),
    User: ("outside_project_id", "outside_key"),
}
REMEMBERED = {
    Prompt: ["split", "metadata"],
    Response: ["metadata"],
    Preference: ["chosen_id", "rejected_id", "kind"],
}
NEAR_COPIES = "near copies"


@dataclass(frozen=True)
class Rehearsing(Storing):
    """Stores in a scratch database, and looks rows up there and in the real one."""

    remembered: "RememberedRows" = field(kw_only=True)

    def insert(
        self,
        model: type[models.Model],
        rows: Iterable[Mapping[str, Any]],
        *,
        or_fail: bool = False,
    ) -> None:
        rows = list(rows)
        if model is Prompt:
            self.report.count_splits(row["split"] for row in rows)
        if model in NAMED_BY:
            parent, name = NAMED_BY[model]
            for row in rows:
                columns = [row.get(column) for column in REMEMBERED.get(model, ())]
                self.remembered.add(model.__name__, row.get(parent, 0), row[name], columns)
                if model is Prompt:
                    self.remembered.add(NEAR_COPIES, 0, row["near_digest"], columns[:1])

    def from_before(self, model: type[models.Model], ids: Collection[int]) -> set[int]:
        return {pk for pk in ids if pk > 0}

    def note_settled(self, names: Collection[ComparisonName]) -> None:
        """Does nothing: nothing is stored."""

    def finish(self) -> None:
        """Does nothing: no preference was settled."""

    def prompt_ids(self, digests: Iterable[str]) -> dict[str, int]:
        digests = list(digests)
        of_file = self.remembered.find(Prompt.__name__, [(0, digest) for digest in digests])
        return super().prompt_ids(digests) | {name: pk for (_, name), (pk, _) in of_file.items()}

    def splits_of_near(self, digests: Iterable[str]) -> dict[str, str]:
        """Those of the project's own prompts go first: they were there before the file."""
        digests = list(digests)
        of_file = self.remembered.find(NEAR_COPIES, [(0, digest) for digest in digests])
        splits = {digest: str(columns[0]) for (_, digest), (_, columns) in of_file.items()}
        return splits | super().splits_of_near(digests)

    def splits(self, prompt_ids: Collection[int]) -> dict[int, str]:
        of_file = {pk: self.remembered.columns_of(pk)[0] for pk in prompt_ids if pk < 0}
        return super().splits(prompt_ids) | of_file

    def metadata_of(self, model: type[Prompt | Response], ids: Collection[int]) -> dict[int, Any]:
        of_file = {pk: self.remembered.columns_of(pk)[-1] or {} for pk in ids if pk < 0}
        return super().metadata_of(model, ids) | of_file | self.remembered.metadata(model, ids)

    def write_metadata(self, model: type[Prompt | Response], rows: Mapping[int, Metadata]) -> None:
        self.remembered.remember_metadata(model, rows)

    def response_ids(self, names: Collection[ResponseName]) -> dict[ResponseName, int]:
        of_file = self.remembered.find(Response.__name__, names)
        return super().response_ids(names) | {key: pk for key, (pk, _) in of_file.items()}

    def comparison_ids(self, names: Collection[ComparisonName]) -> dict[ComparisonName, int]:
        of_file = self.remembered.find(Comparison.__name__, names)
        return super().comparison_ids(names) | {name: pk for name, (pk, _) in of_file.items()}

    def preferences(self, names: Collection[ComparisonName]) -> dict[ComparisonName, Earlier]:
        of_file = {
            name: ((columns[0], columns[1]), columns[2])
            for name, (_, columns) in self.remembered.find(Preference.__name__, names).items()
        }
        return super().preferences(names) | of_file

    def take_from_queue(self, comparison_ids: Collection[int]) -> set[int]:
        """Those of these comparisons that the file may settle. Pairs that the file itself would
        have queued are free."""
        open_ids = Comparison.objects.filter(
            pk__in=comparison_ids, state=Comparison.State.OPEN, assignments__isnull=True
        )
        of_file = {pk for pk in comparison_ids if pk < 0}
        return of_file | set(open_ids.values_list("pk", flat=True))

    # What named people said

    def labeler_ids(self, keys: Iterable[str]) -> dict[str, int]:
        keys = list(keys)
        names = [(self.project.pk, key) for key in keys]
        of_file = self.remembered.find(User.__name__, names)
        return super().labeler_ids(keys) | {key: pk for (_, key), (pk, _) in of_file.items()}

    def count_labelers(self) -> int:
        return 0  # a dry run names nobody

    def lock_members(self, user_ids: Iterable[int]) -> dict[int, Labeler]:
        """Reads without a lock."""
        return self.members(pk for pk in user_ids if pk > 0)

    def lock_for_judgments(self, ids: Collection[int], asked: Collection[int]) -> AskedAbout:
        """Reads without a lock. Pairs that the file itself would have queued are free."""
        of_file = {pk for pk in asked if pk < 0}
        of_project = self.may_be_judged([pk for pk in asked if pk > 0])
        return AskedAbout(of_project.free | of_file, of_project.judged)

    def finish_comparisons(self, ids: Collection[int], *, wanted: int) -> None:
        """Does nothing: none is taken out of the queue."""

    def supersede(self, judgment_ids: Collection[int]) -> None:
        """Does nothing: all judgments stand."""

    def settle_anew(self, comparison_ids: Sequence[int]) -> None:
        """Does nothing: no preference changes."""


class RememberedRows:
    """Remembers rows that were not stored, by their names, under ids that no row has."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database
        self.next_id = FIRST_ID
        database.execute(
            "CREATE TABLE named (kind, parent, name, id, columns, "
            "PRIMARY KEY (kind, parent, name)) WITHOUT ROWID"
        )
        database.execute("CREATE INDEX by_id ON named (id)")
        database.execute("CREATE TABLE known (kind, id, metadata, PRIMARY KEY (kind, id))")

    def add(self, kind: str, parent: Any, name: Any, columns: list[Any]) -> None:
        """Remembers a row of this kind, unless there is one of this name already."""
        row = (kind, parent, name, self.next_id, json.dumps(columns))
        self.database.execute("INSERT OR IGNORE INTO named VALUES (?, ?, ?, ?, ?)", row)
        self.next_id += 1

    def columns_of(self, pk: int) -> list[Any]:
        """What was remembered of the row with this id."""
        row = self.database.execute("SELECT columns FROM named WHERE id = ?", (pk,)).fetchone()
        columns: list[Any] = json.loads(row[0])
        return columns

    def remember_metadata(self, model: type[models.Model], rows: Mapping[int, Metadata]) -> None:
        """Remembers what the metadata of rows would have become."""
        values = [(model.__name__, pk, json.dumps(one)) for pk, one in rows.items()]
        self.database.executemany("INSERT OR REPLACE INTO known VALUES (?, ?, ?)", values)

    def metadata(self, model: type[models.Model], ids: Collection[int]) -> dict[int, Metadata]:
        """What was remembered of these rows' metadata, by id."""
        select = "SELECT metadata FROM known WHERE kind = ? AND id = ?"
        rows = {pk: self.database.execute(select, (model.__name__, pk)).fetchone() for pk in ids}
        return {pk: json.loads(row[0]) for pk, row in rows.items() if row is not None}

    def find(
        self, kind: str, names: Iterable[tuple[int, str]]
    ) -> dict[tuple[int, str], tuple[int, list[Any]]]:
        of_file = {}
        for parent, name in names:
            row = self.database.execute(
                "SELECT id, columns FROM named WHERE kind = ? AND parent = ? AND name = ?",
                (kind, parent, name),
            ).fetchone()
            if row is not None:
                of_file[parent, name] = (row[0], json.loads(row[1]))
        return of_file
