"""What a curator decides about comparisons: out of the queue and back, and which go first."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.bulk import RowFault, body_of_rows, refuse_faults, rows_in
from labeling.api.conventions.errors import Contradicted, answers_to_post
from labeling.api.conventions.once import once
from labeling.api.conventions.parameters import Body
from labeling.api.conventions.requests import project_of, row_of, user_of
from labeling.api.material.comparison_rows import ComparisonSerializer, comparison_rows
from labeling.api.material.comparisons_sent import BIGGEST_ID
from labeling.api.material.rows_sent import faults_of_names
from labeling.curation.flags import withdraw_comparison
from labeling.curation.prioritising import prioritise
from labeling.curation.set_aside import hand_out_again, restore_withdrawn, set_aside_comparison
from labeling.models import Comparison, Project, User
from labeling.models.material import MAX_REASON

BATCH = 500
DESCRIBED = "For curators and admins. 409 where it is not so, and nothing was changed."


class ReasonBody(Body):
    reason = serializers.CharField(
        max_length=MAX_REASON, allow_blank=True, default="", help_text="For the audit log."
    )


class SetAsideBody(Body):
    reason = serializers.CharField(max_length=MAX_REASON, help_text="For other curators to read.")


class PrioritySerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    priority = serializers.FloatField(help_text="Higher is handed out sooner.")


class ChangedSerializer(serializers.Serializer[Any]):
    changed = serializers.IntegerField(help_text="How many had another priority.")


def _decide(
    request: Request,
    slug: str,
    pk: int,
    body: type[Body] | None,
    decide: Callable[[Project, User, int, str], bool],
    refusal: str,
) -> Response:
    project = project_of(request, slug)
    reason = body.of(request)["reason"] if body else ""
    mine = Comparison.objects.filter(project=project)
    row_of(mine, "comparison", pk)
    if not decide(project, user_of(request), pk, reason):
        raise Contradicted(refusal)
    return Response(comparison_rows([row_of(mine, "comparison", pk)])[0])


class WithdrawView(APIView):
    @extend_schema(
        summary="Take a comparison out of the queue",
        description=f"Nobody is asked about it any more; what was answered stays. {DESCRIBED}",
        request=ReasonBody,
        responses=answers_to_post(ComparisonSerializer),
    )
    @once()
    def post(self, request: Request, slug: str, pk: int) -> Response:
        refusal = "Only an open comparison can be withdrawn."
        return _decide(request, slug, pk, ReasonBody, withdraw_comparison, refusal)


class RestoreView(APIView):
    @extend_schema(
        summary="Put a withdrawn comparison back in the queue",
        description=f"What had been answered counts. {DESCRIBED}",
        request=ReasonBody,
        responses=answers_to_post(ComparisonSerializer),
    )
    @once()
    def post(self, request: Request, slug: str, pk: int) -> Response:
        refusal = "Only a withdrawn comparison that is not set aside and no gold can be restored."
        return _decide(request, slug, pk, ReasonBody, restore_withdrawn, refusal)


class SetAsideView(APIView):
    @extend_schema(
        summary="Set a comparison aside",
        description=f"It stays in the list of what has to be looked at. {DESCRIBED}",
        request=SetAsideBody,
        responses=answers_to_post(ComparisonSerializer),
    )
    @once()
    def post(self, request: Request, slug: str, pk: int) -> Response:
        refusal = "It is withdrawn, or set aside already."
        return _decide(request, slug, pk, SetAsideBody, set_aside_comparison, refusal)


class ReturnView(APIView):
    @extend_schema(
        summary="Hand out again what was set aside",
        description=DESCRIBED,
        request=None,
        responses=answers_to_post(ComparisonSerializer),
    )
    @once()
    def post(self, request: Request, slug: str, pk: int) -> Response:
        refusal = "It is not set aside."
        return _decide(request, slug, pk, None, _return, refusal)


def _return(project: Project, actor: User, pk: int, _reason: str) -> bool:
    return hand_out_again(project, actor, pk)


class PrioritiesView(APIView):
    @extend_schema(
        summary="Say which comparisons are handed out sooner",
        description="For curators and admins, up to 10,000 in one request, all or none. Fresh "
        "comparisons are handed out by priority; those that were begun go before them. While a "
        "reward model is in service, the project's way to choose pairs writes priorities anew.",
        request=body_of_rows("Priorities", PrioritySerializer),
        responses=answers_to_post(ChangedSerializer),
    )
    @once()
    def post(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        priorities = priorities_in(project, rows_in(request))
        return Response({"changed": prioritise(project, user_of(request), priorities)})


def priorities_in(project: Project, rows: list[Any]) -> dict[int, float]:
    """The priorities by comparison. Raises RowsRefused."""
    faults: list[RowFault] = []
    priorities: dict[int, float] = {}
    places: dict[int, int] = {}
    for index, row in enumerate(rows):
        if wrong := faults_of_names(index, row, ("id", "priority")) or _faults(index, row):
            faults += wrong
        elif row["id"] in places:
            faults.append(RowFault(index, "id", f"Stands in row {places[row['id']]} too."))
        else:
            places[row["id"]] = index
            priorities[row["id"]] = float(row["priority"])
    there = _comparisons_of(project, sorted(places))
    for pk in places.keys() - there:
        faults.append(RowFault(places[pk], "id", f"There is no comparison {pk} in this project."))
    refuse_faults(faults)
    return priorities


def _faults(index: int, row: Mapping[str, Any]) -> list[RowFault]:
    pk, priority = row.get("id"), row.get("priority")
    faults = []
    if not isinstance(pk, int) or isinstance(pk, bool) or not 0 < pk <= BIGGEST_ID:
        faults.append(RowFault(index, "id", "Must be the id of a comparison."))
    if isinstance(priority, bool) or not isinstance(priority, int | float):
        faults.append(RowFault(index, "priority", "Must be a number."))
    elif abs(priority) > 1e300 or not math.isfinite(priority):
        faults.append(RowFault(index, "priority", "Is too large."))
    return faults


def _comparisons_of(project: Project, ids: list[int]) -> set[int]:
    there: set[int] = set()
    for start in range(0, len(ids), BATCH):
        mine = Comparison.objects.filter(project=project, pk__in=ids[start : start + BATCH])
        there |= set(mine.values_list("pk", flat=True))
    return there
