"""Gold: listed, made of what labelers agreed on, by rule or of one's own, released and retired."""

import io
import json
from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.bulk import RowFault, RowsRefused
from labeling.api.conventions.errors import Contradicted, answers, answers_to_post
from labeling.api.conventions.once import once
from labeling.api.conventions.pages import ListOfRows, PageParameters, answer_page, page_of
from labeling.api.conventions.parameters import Body
from labeling.api.conventions.requests import project_of, row_of, user_of
from labeling.api.material.comparisons_sent import BIGGEST_ID
from labeling.importing import ImportRefused
from labeling.models import Gold, Project
from labeling.quality import gold as making
from labeling.quality import gold_release
from labeling.quality.gold_files import MOST_ROWS, add_gold_file

STATES = {
    "waiting": {"released_at__isnull": True, "retired_at__isnull": True},
    "in_use": {"released_at__isnull": False, "retired_at__isnull": True},
    "retired": {"released_at__isnull": False, "retired_at__isnull": False},
    "dropped": {"released_at__isnull": True, "retired_at__isnull": False},
}
MOST_IDS = 1000


class GoldSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    comparison = serializers.IntegerField(help_text="Its id.")
    state = serializers.ChoiceField(
        choices=list(STATES), help_text="`waiting`: nobody gets it before it is released."
    )
    origin = serializers.ChoiceField(choices=Gold.Origin.choices)
    expected = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField()),
        help_text="The right answer: response ids, best first.",
    )
    reason = serializers.CharField(help_text="Why it is the right answer.")
    created_by = serializers.CharField(allow_null=True, help_text="A user name.")
    created_at = serializers.DateTimeField()
    released_at = serializers.DateTimeField(allow_null=True)
    retired_at = serializers.DateTimeField(allow_null=True)


class GoldParameters(PageParameters):
    state = serializers.ChoiceField(choices=list(STATES), required=False)
    origin = serializers.ChoiceField(choices=Gold.Origin.choices, required=False)


class IdListField(serializers.ListField):
    def __init__(self, **options: Any) -> None:
        options.setdefault("max_length", MOST_IDS)
        child = serializers.IntegerField(min_value=1, max_value=BIGGEST_ID)
        super().__init__(child=child, min_length=1, **options)


