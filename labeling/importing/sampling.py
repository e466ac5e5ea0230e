"""Looks into the first records of a file whose shape nobody knows: its columns with examples, the
values of a verdict, and how rows would look by a mapping."""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from labeling.importing.files import Place, Source, read_records
from labeling.importing.lines.answer_fields import NewResponse
from labeling.importing.lines.checking import check_row
from labeling.importing.lines.rows import CheckedRow
from labeling.importing.lines.turns import Messages
from labeling.importing.reports import Problem, Wrong, printable
from labeling.importing.sources.mapping import (
    LONGEST_PATH,
    ColumnMapping,
    MappedRecord,
)
from labeling.importing.sources.parts import Verdict
from labeling.importing.sources.paths import value_at, word_of
from labeling.importing.sources.source import Data
from labeling.texts.limits import MAX_KEYS

# What is read for one look, at each change of a choice.
SAMPLED_RECORDS = 500
SAMPLED_CHARACTERS = 2_000_000
SHOWN_ROWS = 5
EXAMPLES = 2
LONGEST_EXAMPLE = 120
# Of a longer list no item is offered as a column of its own.
LISTED_ITEMS = 4
DEEPEST = 4
MOST_VALUES = 30
LONGEST_VALUE = 60


@dataclass
class Column:
    """One column, or a path into one, with its first values."""

    path: str
    values: list[Any] = field(default_factory=list)

    @property
    def holds_lists(self) -> bool:
        """Whether the first value that there is, is a list."""
        first = next((value for value in self.values if value is not None), None)
        return isinstance(first, list)

    @property
    def examples(self) -> list[str]:
        """The first values that differ, as texts for people to look at."""
        shown = dict.fromkeys(_shown(value) for value in self.values if value not in (None, ""))
        return list(shown)[:EXAMPLES]

    @property
    def words(self) -> list[str]:
        """The different values that a verdict may have here; empty where they are too many."""
        words: dict[str, None] = {}
        for value in self.values:
            for one in value if isinstance(value, list) else [value]:
                if one is None or one == "":
                    continue
                if not isinstance(one, str | int | float) or len(str(one)) > LONGEST_VALUE:
                    return []
                words[printable(word_of(one))] = None
                if len(words) > MOST_VALUES:
                    return []
        return sorted(words)


@dataclass(frozen=True)
class Sample:
    """The first records of a file, and its columns in the order in which they occur."""

    records: list[tuple[Place, Data]]
    columns: list[Column]

    def column(self, path: str) -> Column:
        """Returns the column, also one that only later records have."""
        known = {column.path: column for column in self.columns}
        return known.get(path) or Column(path)


@dataclass(frozen=True)
class ShownAnswer:
    """A response as the comparison would show it, with the votes for it."""

    letter: str
    response: NewResponse
    votes: int


@dataclass(frozen=True)
class ShownRow:
    """A record as it would look: what is asked, the responses side by side, and the verdict; or
    what is wrong with it."""

    place: str
    problems: list[Problem] = field(default_factory=list)
    messages: Messages = field(default_factory=list)
    answers: list[ShownAnswer] = field(default_factory=list)
    verdict: str = ""
    labelers: list[str] = field(default_factory=list)  # with what each of them says
    tags: list[str] = field(default_factory=list)
    metadata: list[str] = field(default_factory=list)  # the names of what is kept of the prompt


def sample_of(file: Source, name: str) -> Sample:
    """The sample of a file; without records where it cannot be read."""
    records: list[tuple[Place, Data]] = []
    columns: dict[str, Column] = {}
    characters = 0
    for place, value in read_records(file, name):
        if isinstance(value, Problem):
            continue
        data = {column: inner for column, inner in value.items() if inner is not None}
        records.append((place, data))
        for column in value:
            _note(columns, data, column, data.get(column), 1)
        with suppress(RecursionError):  # so deep that no row of it can be read
            characters += len(json.dumps(data, default=str))
        if len(records) >= SAMPLED_RECORDS or characters >= SAMPLED_CHARACTERS:
            break
    return Sample(records, list(columns.values()))


def shown_rows(sample: Sample, mapping: ColumnMapping) -> list[ShownRow]:
    """The first rows as they would look."""
    return [_shown_row(place, data, mapping) for place, data in sample.records[:SHOWN_ROWS]]


