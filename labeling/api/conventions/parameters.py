"""Reads the query parameters of an endpoint strictly: no misspelt filter is ignored."""

import math
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from django.http import QueryDict
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request

from labeling.preferences.exporting import OVERLAP

MAX_PAGE = 1000
MOST_ROWS = 2**62  # a database counts no further, and no project has so many
# The end of a moment whose zone began with a + that the address was given unescaped: it arrives as
# a space.
LOST_PLUS = re.compile(r"(:\d\d(?:\.\d+)?) (\d\d:?\d\d)$")

S = TypeVar("S", bound="Parameters")


class Parameters(serializers.Serializer[Any]):
    """The query parameters of an endpoint. An unknown name is an error."""

    @classmethod
    def of(cls, request: Request) -> dict[str, Any]:
        parameters = cls()
        unknown = {name for name in request.query_params if not parameters.knows(name)}
        if unknown:
            known = ", ".join(sorted(parameters.fields))
            problem = f"There is no such parameter. Known are: {known}."
            raise serializers.ValidationError(dict.fromkeys(sorted(unknown), problem))
        given = parameters._single_values(request.query_params)
        parameters = cls(data={name: given[name] for name in given if name in parameters.fields})
        parameters.is_valid(raise_exception=True)
        return dict(parameters.validated_data)

    def knows(self, name: str) -> bool:
        return name in self.fields

    def _single_values(self, given: QueryDict) -> dict[str, str]:
        """Returns one value for each name. A list of words that is given several times is the union
        of all. Anything else that is given twice is refused: nobody knows which one was meant."""
        several = {name: values for name, values in given.lists() if len(values) > 1}
        lists = {name for name in several if isinstance(self.fields.get(name), WordListField)}
        twice = sorted(several.keys() - lists)
        if twice:
            problem = "Is given more than once: give it once, so that it is known which counts."
            raise serializers.ValidationError(dict.fromkeys(twice, problem))
        return {name: ",".join(map(str, values)) for name, values in given.lists()}


# What JSON says for each kind of field: "5" is no number, and 5 is no text.
JSON_TYPES: list[tuple[type[serializers.Field], type | tuple[type, ...], str]] = [
    (serializers.BooleanField, bool, "true or false"),
    (serializers.IntegerField, int, "a whole number"),
    (serializers.FloatField, (int, float), "a number"),
    (serializers.CharField, str, "a text"),
    (serializers.ChoiceField, str, "a text"),
]


class Body(serializers.Serializer[Any]):
    """The JSON object that an endpoint takes. An unknown name is an error, and so is a value of
    another type."""

    @classmethod
    def of(cls, request: Request) -> dict[str, Any]:
        given = cls(data=request.data)
        given.is_valid(raise_exception=True)
        return dict(given.validated_data)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise serializers.ValidationError({"request": "Send a JSON object."})
        faults = {name: self._fault_of(name, value) for name, value in data.items()}
        if faults := {name: fault for name, fault in faults.items() if fault}:
            raise serializers.ValidationError(faults)
        return super().to_internal_value(data)

    def _fault_of(self, name: str, value: Any) -> str:
        field = self.fields.get(name)
        if field is None or field.read_only:
            known = ", ".join(name for name, one in self.fields.items() if not one.read_only)
            return f"There is no such field. Known are: {known}."
        for kind, expected, words in JSON_TYPES:
            if isinstance(field, kind) and value is not None:
                is_one = isinstance(value, expected)
                is_bool = isinstance(value, bool) and expected is not bool
                return "" if is_one and not is_bool else f"Must be {words}."
        return ""


class WordListField(serializers.CharField):
    """Words with commas between them. Each is one of `known`; where that is empty, any word."""

    def __init__(self, *, known: list[str] | None = None, **options: Any) -> None:
        self.known = known or []
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> Any:
        words = [word.strip() for word in super().to_internal_value(data).split(",")]
        for word in words:
            if self.known and word not in self.known:
                known = ", ".join(self.known)
                raise serializers.ValidationError(f"“{word}” is not known. Use {known}.")
        return [word for word in words if word]


class FiniteFloatField(serializers.FloatField):
    """A number. “nan” is none: it would pass every limit, since it is neither above nor below."""

    def to_internal_value(self, data: Any) -> float:
        value: float = super().to_internal_value(data)
        return value if math.isfinite(value) else self.fail("invalid")


class StreamParameters(Parameters):
    """The parameters that all endpoints with many rows share."""

    format = serializers.ChoiceField(
        choices=["json", "jsonl"],
        default="json",
        help_text="`json`: one page and the address of the next. "
        "`jsonl`: all rows as a stream, one JSON object on each line.",
    )
    after = serializers.IntegerField(
        min_value=0,
        default=0,
        help_text="Only rows with a higher id: goes on where an earlier answer ended.",
    )
    limit = serializers.IntegerField(
        min_value=1,
        required=False,
        help_text=f"Rows on a page (100, at most {MAX_PAGE}), or rows of a stream (all).",
    )

    cursor = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=300,
        help_text="Empty: everything, in the order of its last change. Then, again and again, the "
        "cursor that the last answer told (in its header `Next-Cursor`, of a page also in "
        "`cursor`): what has changed since, and nothing is ever missed. It goes with the filters "
        "it was made with. Of a stream it counts when all of it has arrived.",
    )

    def validate_limit(self, limit: int) -> int:
        return min(limit, MOST_ROWS)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "cursor" in attrs:
            for name in ("settled_since", "since", "after"):
                if attrs.get(name):
                    problem = f"Says by itself where to go on: leave `{name}` out."
                    raise serializers.ValidationError({"cursor": problem})
        if attrs["format"] == "json":
            attrs.setdefault("limit", 100)
            if attrs["limit"] > MAX_PAGE:
                problem = f"A page has at most {MAX_PAGE} rows. Use format=jsonl for more."
                raise serializers.ValidationError({"limit": problem})
        return attrs


class SinceField(serializers.DateTimeField):
    """A moment, in the server's time zone where it names none. Its value lies OVERLAP before what
    was given."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("default_timezone", timezone.get_default_timezone())
        minutes = OVERLAP.seconds // 60
        options["help_text"] += (
            f" What came in the {minutes} minutes before it is told once more, since a row is "
            "stamped before others can see it: tell rows by their id. `cursor` repeats nothing."
        )
        super().__init__(**options)

    def to_internal_value(self, value: Any) -> Any:
        if isinstance(value, str):
            value = LOST_PLUS.sub(r"\1+\2", value)
        moment = super().to_internal_value(value)
        try:
            return moment - OVERLAP
        except OverflowError:
            return moment  # nothing lies before the first moment that there is
