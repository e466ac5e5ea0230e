"""Lists of the learning side: newest first, a page at a time, with the address of the next one."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.conventions.parameters import MAX_PAGE, Parameters

M = TypeVar("M", bound=Model)
BIGGEST_KEY = 2**63 - 1  # of a column of the database


class ListParameters(Parameters):
    """The parameters that every list takes."""

    limit = serializers.IntegerField(
        min_value=1, max_value=MAX_PAGE, default=100, help_text=f"Rows on a page, up to {MAX_PAGE}."
    )
    before = serializers.IntegerField(
        min_value=1,
        max_value=BIGGEST_KEY,
        required=False,
        help_text="Only what is older than this one, by its number: goes on where a page ended.",
    )


def answer_list(
    request: Request,
    rows: QuerySet[M],
    given: dict[str, Any],
    as_json: Callable[[Sequence[M]], list[dict[str, Any]]],
    by: str = "id",
) -> Response:
    """Answers with one page. `by` names the column that counts the rows. `as_json` gets all of a
    page at once, to read what belongs to them in a fixed number of statements."""
    if "before" in given:
        rows = rows.filter(**{f"{by}__lt": given["before"]})
    page, limit = list(rows.order_by(f"-{by}")[: given["limit"] + 1]), given["limit"]
    following = None
    if len(page) > limit:
        parameters = request.query_params.copy()
        parameters["before"] = str(getattr(page[limit - 1], by))
        following = request.build_absolute_uri(f"{request.path}?{parameters.urlencode()}")
    return Response({"results": as_json(page[:limit]), "next": following})


def page_of(name: str, row: type[serializers.BaseSerializer[Any]]) -> serializers.Serializer[Any]:
    """Describes a page of such rows for the schema."""
    following = serializers.URLField(allow_null=True, help_text="The next page; null on the last.")
    return inline_serializer(f"{name}Page", {"results": row(many=True), "next": following})
