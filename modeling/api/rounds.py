"""Rounds of the loop, one from policy to verdict: the list, and all of one."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.pages import ListOfRows, PageParameters, answer_page, page_of
from labeling.api.conventions.requests import project_of
from labeling.models import Project
from labeling.texts.shown_paths import without_paths
from modeling.api.policy_rows import WinRateSerializer
from modeling.api.reward_model_rows import AccuracySerializer
from modeling.loop.round_rows import RoundRow, rows_of
from modeling.models import RewardModel, Round, Run

MOST_ROUNDS = 100


class BlindProgressSerializer(serializers.Serializer[Any]):
    """How far a blind comparison is. Which side leads is not told: you may be about to judge."""

    judged = serializers.IntegerField()
    pairs = serializers.IntegerField()


class MeansSerializer(serializers.Serializer[Any]):
    current = serializers.FloatField(help_text="Of the policy in service.")
    new = serializers.FloatField()


class RoundSerializer(serializers.Serializer[Any]):
    """Describes round_rows for the schema; a test compares the two."""

    number = serializers.IntegerField()
    state = serializers.ChoiceField(choices=Round.State.choices)
    reason = serializers.CharField(help_text="Why it ended as it did.")
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    judgments = serializers.IntegerField(help_text="Between its start and its end.")
    policy = serializers.IntegerField(allow_null=True, help_text="The version in service.")
    candidate = serializers.IntegerField(allow_null=True, help_text="The new version.")
    reward_model = serializers.IntegerField(allow_null=True, help_text="The version it trained.")
    used_reward_model = serializers.IntegerField(
        allow_null=True, help_text="The version that its policy was improved with."
    )
    accuracy = AccuracySerializer(allow_null=True, help_text="Of the reward model.")
    gain = serializers.FloatField(allow_null=True, help_text="In points, over the version before.")
    kl = serializers.FloatField(allow_null=True, help_text="Of the new policy, in nats.")
    proxy_reward = MeansSerializer(allow_null=True, help_text="By the reward model it was used on.")
    win_rate = WinRateSerializer(allow_null=True, help_text="Of a blind comparison that ended.")
    p_value = serializers.FloatField(allow_null=True)
    blind = BlindProgressSerializer(allow_null=True, help_text="While it goes on.")
    gold = MeansSerializer(allow_null=True, help_text="By the oracle, where the project has one.")


class RoundDetailSerializer(RoundSerializer):
    runs = serializers.ListField(child=serializers.IntegerField(), help_text="Their ids, in order.")
    verdict = serializers.CharField(help_text="Of the blind comparison; empty where there is none.")
    decided_at = serializers.IntegerField(
        allow_null=True, help_text="How many judgments the verdict rests on."
    )


def round_rows(project: Project, rounds: Sequence[Round]) -> list[dict[str, Any]]:
    reward_models = list(RewardModel.objects.filter(project=project).order_by("-version"))
    return [_row(row) for row in rows_of(project, rounds, reward_models)]


def _row(row: RoundRow) -> dict[str, Any]:
    a_round = row.round
    trained = a_round.reward_model
    used = row.model if row.role else None
    proxy = dict(zip(("current", "new"), row.proxy, strict=True)) if row.proxy else None
    return {
        "number": a_round.number,
        "state": a_round.state,
        "reason": without_paths(a_round.reason),
        "started_at": a_round.started_at,
        "finished_at": a_round.finished_at,
        "judgments": row.judgments,
        "policy": a_round.policy.version if a_round.policy else None,
        "candidate": a_round.candidate.version if a_round.candidate else None,
        "reward_model": trained.version if trained else None,
        "used_reward_model": used.version if used else None,
        "accuracy": asdict(row.accuracy) if row.accuracy else None,
        "gain": row.gain,
        "kl": row.kl,
        "proxy_reward": proxy,
        "win_rate": row.win_rate.as_json() if row.win_rate else None,
        "p_value": row.p_value,
        "blind": dict(zip(("judged", "pairs"), row.blind, strict=True)) if row.blind else None,
        "gold": row.gold.as_json() if row.gold else None,
    }


def _rounds_of(project: Project) -> Any:
    return Round.objects.filter(project=project).select_related(
        "policy", "reward_model", "candidate"
    )


class RoundListParameters(PageParameters):
    # The judgments of each round are counted in one statement with a column for each.
    limit = serializers.IntegerField(
        min_value=1, max_value=MOST_ROUNDS, default=30, help_text=f"Up to {MOST_ROUNDS} on a page."
    )


class RoundsView(APIView):
    @extend_schema(
        summary="Rounds, newest first",
        description="For curators and admins.",
        parameters=[RoundListParameters],
        responses=page_of("Round", RoundSerializer),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        given = RoundListParameters.of(request)
        listed = ListOfRows("rounds", project, given)
        rounds = _rounds_of(project)
        return answer_page(request, listed, rounds, lambda page: round_rows(project, page))


class RoundView(APIView):
    @extend_schema(
        summary="A round with its runs and its verdict",
        description="For curators and admins.",
        responses=RoundDetailSerializer,
    )
    def get(self, request: Request, slug: str, number: int) -> Response:
        project = project_of(request, slug)
        a_round = _rounds_of(project).filter(number=number).first()
        if a_round is None:
            raise NotFound(f"There is no round {number}.")
        (row,) = round_rows(project, [a_round])
        blind = a_round.figures.blind
        runs = Run.objects.filter(round=a_round).order_by("pk").values_list("pk", flat=True)
        return Response(
            row
            | {
                "runs": list(runs),
                "verdict": blind.verdict if blind else "",
                "decided_at": blind.decided_at if blind else None,
            }
        )
