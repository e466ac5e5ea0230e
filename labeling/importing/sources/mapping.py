"""A mapping: which column of a file is what, for files whose shape nobody knows.

A column is named as it stands, or by a path into it: `meta.model`, `answers[0]`, and
`votes[].choice` for every item of a list. A mapping turns a record into rows as a source does
(labeling/importing/sources), so that all that comes after is the same. Its fields, their JSON and
what they do to a record stand together: a field is added in one place.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from labeling.importing.lines.message_fields import Tell
from labeling.importing.lines.named_votes import labeler_in
from labeling.importing.lines.reading import name_of_type
from labeling.importing.reports import Wrong
from labeling.importing.sources.mapped_record import MappedRecord
from labeling.importing.sources.parts import (
    Answer,
    Verdict,
    messages_in,
    number,
)
from labeling.importing.sources.paths import (
    SHOWN_COLUMNS,
    beside,
    column_of,
    each_value,
    person_of,
    required,
    value_at,
    without_paths,
    word_of,
)
from labeling.importing.sources.source import Data, Row, Source
from labeling.texts.limits import MAX_KEYS

MAPPED = "mapping"  # the name of what a mapping reads, among the sources
LONGEST_PATH = 300
LONGEST_JSON = 100_000
# The fields that say what a verdict's values mean.
MEANINGS = {
    "first": Verdict.FIRST,
    "second": Verdict.SECOND,
    "tie": Verdict.TIE,
    "both_bad": Verdict.BOTH_BAD,
    "ignored": None,
}


class MappingRefused(ValueError):
    """The mapping contradicts itself or is no mapping; the message says why."""


@dataclass(frozen=True, kw_only=True)
class ColumnMapping:
    """Which columns hold the prompt, the responses, and what people thought of them.

    Responses are one column that holds a list, or a column for each; models and scores likewise.
    Each verdict column is a vote, or holds a list of votes. `first`, `second`, `tie`, `both_bad`
    and `ignored` are the values that a verdict may have. Who gave them is said by columns of
    `labelers`, in the order of the verdicts; or, with `labeler_per_verdict`, by where each stands:
    every column, or place in its list, is one person. With `best_first` the order of the responses
    says which is better.
    """

    prompt: str
    system: str = ""
    responses: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    scores: tuple[str, ...] = ()
    higher_is_better: bool = True
    best_first: bool = False
    verdicts: tuple[str, ...] = ()
    labelers: tuple[str, ...] = ()
    labeler_per_verdict: bool = False
    first: tuple[str, ...] = ()
    second: tuple[str, ...] = ()
    tie: tuple[str, ...] = ()
    both_bad: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    # For each response in its place the columns about it, or one entry of columns that hold lists.
    response_metadata: tuple[tuple[str, ...], ...] = ()
    leave_out: tuple[str, ...] = ()
    keep_others: bool = True

    def __post_init__(self) -> None:
        if not self.prompt:
            raise MappingRefused("No column is the prompt: every row needs one.")
        for path in self.paths():
            if not path.strip() or len(path) > LONGEST_PATH:
                raise MappingRefused(
                    f"A column's name has from 1 to {LONGEST_PATH} characters, not {path!r:.60}."
                )
        if len(self.paths()) > MAX_KEYS:
            raise MappingRefused(f"{len(self.paths()):,} columns; at most {MAX_KEYS} are read.")
        self._check_answers()
        self._check_verdicts()

    def _check_answers(self) -> None:
        for name in ("models", "scores"):
            count, responses = len(getattr(self, name)), len(self.responses)
            if count and count != responses:
                raise MappingRefused(
                    f"{name} names {count} and responses {responses} columns: name as many, each "
                    "about the response in the same place."
                )
        count, responses = len(self.response_metadata), len(self.responses)
        if count > 1 and count != responses:
            raise MappingRefused(
                f"response_metadata has {count} entries and responses {responses} columns: give a "
                "list of columns for each response, in the same order, or one list."
            )
        if count and not responses:
            raise MappingRefused("response_metadata names columns, and responses names none.")
        if self.scores and self.verdicts:
            raise MappingRefused(
                "Both scores and verdicts are named: choose which of them says what is better."
            )
        if self.best_first and (self.scores or self.verdicts):
            what = "scores" if self.scores else "verdicts"
            raise MappingRefused(
                f"best_first says that the order of the responses decides, and {what} are named: "
                "keep one of the two."
            )
        if self.best_first and not self.responses:
            raise MappingRefused("best_first is about the order of responses, which names none.")

    def _check_verdicts(self) -> None:
        meant = [word_of(value) for name in MEANINGS for value in getattr(self, name)]
        if twice := sorted({word for word in meant if meant.count(word) > 1}):
            raise MappingRefused(f"“{twice[0]}” is named twice among the values of a verdict.")
        if not self.verdicts:
            if self.labelers or self.labeler_per_verdict:
                raise MappingRefused("Labelers are named, and no verdict that they gave.")
            return
        self._check_labelers()
        if not self.responses or len(self.responses) > 2:
            raise MappingRefused(
                "A verdict is about two responses: name two columns, or one that holds a list."
            )
        if not meant:
            raise MappingRefused(
                "Say which values of a verdict mean that the first or the second is better, a "
                "tie, or that both are bad."
            )

    def _check_labelers(self) -> None:
        if self.labelers and self.labeler_per_verdict:
            raise MappingRefused(
                "Labelers are named by columns, and each verdict is to be a labeler of its own: "
                "keep one of the two."
            )
        if self.labelers and len(self.labelers) != len(self.verdicts):
            raise MappingRefused(
                f"labelers names {len(self.labelers)} and verdicts {len(self.verdicts)} columns: "
                "name as many, each the person who gave the verdict in the same place."
            )

    def paths(self) -> list[str]:
        """Every column that is named."""
        return [*self.paths_read(), *self.leave_out]

    def paths_read(self) -> list[str]:
        """Every column that is read."""
        several = [
            self.responses,
            self.models,
            self.scores,
            self.verdicts,
            self.labelers,
            self.tags,
        ]
        several += self.response_metadata
        system = [self.system] if self.system else []
        return [self.prompt, *system, *(path for paths in several for path in paths)]

    # JSON

    @classmethod
    def from_json(cls, text: str | bytes) -> "ColumnMapping":
        """Reads what `to_json` or a person wrote; raises MappingRefused with the field's name."""
        if len(text) > LONGEST_JSON:
            raise MappingRefused(f"A mapping has at most {LONGEST_JSON:,} characters.")
        try:
            given = json.loads(text, object_pairs_hook=_object_without_repeats)
        except MappingRefused:
            raise
        except (ValueError, RecursionError) as fault:
            raise MappingRefused(f"The mapping is no JSON: {fault}.") from None
        if not isinstance(given, dict):
            raise MappingRefused(f"A mapping is an object, not {name_of_type(given)}.")
        known = [one.name for one in fields(cls)]
        if unknown := [f"{name:.40}" for name in given if name not in known]:
            raise MappingRefused(
                f"A mapping has no field {', '.join(unknown[:SHOWN_COLUMNS])}. "
                f"Known are {', '.join(known)}."
            )
        if "prompt" not in given:
            raise MappingRefused("prompt is missing: name the column that holds it.")
        return cls(**{name: _value_in(value, name) for name, value in given.items()})

    def to_json(self) -> str:
        """The mapping as text, without the fields that say nothing."""
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        if self.keep_others:
            del given["keep_others"]
        if not self.scores:
            del given["higher_is_better"]
        for name in ("best_first", "labeler_per_verdict"):
            if not given[name]:
                del given[name]
        written = {name: value for name, value in given.items() if value not in ("", ())}
        return json.dumps(written, ensure_ascii=False, indent=2) + "\n"

    # Records

    def read(self, data: Data, tell: Tell = lambda _: None) -> MappedRecord:
        """What the record says, by this mapping; raises Wrong with the column's name."""
        answers = self._answers(data)
        system = value_at(data, self.system) if self.system else None
        votes = list(self._votes(data, tell))
        verdicts = [verdict for verdict, _ in votes]
        if verdicts and len(answers) != 2:
            problem = f"Holds {len(answers):,} responses, and a verdict is about two."
            raise Wrong(self.responses[0], problem)
        return MappedRecord(
            prompt=_prompt(required(data, self.prompt), self.prompt),
            system=system if system not in ("", []) else None,
            answers=answers,
            verdicts=verdicts,
            labelers=[labeler for _, labeler in votes],
            tags=[tag for path in self.tags for tag in _tags(value_at(data, path), path)],
            metadata=self.others(data),
        )

    def others(self, data: Data) -> Data:
        """What the mapping does not read, and is kept as metadata of the prompt."""
        if not self.keep_others:
            return {}
        columns = frozenset(data)
        read: dict[str, list[str]] = {}
        for path in self.paths():
            if (column := column_of(path, columns)) is not None:
                read.setdefault(column, []).append(path[len(column) :])
        others = {}
        for name, value in data.items():
            rest = without_paths(value, read[name]) if name in read else value
            if rest not in (None, "", [], {}):
                others[name] = rest
        return others

    @cached_property
    def _meanings(self) -> dict[str, Verdict | None]:
        """What each value of a verdict means; None for one that counts for no vote."""
        return {
            word_of(value): verdict
            for name, verdict in MEANINGS.items()
            for value in getattr(self, name)
        }

    def _answers(self, data: Data) -> list[Answer]:
        contents = [
            _content(value, path)
            for value, path in each_value(data, self.responses, is_needed=True)
        ]
        count = len(contents)
        models = beside(data, self.models, count)
        scores = beside(data, self.scores, count)
        about = [self._about_response(data, place, count) for place in range(count)]
        sign = -1 if self.higher_is_better else 1
        ranks = [
            sign * number(value, path) if value not in (None, "") else None
            for value, path in scores
        ]
        if self.best_first:
            ranks = [float(place) for place in range(count)]
        return [
            Answer(content, model, rank, metadata)
            for content, (model, _), rank, metadata in zip(
                contents, models, ranks, about, strict=True
            )
        ]

    def _about_response(self, data: Data, place: int, count: int) -> dict[str, Any]:
        """The metadata of the response in this place, by the last names of its columns' paths."""
        if len(self.response_metadata) != 1 or len(self.responses) > 1:
            several = self.response_metadata[place : place + 1]
            values = [(path, value_at(data, path)) for paths in several for path in paths]
        else:
            (paths,) = self.response_metadata
            values = [(path, beside(data, (path,), count)[place][0]) for path in paths]
        return {
            path.rpartition("[].")[2] or path: value for path, value in values if value is not None
        }

    def _votes(self, data: Data, tell: Tell) -> Iterator[tuple[Verdict, Any]]:
        """Each vote with who gave it, None where nobody is named."""
        known = self._meanings
        values = list(each_value(data, self.verdicts))
        for (value, path), labeler in zip(values, self._labelers(data, values), strict=True):
            if value is None or value == "":
                continue
            word = word_of(value) if isinstance(value, str | int | float) else None
            if word not in known:
                problem = f"{value!r:.60} is none of the values that the mapping gives a meaning."
                raise Wrong(path, problem, f"Known are {', '.join(known)}."[:400])
            if (verdict := known[word]) is None:
                tell("verdicts with a value that the mapping ignores")
            else:
                yield verdict, labeler

    def _labelers(self, data: Data, values: Sequence[tuple[Any, str]]) -> list[Any]:
        """Who gave each of these verdicts."""
        if self.labeler_per_verdict:
            return [person_of(path) for _, path in values]
        if not self.labelers or all(value in (None, "") for value, _ in values):
            return [None] * len(values)
        names = list(each_value(data, self.labelers))
        if len(names) != len(values):
            problem = f"Holds {len(names):,} labelers for {len(values):,} verdicts."
            raise Wrong(self.labelers[0], problem)
        return [labeler_in(name, path) if name is not None else None for name, path in names]


