"""Answers with a page of a list, and with the cursor that goes on after it.

A cursor names the last row that was read, so a page costs the same however far back it lies, and
rows that come or go meanwhile neither repeat nor hide others. It is signed, and belongs to one
list of one project with its filters.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.signing import BadSignature, Signer
from django.db.models import Model, QuerySet
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.conventions.parameters import MAX_PAGE, Parameters
from labeling.models import Project
from labeling.preferences.changes import CursorRefused

M = TypeVar("M", bound=Model)

VERSION = 1
SIGNER = Signer(salt="labeling.api.cursor")
# Rows that one page of a search in texts looks through, as no index helps with it.
SEARCHED_AT_ONCE = 20_000


class PageParameters(Parameters):
    """The parameters that every list takes."""

    limit = serializers.IntegerField(
        min_value=1, max_value=MAX_PAGE, default=100, help_text=f"Rows on a page, up to {MAX_PAGE}."
    )
    cursor = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=500,
        help_text="Where to go on: the `cursor` of the page before. It goes with the filters that "
        "it was made with.",
    )


@dataclass(frozen=True)
class ListOfRows:
    """A list by its name in the addresses, with its filters as they were given.

    `is_search`: a page looks through SEARCHED_AT_ONCE rows and may then have fewer rows than
    `limit`, or none, and still go on.
    """

    name: str
    project: Project
    given: Mapping[str, Any]
    newest_first: bool = True

    @property
    def wanted(self) -> str:
        """A digest of the filters."""
        filters = {name: value for name, value in self.given.items() if name not in PAGE_ONLY}
        written = json.dumps(sorted(filters.items()), default=str)
        return hashlib.sha256(written.encode()).hexdigest()[:16]

    def cursor_after(self, pk: int) -> str:
        return SIGNER.sign_object([VERSION, self.name, self.project.pk, self.wanted, pk])

    def start(self) -> int | None:
        """The id after which the page begins; None for the first page."""
        text = self.given.get("cursor")
        if not text:
            return None
        try:
            version, name, project, wanted, pk = SIGNER.unsign_object(text)
        except (BadSignature, ValueError, TypeError):
            version = None
        if version != VERSION:
            raise CursorRefused("This is no cursor. Give one exactly as a page told it, or none.")
        if name != self.name:
            raise CursorRefused(
                f"This cursor is of the list {name}, not of {self.name}. Begin without."
            )
        if project != self.project.pk:
            raise CursorRefused(
                f"This cursor is of another project, not of {self.project.slug}. Begin without."
            )
        if wanted != self.wanted:
            raise CursorRefused(
                "This cursor was made with other filters. Use them again, or begin without."
            )
        return int(pk)

    def beyond(self, pk: int) -> dict[str, int]:
        return {"pk__lt" if self.newest_first else "pk__gt": pk}

    def up_to(self, pk: int) -> dict[str, int]:
        return {"pk__gte" if self.newest_first else "pk__lte": pk}


PAGE_ONLY = frozenset(PageParameters().fields)


def answer_page(
    request: Request,
    listed: ListOfRows,
    rows: QuerySet[M],
    as_json: Callable[[Sequence[M]], list[dict[str, Any]]],
    *,
    searched: QuerySet[M] | None = None,
) -> Response:
    """Answers with one page of these rows. `as_json` gets all of a page at once, so that it can
    read what belongs to them in a fixed number of statements. `searched` are the rows before a
    search in their texts."""
    order, limit = "-pk" if listed.newest_first else "pk", listed.given["limit"]
    start, end = listed.start(), None
    if start is not None:
        rows = rows.filter(**listed.beyond(start))
    if searched is not None:
        ahead = searched if start is None else searched.filter(**listed.beyond(start))
        ids = ahead.order_by(order).values_list("pk", flat=True)
        end = next(iter(ids[SEARCHED_AT_ONCE - 1 : SEARCHED_AT_ONCE]), None)
        if end is not None:
            rows = rows.filter(**listed.up_to(end))
    page = list(rows.order_by(order)[: limit + 1])
    last = page[limit - 1].pk if len(page) > limit else end
    cursor = None if last is None else listed.cursor_after(last)
    return Response(
        {
            "results": as_json(page[:limit]),
            "next": cursor and _address_with(request, cursor),
            "cursor": cursor,
        }
    )


def _address_with(request: Request, cursor: str) -> str:
    parameters = request.query_params.copy()
    parameters["cursor"] = cursor
    return request.build_absolute_uri(f"{request.path}?{parameters.urlencode()}")


def page_of(name: str, row: type[serializers.BaseSerializer[Any]]) -> serializers.Serializer[Any]:
    """Describes a page of such rows for the schema."""
    return inline_serializer(
        f"{name}Page",
        {
            "results": row(many=True),
            "next": serializers.URLField(
                allow_null=True, help_text="The next page; null on the last."
            ),
            "cursor": serializers.CharField(
                allow_null=True, help_text="What `next` goes on with; null on the last page."
            ),
        },
    )
