"""What may stand after the question mark: read strictly, so that no misspelt filter is ignored."""

from typing import Any, TypeVar

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request

MAX_PAGE = 1000

S = TypeVar("S", bound="Parameters")


class Parameters(serializers.Serializer[Any]):
    """The query parameters of an endpoint. Unknown names are errors."""

    @classmethod
    def of(cls, request: Request) -> dict[str, Any]:
        parameters = cls(data=request.query_params)
        unknown = request.query_params.keys() - parameters.fields.keys()
        if unknown:
            known = ", ".join(sorted(parameters.fields))
            problem = f"There is no such parameter. Known are: {known}."
            raise serializers.ValidationError(dict.fromkeys(sorted(unknown), problem))
        parameters.is_valid(raise_exception=True)
        return dict(parameters.validated_data)


class Words(serializers.CharField):
    """Words with commas between them, each one of `known` (any word, where that is empty)."""

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


class StreamParameters(Parameters):
    """Shared by the endpoints that hand out many rows."""

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

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["format"] == "json":
            attrs.setdefault("limit", 100)
            if attrs["limit"] > MAX_PAGE:
                problem = f"A page has at most {MAX_PAGE} rows. Use format=jsonl for more."
                raise serializers.ValidationError({"limit": problem})
        return attrs


class SinceField(serializers.DateTimeField):
    """A moment; without a zone, in the server's."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("default_timezone", timezone.get_default_timezone())
        super().__init__(**options)
