"""Finding preferences by metadata: `metadata.KEY=VALUE`, of the prompt or of one of its responses.

VALUE is compared as what it reads as: `5` finds the number and the text, `true` the truth value and
the text, `"5"` in quotation marks only the text. Of a list one item is enough. A key may lead into
an object: `info.language`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from django.db.models import BooleanField, F, Func, Q, QuerySet

from labeling.models import Preference
from labeling.texts.limits import MAX_METADATA_DEPTH, MAX_METADATA_NAME
from labeling.texts.metadata import as_json

PREFIX = "metadata."
MOST_CONDITIONS = 10
LONGEST_VALUE = 500
# Beyond this SQLite takes no integer, and keeps such numbers of JSON as floats.
BIGGEST_INTEGER = 2**63 - 1
Rows = TypeVar("Rows", bound=QuerySet[Preference])
COLUMNS = ("prompt__metadata", "chosen__metadata", "rejected__metadata")


class ConditionRefused(ValueError):
    """No metadata can meet the condition. `field` is the parameter's name."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, order=True)
class MetadataCondition:
    """The key, or the path to one, and the value that it has."""

    key: str
    value: str

    def __post_init__(self) -> None:
        if not self.key or len(self.key) > MAX_METADATA_NAME:
            problem = f"Name a key of at most {MAX_METADATA_NAME} characters after “metadata.”."
            raise ConditionRefused(f"{self.name:.80}", problem)
        if len(self.value) > LONGEST_VALUE:
            problem = f"A value may have at most {LONGEST_VALUE} characters."
            raise ConditionRefused(self.name, problem)
        if "\x00" in self.key + self.value:
            raise ConditionRefused("metadata", "A filter cannot contain the NUL character.")

    @property
    def name(self) -> str:
        return PREFIX + self.key

    @property
    def paths(self) -> list[list[str]]:
        """The key as it stands, and as the steps of a path."""
        steps = self.key.split(".")
        is_path = 1 < len(steps) <= MAX_METADATA_DEPTH and all(steps)
        return [[self.key], steps] if is_path else [[self.key]]

    @property
    def values(self) -> list[str | float | bool]:
        """What the value may be in JSON."""
        try:
            read = json.loads(self.value, parse_constant=lambda _: None)
        except (ValueError, RecursionError):
            return [self.value]
        if isinstance(read, str):
            return [read, self.value]
        is_number = isinstance(read, int | float) and abs(read) < 10**300
        return [self.value, read] if is_number else [self.value]


def conditions_in(data: Mapping[str, Any]) -> tuple[MetadataCondition, ...]:
    """The conditions among the parameters of an address; an empty value asks for nothing. Raises
    ConditionRefused."""
    given = {
        name.removeprefix(PREFIX): str(value).strip()
        for name, value in data.items()
        if name.startswith(PREFIX)
    }
    conditions = [MetadataCondition(key, value) for key, value in sorted(given.items()) if value]
    if len(conditions) > MOST_CONDITIONS:
        problem = f"At most {MOST_CONDITIONS} keys can be asked for at once."
        raise ConditionRefused(conditions[-1].name, problem)
    return tuple(conditions)


def with_metadata(rows: Rows, conditions: Iterable[MetadataCondition]) -> Rows:
    """The preferences that meet every condition, each by its prompt or by one of its responses."""
    for number, condition in enumerate(conditions):
        names = [f"holds_{number}_{column}" for column in COLUMNS]
        held = {
            name: HoldsValue(F(column), condition=condition)
            for name, column in zip(names, COLUMNS, strict=True)
        }
        meets = Q()
        for name in names:
            meets |= Q(**{name: True})
        rows = rows.alias(**held).filter(meets)
    return rows


class HoldsValue(Func):
    """Whether the metadata in a column meets a condition, in the words of each kind of database."""

    output_field: ClassVar = BooleanField()

    def __init__(self, *expressions: Any, condition: MetadataCondition, **extra: Any) -> None:
        super().__init__(*expressions, **extra)
        self.condition = condition

    @property
    def identity(self) -> Any:
        """What Django compares expressions by: the condition is part of it."""
        return (*super().identity, self.condition)

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, list[Any]]:
        column, parameters = compiler.compile(self.source_expressions[0])
        wanted = list(self._documents())
        tests = " OR ".join([f"{column} @> %s::jsonb"] * len(wanted))
        return f"({tests})", [one for text in wanted for one in (*parameters, text)]

    def _documents(self) -> Iterator[str]:
        """The smallest metadata that meet the condition."""
        for path in self.condition.paths:
            for value in self.condition.values:
                for end in (value, [value]):
                    document: Any = end
                    for step in reversed(path):
                        document = {step: document}
                    yield as_json(document)

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> Any:
        column, parameters = compiler.compile(self.source_expressions[0])
        tests, given = [], list(parameters)
        for path in self.condition.paths:
            test, values = self._walk(column, path)
            tests.append(test)
            given += [*parameters, *values]
        # What is empty is told without reading it as JSON.
        return f"({column} <> '{{}}' AND ({' OR '.join(tests)}))", given

    def _walk(self, column: str, path: list[str]) -> tuple[str, list[Any]]:
        """The test along one path, with its parameters."""
        tables = [f"json_each({column}) step0"]
        for number in range(1, len(path)):
            before = f"step{number - 1}"
            inside = f"CASE {before}.type WHEN 'object' THEN {before}.value ELSE '{{}}' END"
            tables.append(f"json_each({inside}) step{number}")
        keys = " AND ".join(f"step{number}.key = %s" for number in range(len(path)))
        last = f"step{len(path) - 1}"
        is_value, values = self._is_value(last)
        is_item, _ = self._is_value("item")
        items = f"json_each(CASE {last}.type WHEN 'array' THEN {last}.value ELSE '[]' END) item"
        test = (
            f"EXISTS (SELECT 1 FROM {', '.join(tables)} WHERE {keys} AND "
            f"({is_value} OR EXISTS (SELECT 1 FROM {items} WHERE {is_item})))"
        )
        return test, [*path, *values, *values]

    def _is_value(self, table: str) -> tuple[str, list[Any]]:
        tests, values = [], []
        for value in self.condition.values:
            if isinstance(value, bool):
                tests.append(f"{table}.type = '{str(value).lower()}'")
                continue
            types = "'text'" if isinstance(value, str) else "'integer', 'real'"
            tests.append(f"{table}.type IN ({types}) AND {table}.atom = %s")
            is_big = isinstance(value, int) and abs(value) > BIGGEST_INTEGER
            values.append(float(value) if is_big else value)
        return f"({' OR '.join(f'({test})' for test in tests)})", values
