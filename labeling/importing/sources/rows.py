"""Turns records into rows of ours, and counts what was recognised.

Records that are read together (the ratings of one prompt's answers, the turns of a conversation)
are kept in a scratch database, which SQLite keeps on disk when it grows, and become rows at the
end.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from labeling.importing.files import Place, Records
from labeling.importing.lines.message_fields import Tell
from labeling.importing.lines.metadata_fields import OF_RESPONSES
from labeling.importing.lines.opinions import is_line_of_export
from labeling.importing.reports import FILE, Problem, Wrong
from labeling.importing.scratch_database import scratch_database
from labeling.importing.sources.mapping import MAPPED, ColumnMapping, source_of
from labeling.importing.sources.paths import column_of, value_at
from labeling.importing.sources.registry import OWN, every_source, recognise
from labeling.importing.sources.source import Data, Row, Source
from labeling.texts.limits import MAX_KEYS, MAX_RESPONSES
from labeling.texts.metadata import further

SHOWN_COLUMNS = 12
# Rows of ours with no further columns are others' as well, and named so.
PAIR = frozenset({"prompt", "chosen", "rejected"})
SIDES = frozenset({"chosen", "rejected"})
TABLE = (
    "CREATE TABLE held (source TEXT, name TEXT, number INTEGER, own INTEGER, unit TEXT, file TEXT, "
    "data TEXT)"
)


class Recognised:
    """What was recognised in a file: how many records of each source, and columns left out."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.sources: dict[str, Source] = {}
        self.kept: dict[str, dict[str, None]] = {}
        self.left_out: dict[str, dict[str, None]] = {}

    def add(self, source: Source, data: Data) -> None:
        self.counts[source.name] += 1
        self.sources[source.name] = source
        kept = self.kept.setdefault(source.name, {})
        left_out = self.left_out.setdefault(source.name, {})
        if len(kept) + len(left_out) > MAX_KEYS:
            return
        for name in data:
            if source.keeps_column(name):
                kept[name] = None
            elif name not in source.needs and name not in source.uses:
                left_out[name] = None

    def sentences(self) -> list[str]:
        """What to tell before anything is stored, the most frequent first."""
        counts = self.counts.most_common()
        return [self._sentence(self.sources[name], count) for name, count in counts]

    def _sentence(self, source: Source, count: int) -> str:
        beside = _listed("kept as metadata", self.kept[source.name])
        beside += _listed("left out", self.left_out[source.name])
        records = "1 record" if count == 1 else f"{count:,} records"
        if source.name == MAPPED:
            return f"read by the mapping, {records}: {source.meaning}{beside}"
        return f"recognised as {source.name}, {records}: {source.meaning}{beside}"


def _listed(what: str, columns: Iterable[str]) -> str:
    names = [f"{name:.40}" for name in columns]
    more = ", …" if len(names) > SHOWN_COLUMNS else ""
    return f"; {what}: {', '.join(names[:SHOWN_COLUMNS])}{more}" if names else ""


def rows_of_records(
    records: Records,
    recognised: Recognised | None = None,
    tell: Callable[[str, int], object] = lambda *_: None,
    mapping: ColumnMapping | None = None,
) -> Records:
    """The rows of ours that the records become, each with a place of its own: a record may become
    several, which say where it stood under numbers that ascend. With a `mapping` it says what every
    column is, and nothing is recognised."""
    recognised = recognised or Recognised()
    last = 0
    rows = _mapped(records, mapping, recognised, tell) if mapping else None
    for place, value in rows or _rows(records, recognised, tell):
        if not place:  # what is wrong with the file as a whole
            yield place, value
            continue
        number = max(last + 1, int(place))
        place = place if number == place else place.at(number)
        if isinstance(value, Problem) and value.line != place:
            value = replace(value, line=place)
        last = number
        yield place, value


def _rows(records: Records, recognised: Recognised, tell: Callable[[str, int], object]) -> Records:
    held: _Held | None = None
    with ExitStack() as until_read:
        for place, value in records:
            if isinstance(value, Problem) or (value.keys() <= OWN and not value.keys() <= PAIR):
                yield place, value
                continue
            data = {name: inner for name, inner in value.items() if inner is not None}
            is_triple_of_export = is_line_of_export(data) and data.keys() >= SIDES
            source = None if is_triple_of_export else recognise(data)
            if source is None:
                yield place, value
                continue
            recognised.add(source, data)
            if source.is_ours:
                yield place, value
            elif source.group is None:
                yield from _rows_of(source, [data], place, tell)
            else:
                held = held or _Held(until_read.enter_context(scratch_database()))
                held.add(source, source.group(data), place, data)
        if held is not None:
            for source, place, group in held.groups():
                yield from _rows_of(source, group, place, tell)