def _shown_row(place: Place, data: Data, mapping: ColumnMapping) -> ShownRow:
    at = Problem(place, "line", "").place
    try:
        record = mapping.read(data)
        rows = list(record.rows())
        checked = [check_row(place, row) for row in rows]
    except Wrong as fault:
        return ShownRow(at, [Problem(place, fault.field, fault.problem, fault.advice)])
    except RecursionError:
        return ShownRow(at, [Problem(place, "line", "Nested too deeply.")])
    problems = [one for result in checked if isinstance(result, list) for one in result]
    if problems:
        return ShownRow(at, list(dict.fromkeys(problems)))
    row = checked[0]
    assert isinstance(row, CheckedRow)
    answers = _in_order(place, row, record)
    counts = [record.verdicts.count(verdict) for verdict in (Verdict.FIRST, Verdict.SECOND)]
    shown = [
        ShownAnswer(_letter(index), answer, counts[index] if record.verdicts and index < 2 else 0)
        for index, answer in enumerate(answers)
    ]
    verdict, labelers = _verdict(record, mapping), _labelers(record)
    return ShownRow(at, [], row.messages, shown, verdict, labelers, row.tags, list(row.metadata))


def _in_order(place: Place, row: CheckedRow, record: MappedRecord) -> list[NewResponse]:
    """The responses as the record has them: a preference has the better one first."""
    if record.verdicts:
        is_turned = record.verdicts[0] == Verdict.SECOND
        return row.responses[::-1] if is_turned else row.responses
    result = check_row(place, record.without_verdicts())
    return result.responses if isinstance(result, CheckedRow) else row.responses


def _letter(index: int) -> str:
    return chr(ord("A") + index) if index < 26 else f"{index + 1}"


VERDICTS = {
    Verdict.FIRST: "A is better",
    Verdict.SECOND: "B is better",
    Verdict.TIE: "tie",
    Verdict.BOTH_BAD: "both bad",
}


def _labelers(record: MappedRecord) -> list[str]:
    """The labelers who are named, each with what they say."""
    return [
        f"{labeler}: {VERDICTS[verdict]}"
        for labeler, verdict in zip(record.labelers, record.verdicts, strict=True)
        if labeler
    ]


def _verdict(record: MappedRecord, mapping: ColumnMapping) -> str:
    """What was said of the responses, in words."""
    if mapping.best_first:
        return "The better ones first" if len(record.answers) > 1 else ""
    ranks = [one.rank for one in record.answers]
    if any(rank is not None for rank in ranks):
        sign = -1 if mapping.higher_is_better else 1
        scores = [
            f"{_letter(index)} {sign * rank:g}"
            for index, rank in enumerate(ranks)
            if rank is not None
        ]
        return f"Scores: {', '.join(scores)}"
    counts = {
        VERDICTS[one]: record.verdicts.count(one) for one in Verdict if one in record.verdicts
    }
    if len(record.verdicts) == 1:
        return next(iter(counts)).capitalize()
    total = len(record.verdicts)
    return (
        f"{total} votes: " + ", ".join(f"{name} {n}" for name, n in counts.items()) if total else ""
    )


# Columns


def _note(columns: dict[str, Column], data: Data, path: str, value: Any, depth: int) -> None:
    """Notes a value under its path, or what is in it under paths of their own."""
    if not _can_be_chosen(path) or depth > DEEPEST:
        return
    if isinstance(value, dict) and value and not _is_message(value):
        for name, inner in value.items():
            _note(columns, data, f"{path}.{name}", inner, depth + 1)
        return
    if isinstance(value, list) and _are_objects(value):
        names = dict.fromkeys(name for item in value for name in item)
        for name in names:
            if _can_be_chosen(f"{path}[].{name}"):
                _add(columns, data, f"{path}[].{name}")
        return
    _add(columns, data, path, is_name=depth == 1)
    if isinstance(value, list) and 1 < len(value) <= LISTED_ITEMS and not _is_message(value[0]):
        for index in range(len(value)):
            _add(columns, data, f"{path}[{index}]")


def _can_be_chosen(path: str) -> bool:
    """Whether a form sends the path back as it is."""
    is_whole = path == printable(path) and "\x00" not in path and not {"\r", "\n"} & set(path)
    return bool(path.strip()) and len(path) <= LONGEST_PATH and is_whole


def _add(columns: dict[str, Column], data: Data, path: str, *, is_name: bool = False) -> None:
    """Notes what the path leads to. A name of the file is noted also where it holds nothing."""
    if path not in columns and len(columns) >= MAX_KEYS:
        return
    value = value_at(data, path)
    is_reached = value is not None and (not isinstance(value, list) or any(_said(value)))
    if path in columns or is_reached or is_name:
        columns.setdefault(path, Column(path)).values.append(value)


def _said(values: Iterable[Any]) -> Iterator[bool]:
    return (value is not None for value in values)


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and bool({"role", "from"} & value.keys())


def _are_objects(values: list[Any]) -> bool:
    return bool(values) and all(isinstance(item, dict) and not _is_message(item) for item in values)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    if not isinstance(value, str):
        with suppress(ValueError, RecursionError):
            text = json.dumps(value, ensure_ascii=False, default=partial(str))
    text = printable(" ".join(text[: 4 * LONGEST_EXAMPLE].split()))
    return text if len(text) <= LONGEST_EXAMPLE else f"{text[:LONGEST_EXAMPLE]}…"