class NewGoldBody(Body):
    """One of the three ways to make gold."""

    preferences = IdListField(
        required=False,
        help_text="Ids of preferences that labelers agreed on. You have looked at them: they are "
        "released at once.",
    )
    rules = serializers.ListField(
        child=serializers.ChoiceField(choices=[str(rule) for rule in making.RULES]),
        required=False,
        help_text="By rule, a response against a worse copy of it. Goes with `count`.",
    )
    count = serializers.IntegerField(
        required=False, min_value=1, max_value=making.MOST_AT_ONCE, help_text="Goes with `rules`."
    )
    rows = serializers.ListField(
        child=serializers.DictField(),
        required=False,
        min_length=1,
        max_length=MOST_ROWS,
        help_text="Your own: prompt, responses, `expected` and `reason`, as in a file of gold.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if sum(name in attrs for name in ("preferences", "rules", "rows")) != 1:
            raise ValidationError({"preferences": "Send one of: preferences, rules, rows."})
        if ("rules" in attrs) != ("count" in attrs):
            raise ValidationError({"count": "Goes with rules: send both, or neither."})
        return attrs


class MadeSerializer(serializers.Serializer[Any]):
    made = serializers.IntegerField(
        help_text="Of `preferences`, those that are no candidates any more are left out; `rules` "
        "may find fewer responses that are fit."
    )


class DecidedSerializer(serializers.Serializer[Any]):
    decided = serializers.IntegerField(help_text="Those that waited for a decision.")


class GoldIdsBody(Body):
    ids = IdListField()


def gold_rows(golds: Sequence[Gold]) -> list[dict[str, Any]]:
    return [
        {
            "id": gold.pk,
            "comparison": gold.comparison_id,
            "state": state_of(gold),
            "origin": gold.origin,
            "expected": gold.expected,
            "reason": gold_release.GoldToRead(gold, []).why,
            "created_by": gold.created_by.username if gold.created_by else None,
            "created_at": gold.created_at,
            "released_at": gold.released_at,
            "retired_at": gold.retired_at,
        }
        for gold in golds
    ]


def state_of(gold: Gold) -> str:
    if gold.retired_at is None:
        return "waiting" if gold.released_at is None else "in_use"
    return "dropped" if gold.released_at is None else "retired"


class GoldsView(APIView):
    @extend_schema(
        summary="Gold: comparisons whose answer is known",
        description="For curators and admins. The newest first. `GET …/comparisons/{id}/` has the "
        "texts.",
        parameters=[GoldParameters],
        responses=answers(page_of("Gold", GoldSerializer), 400),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        given = GoldParameters.of(request)
        golds = Gold.objects.filter(project=project).select_related("created_by")
        if "state" in given:
            golds = golds.filter(**STATES[given["state"]])
        if "origin" in given:
            golds = golds.filter(origin=given["origin"])
        return answer_page(request, ListOfRows("gold", project, given), golds, gold_rows)

    @extend_schema(
        summary="Make gold",
        description="For curators and admins. Of preferences that labelers agreed on, by rule, or "
        "of your own rows, whole or not at all.",
        request=NewGoldBody,
        responses=answers_to_post(MadeSerializer, status=201),
    )
    @once()
    def post(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        given = NewGoldBody.of(request)
        user = user_of(request)
        if "preferences" in given:
            made = making.approve(project, user, set(given["preferences"]))
        elif "rows" in given:
            made = _add_rows(request, project)
        else:
            made = _construct(request, project, given)
        return Response({"made": made}, status=201)


def _construct(request: Request, project: Project, given: dict[str, Any]) -> int:
    # A seed used before would make the same pairs of the same data again.
    seed = Gold.objects.filter(project=project).count()
    try:
        return len(
            making.construct(
                project, user_of(request), given["count"], rules=given["rules"], seed=seed
            )
        )
    except making.CannotMakeGold as fault:
        raise ValidationError({"rules": str(fault)}) from fault


def _add_rows(request: Request, project: Project) -> int:
    """Adds the rows by the rules of a file of gold."""
    body: Any = request.data
    lines = "".join(json.dumps(row) + "\n" for row in body["rows"])
    file = io.BytesIO(lines.encode())
    try:
        return add_gold_file(project, user_of(request), file, name="api.jsonl").made
    except ImportRefused as refused:
        faults = [
            RowFault(max(problem.line - 1, 0), problem.field, problem.words)
            for problem in refused.problems
        ]
        raise RowsRefused(faults) from refused


class GoldView(APIView):
    @extend_schema(
        summary="One gold comparison",
        description="For curators and admins.",
        responses=answers(GoldSerializer),
    )
    def get(self, request: Request, slug: str, pk: int) -> Response:
        golds = Gold.objects.filter(project=project_of(request, slug))
        return Response(gold_rows([row_of(golds.select_related("created_by"), "gold", pk)])[0])


class ReleaseGoldView(APIView):
    @extend_schema(
        summary="Let labelers get gold that waits",
        description="For curators and admins. What somebody else has decided stays.",
        request=GoldIdsBody,
        responses=answers_to_post(DecidedSerializer),
    )
    @once()
    def post(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        ids = GoldIdsBody.of(request)["ids"]
        return Response({"decided": gold_release.release(project, user_of(request), ids)})


class DropGoldView(APIView):
    @extend_schema(
        summary="Drop gold that waits, for good",
        description="For curators and admins. It is remembered, so that it is not made again.",
        request=GoldIdsBody,
        responses=answers_to_post(DecidedSerializer),
    )
    @once()
    def post(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        ids = GoldIdsBody.of(request)["ids"]
        return Response({"decided": gold_release.drop(project, user_of(request), ids)})


class RetireGoldView(APIView):
    @extend_schema(
        summary="Stop handing out gold that is in use",
        description="For curators and admins. Its answers so far stay. 409 where it is not in use.",
        request=None,
        responses=answers_to_post(GoldSerializer),
    )
    @once()
    def post(self, request: Request, slug: str, pk: int) -> Response:
        golds = Gold.objects.filter(project=project_of(request, slug))
        golds = golds.select_related("project", "created_by")
        if not making.retire(row_of(golds, "gold", pk), user_of(request)):
            raise Contradicted(f"Gold {pk} is not in use.")
        return Response(gold_rows([row_of(golds, "gold", pk)])[0])


class CandidateSerializer(serializers.Serializer[Any]):
    preference = serializers.IntegerField(help_text="Its id.")
    votes = serializers.IntegerField(help_text="Judgments for the chosen response; none against.")


class CandidateParameters(PageParameters):
    """No filters."""


class GoldCandidatesView(APIView):
    @extend_schema(
        summary="Preferences that can become gold",
        description="For curators and admins. At least two labelers judged, and all said the same.",
        parameters=[CandidateParameters],
        responses=answers(page_of("GoldCandidate", CandidateSerializer), 400),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        listed = ListOfRows("gold/candidates", project, CandidateParameters.of(request))
        return answer_page(request, listed, making.candidates(project), _candidate_rows)


def _candidate_rows(preferences: Sequence[Any]) -> list[dict[str, Any]]:
    return [{"preference": one.pk, "votes": one.votes_chosen} for one in preferences]