def _mapped(
    records: Records,
    mapping: ColumnMapping,
    recognised: Recognised,
    tell: Callable[[str, int], object],
) -> Records:
    """Reads every record by the mapping. A column that no record has is a fault of the file: a
    misspelt name would otherwise lose its values without a word."""
    source = source_of(mapping)
    missing = dict.fromkeys(mapping.paths_read())
    columns: dict[str, None] = {}
    row_columns: frozenset[str] = frozenset()  # of the row before: most rows have the same ones
    for place, value in records:
        if isinstance(value, Problem):
            yield place, value
            continue
        for path in [
            path for path in missing if path in value or value_at(value, path) is not None
        ]:
            del missing[path]
        if len(columns) <= MAX_KEYS:
            columns.update(dict.fromkeys(value))
        data = {name: inner for name, inner in value.items() if inner is not None}
        if data.keys() != row_columns:
            row_columns = frozenset(data)
            used = {column_of(path, row_columns) for path in mapping.paths_read()}
            source = replace(source, uses=frozenset(name for name in used if name))
        recognised.add(source, data)
        yield from _rows_of(source, [data], place, tell)
    if missing and columns:
        names = ", ".join(f"{name:.60}" for name in list(missing)[:SHOWN_COLUMNS])
        known = ", ".join(f"{name:.60}" for name in list(columns)[:SHOWN_COLUMNS])
        problem = f"No row has what the mapping names: {names}."
        yield Place(0), Problem(Place(0), FILE, problem, f"The columns are {known}.")


def _rows_of(
    source: Source, group: Sequence[Data], place: Place, tell: Callable[[str, int], object]
) -> Records:
    told: Tell = lambda what: tell(what, place)  # noqa: E731
    try:
        if len(group) > MAX_RESPONSES:
            problem = f"More than {MAX_RESPONSES:,} records about one prompt."
            raise Wrong("prompt", problem, "Leave some of them out.")
        rows = list(source.rows(group, told))
        if not source.is_export:
            rows = [_with_metadata(row, source, group, told) for row in rows]
    except Wrong as fault:
        yield place, Problem(place, fault.field, fault.problem, fault.advice)
    except RecursionError:
        yield place, Problem(place, "line", "Nested too deeply.", "Give plain messages and texts.")
    else:
        if not rows:
            told(f"records of {source.name} that hold no question, left out")
        for row in rows:
            yield place, row


def _with_metadata(row: Row, source: Source, group: Sequence[Data], tell: Tell) -> Row:
    """The row with what else is known of its prompt, and with no metadata that cannot be kept."""
    others = source.about_prompt(group[0])
    own = others.get("metadata")
    if isinstance(own, Mapping):  # as Argilla and distilabel have it
        others = {**own, **{name: inner for name, inner in others.items() if name != "metadata"}}
    others = {**others, **row.get("metadata", {})}
    parts = {"metadata": others} if others else {}
    parts |= {name: row[name] for name in OF_RESPONSES if name in row}
    row = row | {name: further(inner, tell) for name, inner in parts.items()}
    if any("metadata" in one for one in row.get("responses", ()) if isinstance(one, dict)):
        row["responses"] = [
            one | {"metadata": further(one.get("metadata", {}), tell)} for one in row["responses"]
        ]
    return row


class _Held:
    """Records that wait for the others of their group."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database
        database.execute(TABLE)

    def add(self, source: Source, name: str, place: Place, data: Data) -> None:
        values = (source.name, name, int(place), place.own, place.unit, place.name)
        # Escaped, since half a surrogate pair is no text for SQLite.
        self.database.execute(
            "INSERT INTO held VALUES (?, ?, ?, ?, ?, ?, ?)", (*values, json.dumps(data))
        )

    def groups(self) -> Iterator[tuple[Source, Place, list[Data]]]:
        """Each group with the place of its first record, in the order of those."""
        sources = {source.name: source for source in every_source()}
        self.database.execute("CREATE INDEX by_name ON held (source, name, number)")
        firsts = self.database.execute(
            "SELECT source, name, min(number) FROM held GROUP BY source, name ORDER BY min(number)"
        )
        for source, name, _ in firsts:
            yield self._group(sources[source], source, name)

    def _group(self, found: Source, source: str, name: str) -> tuple[Source, Place, list[Data]]:
        rows: list[tuple[Any, ...]] = self.database.execute(
            "SELECT number, own, unit, file, data FROM held WHERE source = ? AND name = ? "
            "ORDER BY number LIMIT ?",
            (source, name, MAX_RESPONSES + 1),
        ).fetchall()
        number, own, unit, file, _ = rows[0]
        return found, Place(number, own, unit, file), [json.loads(row[4]) for row in rows]