def source_of(mapping: ColumnMapping) -> Source:
    """The mapping as a source, whose columns are those that it names."""

    def rows(records: Sequence[Data], tell: Tell) -> Iterable[Row]:
        (data,) = records
        return mapping.read(data, tell).rows(tell)

    return Source(
        name=MAPPED,
        meaning=_meaning(mapping),
        needs=frozenset(),
        rows=rows,
        leaves=frozenset(mapping.leave_out),
        keeps_others=mapping.keep_others,
        others=lambda _: {},
    )


def _meaning(mapping: ColumnMapping) -> str:
    words = f"{_quoted([mapping.prompt])} is the prompt"
    if mapping.responses:
        words += f", responses are in {_quoted(mapping.responses)}"
    if mapping.verdicts:
        words += f", votes in {_quoted(mapping.verdicts)}"
    if mapping.labelers:
        words += f", given by the labelers in {_quoted(mapping.labelers)}"
    if mapping.labeler_per_verdict:
        words += ", each place of a vote by a labeler of its own"
    if mapping.best_first:
        words += ", the better ones first"
    if mapping.scores:
        better = "higher" if mapping.higher_is_better else "lower"
        words += f", scores in {_quoted(mapping.scores)}: {better} is better"
    return words[:500]


def _quoted(paths: Sequence[str]) -> str:
    return ", ".join(f"“{path:.60}”" for path in paths)


