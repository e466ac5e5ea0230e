"""The loop: what is in service, what comes next or is waited for, and what to look at."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.errors import Contradicted, problems
from labeling.api.conventions.once import once
from labeling.api.conventions.parameters import Body, FiniteFloatField
from labeling.api.conventions.requests import project_of, user_of
from labeling.models import Project, Role
from labeling.texts.shown_paths import without_paths
from modeling.api.bodies import LONGEST_REASON
from modeling.api.run_rows import BESIDE_RUN, RunSerializer, run_rows
from modeling.loop import by_hand
from modeling.loop.overview import LoopAlarm, loop_alarms, outgrown, queue_of, stopped_by_guard
from modeling.loop.rulebook import decide_next_step
from modeling.loop.situation import Situation
from modeling.loop.steps import StepKind
from modeling.models import Loop, Run
from modeling.policies import promotion
from modeling.reward_models import gates


class NextStepSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=[one.value for one in StepKind])
    text = serializers.CharField()
    is_due = serializers.BooleanField(help_text="Whether the loop does it at once.")
    done = serializers.IntegerField(help_text="Of what it counts, such as new preferences.")
    needed = serializers.IntegerField(help_text="0: there is nothing to count.")
    run = serializers.IntegerField(allow_null=True)


class AlarmSerializer(serializers.Serializer[Any]):
    tone = serializers.ChoiceField(choices=["warning", "danger"])
    text = serializers.CharField()
    run = serializers.IntegerField(allow_null=True, help_text="The run that it is about.")


class QueueSerializer(serializers.Serializer[Any]):
    open = serializers.IntegerField(help_text="`fresh` and `waiting` together.")
    fresh = serializers.IntegerField(help_text="Seen by nobody yet.")
    waiting = serializers.IntegerField(help_text="Seen, and to be judged again.")
    in_hand = serializers.IntegerField()
    random_share = serializers.FloatField(help_text="As it is set.")
    random_measured = serializers.FloatField(allow_null=True)


class WhyNotSerializer(serializers.Serializer[Any]):
    """Why each cannot be started by hand now, in a sentence; empty: it can."""

    training = serializers.CharField()
    sampling = serializers.CharField()
    improvement = serializers.CharField()
    estimate = serializers.CharField()


class LoopSerializer(serializers.Serializer[Any]):
    """Describes loop_row for the schema; a test compares the two."""

    is_on = serializers.BooleanField(help_text="The setting `loop_enabled`.")
    is_paused = serializers.BooleanField(help_text="Whether nobody gets comparisons.")
    round = serializers.IntegerField(allow_null=True, help_text="The number of the open one.")
    policy = serializers.IntegerField(allow_null=True, help_text="The version in service.")
    reward_model = serializers.IntegerField(allow_null=True, help_text="The version in service.")
    next_step = NextStepSerializer()
    new_preferences = serializers.IntegerField(help_text="Since the last training.")
    queue = QueueSerializer()
    active_runs = RunSerializer(many=True)
    improvement_stopped = serializers.CharField(
        help_text="Why the guard has stopped improvement; empty: it has not."
    )
    alarms = AlarmSerializer(many=True, help_text="Also those of drift and of the guard.")
    why_not_start = WhyNotSerializer()


class ResumeSerializer(Body):
    reason = serializers.CharField(
        max_length=LONGEST_REASON, help_text="Why it may go on: the audit log keeps it."
    )


class GateMarginSerializer(Body):
    margin = FiniteFloatField(
        min_value=0, max_value=100, help_text="Points of accuracy, from 0 to 100."
    )


def loop_row(project: Project) -> dict[str, Any]:
    situation = Situation(project)
    step, queue = decide_next_step(situation), queue_of(situation)
    alarms = loop_alarms(situation) + stopped_by_guard(situation) + outgrown(queue)
    policy, model, a_round = situation.policy, situation.reward_model, situation.round
    active = Run.objects.filter(project=project, state__in=Run.ACTIVE)
    return {
        "is_on": project.loop_settings.loop_enabled,
        "is_paused": project.is_paused,
        "round": a_round.number if a_round else None,
        "policy": policy.version if policy else None,
        "reward_model": model.version if model else None,
        "next_step": {
            "kind": step.kind.value,
            "text": without_paths(step.text),
            "is_due": step.is_due,
            "done": step.done,
            "needed": step.needed,
            "run": step.run.pk if step.run else None,
        },
        "new_preferences": situation.new_preferences,
        "queue": vars(queue),
        "active_runs": run_rows(list(active.select_related(*BESIDE_RUN).order_by("pk"))),
        "improvement_stopped": without_paths(situation.improvement_stopped),
        "alarms": [_alarm(alarm) for alarm in alarms],
        "why_not_start": {
            "training": without_paths(by_hand.why_not_train(situation)),
            "sampling": without_paths(by_hand.why_not_sample(situation)),
            "improvement": without_paths(by_hand.why_not_improve(situation)),
            "estimate": without_paths(by_hand.why_not_estimate(situation)),
        },
    }


def _alarm(alarm: LoopAlarm) -> dict[str, Any]:
    run = alarm.run.pk if alarm.run else None
    return {"tone": alarm.tone, "text": without_paths(alarm.text), "run": run}


class LoopView(APIView):
    @extend_schema(
        summary="What the loop does next, or waits for",
        description="For curators and admins. It is switched on and off by the setting "
        "`loop_enabled` (`PATCH …/loop-settings/`).",
        responses=LoopSerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        return Response(loop_row(project_of(request, slug)))


class LoopResumeView(APIView):
    @extend_schema(
        summary="Let improvement go on after the guard has stopped it",
        description="For admins. The guard begins anew with the next version. 409: it was not "
        "stopped.",
        request=ResumeSerializer,
        examples=[
            OpenApiExample(
                "A reason", value={"reason": "The prompts were at fault."}, request_only=True
            ),
        ],
        responses={200: LoopSerializer, **problems(409)},
    )
    @once()
    def post(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug, Role.ADMIN)
        reason = ResumeSerializer.of(request)["reason"]
        if not promotion.resume_improvement(project, user_of(request), reason):
            raise Contradicted("Improvement was not stopped.")
        return Response(loop_row(project))


class GateView(APIView):
    @extend_schema(
        summary="How much accuracy a new reward model may lose",
        description="For curators and admins: in points, on the test split, against the one in "
        "service.",
        responses=GateMarginSerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        return Response(_margin(project_of(request, slug)))

    @extend_schema(
        summary="Change how much accuracy a new reward model may lose",
        description="For admins. It holds for models that the gate has not judged yet.",
        request=GateMarginSerializer,
        responses=GateMarginSerializer,
    )
    def put(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug, Role.ADMIN)
        margin = GateMarginSerializer.of(request)["margin"]
        gates.change_margin(project, user_of(request), margin)
        return Response(_margin(project))


def _margin(project: Project) -> dict[str, float]:
    loop = Loop.objects.filter(project=project).first() or Loop(project=project)
    return {"margin": round(100 * loop.gate_margin, 9)}
