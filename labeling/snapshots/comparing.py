"""What lies between two snapshots: preferences that came, went, or turned out otherwise.

Both files are in the order of ids, so one pass through both tells, and holds one row of each at a
time. Lines that are equal byte for byte are the same preference and are not even parsed.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from labeling.models import Snapshot
from labeling.preferences.shapes.styles import Row
from labeling.snapshots.reading import as_messages, lines_of, rows_path

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
# How one preference can differ, in words.
VERDICT, WEIGHT, SPLIT, EXCLUDED, STRENGTH, VOTES, TEXTS = (
    "verdict", "weight", "split", "excluded", "strength", "votes", "texts",
)  # fmt: skip
WAYS = (VERDICT, WEIGHT, SPLIT, EXCLUDED, STRENGTH, VOTES, TEXTS)
# Weights and shares of the same votes may differ in their last digits.
ALIKE = 1e-9
OF_VOTES = ("target", "votes_chosen", "votes_rejected", "votes_tie", "votes_both_bad")


@dataclass(frozen=True)
class Difference:
    """One preference that is not the same in both. `ways` says in which ways one that is in both
    has changed."""

    id: int
    what: str
    ways: tuple[str, ...] = ()
    old: Row | None = None
    new: Row | None = None

    @property
    def as_row(self) -> Row:
        """As the API tells it: what changed, before and after."""
        either = self.new or self.old or {}
        both = [_outline(row) for row in (self.old, self.new)]
        return {
            "id": self.id,
            "what": self.what,
            "ways": list(self.ways),
            "prompt": either.get("prompt", []),
            "old": both[0],
            "new": both[1],
        }


class Differences:
    """Goes through both files once. `counts` is complete when it has gone through."""

    def __init__(self, old: Snapshot, new: Snapshot) -> None:
        self.old = old
        self.new = new
        self.counts: Counter[str] = Counter()
        self.ways: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Difference]:
        old, new = _Reader(self.old), _Reader(self.new)
        while old.line or new.line:
            if old.line == new.line:
                self.counts["same"] += 1
                old.advance()
                new.advance()
                continue
            difference = _between(old, new)
            if difference is None:
                self.counts["same"] += 1
                continue
            self.counts[difference.what] += 1
            self.ways.update(difference.ways)
            yield difference

    def go_through(self, most: int, *, what: str = "", after: int = 0) -> list[Difference]:
        """Counts all of them, and returns the first `most` of one kind after this id."""
        page: list[Difference] = []
        for difference in self:
            is_asked = not what or what in (difference.what, *difference.ways)
            if is_asked and difference.id > after and len(page) < most:
                page.append(difference)
        return page


class _Reader:
    """A file of rows with the line that is next, parsed only when it is asked for."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._lines = lines_of(rows_path(snapshot))
        self._row: Row | None = None
        self.line = b""
        self.advance()

    def advance(self) -> None:
        self.line = next(self._lines, b"")
        self._row = None

    @property
    def row(self) -> Row:
        if self._row is None:
            self._row = as_messages(json.loads(self.line))
        return self._row


def _between(old: _Reader, new: _Reader) -> Difference | None:
    """The next difference; None where both lines say the same in other bytes."""
    if not new.line or (old.line and old.row["id"] < new.row["id"]):
        row = old.row
        old.advance()
        return Difference(row["id"], REMOVED, old=row)
    if not old.line or new.row["id"] < old.row["id"]:
        row = new.row
        new.advance()
        return Difference(row["id"], ADDED, new=row)
    before, after = old.row, new.row
    old.advance()
    new.advance()
    ways = tuple(ways_between(before, after))
    return Difference(before["id"], CHANGED, ways, before, after) if ways else None


def ways_between(old: Row, new: Row) -> Iterator[str]:
    """In which ways the preference is another one now. A training keeps less of a preference than a
    curator's snapshot: what only one of the two knows is no difference."""
    sides = ("chosen", "rejected")
    if old["kind"] != new["kind"] or old["chosen"] == new["rejected"] != old["rejected"]:
        yield VERDICT
    if _differ(old, new, "weight"):
        yield WEIGHT
    if old["split"] != new["split"]:
        yield SPLIT
    if old["excluded"] != new["excluded"]:
        yield EXCLUDED
    if _differ(old, new, "strength"):
        yield STRENGTH
    if any(_differ(old, new, name) for name in OF_VOTES):
        yield VOTES
    texts = [
        (row["prompt"], sorted(json.dumps(row[side], sort_keys=True) for side in sides))
        for row in (old, new)
    ]
    if texts[0] != texts[1]:
        yield TEXTS


def _differ(old: Row, new: Row, name: str) -> bool:
    if name not in old or name not in new:
        return False
    return bool(abs(old[name] - new[name]) > ALIKE)


OUTLINE = ("kind", "target", "strength", "weight", "split", "provenance", "excluded")


def _outline(row: Row | None) -> Mapping[str, Any] | None:
    if row is None:
        return None
    return {
        **{name: row[name] for name in OUTLINE},
        "chosen": row["chosen"],
        "rejected": row["rejected"],
    }