def _prompt(value: Any, path: str) -> Any:
    """A text or messages; those that say `from` and `value` are turned into ours."""
    if isinstance(value, list) and value and isinstance(value[0], dict) and "from" in value[0]:
        return messages_in(value, path)
    return value


def _content(value: Any, path: str) -> Any:
    if isinstance(value, dict) and "role" not in value:
        names = ", ".join(f"{name:.40}" for name in list(value)[:SHOWN_COLUMNS])
        problem = f"Is an object, not a text; it holds {names or 'nothing'}."
        raise Wrong(path, problem, "Name the text in it, as in answers[].text or answer.text.")
    if value is None:
        raise Wrong(path, "Is missing.", "A response is a text or an assistant's message.")
    if not isinstance(value, str | dict | list):
        # How it was written is not known: True, true and 1 would be other answers.
        problem = f"Must be a text or a message, not {name_of_type(value)}."
        raise Wrong(path, problem, "Write it as a text, or skip rows with errors.")
    return value


def _tags(value: Any, path: str) -> Iterator[str]:
    for one in value if isinstance(value, list) else [value]:
        if one in (None, ""):
            continue
        if not isinstance(one, str | int | float):
            raise Wrong(path, f"A tag is a text, not {name_of_type(one)}.")
        yield f"{one}"


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if twice := [name for name in names if names.count(name) > 1]:
        raise MappingRefused(f"“{twice[0]:.40}” stands in the mapping twice.")
    return dict(pairs)


def _value_in(value: Any, name: str) -> Any:
    """The value of a field of the JSON, in the field's type."""
    if name in ("higher_is_better", "best_first", "labeler_per_verdict", "keep_others"):
        if not isinstance(value, bool):
            raise MappingRefused(f"{name} is true or false, not {name_of_type(value)}.")
        return value
    if name in ("prompt", "system"):
        if not isinstance(value, str):
            raise MappingRefused(f"{name} is a column's name, not {name_of_type(value)}.")
        return value
    if not isinstance(value, list):
        raise MappingRefused(f"{name} is a list, not {name_of_type(value)}.")
    if name == "response_metadata":
        return tuple(_columns_in(one) for one in value)
    kinds = str | int | float if name in MEANINGS else str
    for one in value:
        if not isinstance(one, kinds):
            what = "values" if name in MEANINGS else "names of columns"
            raise MappingRefused(f"{name} holds {what}, not {name_of_type(one)}.")
    return tuple(word_of(one) if name in MEANINGS else one for one in value)


def _columns_in(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise MappingRefused(
            "response_metadata is a list of lists of columns: one list for each response."
        )
    return tuple(value)
