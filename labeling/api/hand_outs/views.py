"""Lets another front end label: hands out a comparison, takes the answer, a skip or an undo.

It shows what the page shows, and no more: nothing tells why a comparison is asked, whose responses
they are, or what row they have. Responses are called A, B, C by their places on screen.
"""

from typing import Any, cast
from uuid import UUID

from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, NotFound, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.errors import problems
from labeling.api.conventions.requests import project_of, user_of
from labeling.api.conventions.whole_messages import MessageSerializer
from labeling.api.hand_outs.answers import (
    AnswerSerializer,
    SkipSerializer,
    answer_to,
    field_errors,
    skip_with,
)
from labeling.curation.set_aside import set_aside
from labeling.database.transactions import Conflict
from labeling.judging.modes import FLAG, LETTERS, MAX_RATIONALE, RANK, VERDICTS, AnswerBar
from labeling.judging.on_screen import Shown, load_view
from labeling.judging.recording import (
    AnswerTo,
    CannotUndo,
    NoMember,
    NotYours,
    Recorded,
    submit_and_claim,
    undo_answer_to,
)
from labeling.material.shown.showing import CannotBeShown
from labeling.models import AskReason, Assignment, Judgment, Project, Role, Scope, User
from labeling.people.access import project_for
from labeling.queue import handout, outlook
from labeling.texts.messages import said, whole_message

# Comparisons that one request sets aside before it says that there is trouble, as on the page.
SET_ASIDE_AT_ONCE = 10
NOT_YOURS = "This comparison was not handed out to you."


class ChangedMeanwhile(APIException):
    status_code = 409


class NamedSerializer(serializers.Serializer[Any]):
    value = serializers.CharField(help_text="What to send.")
    label = serializers.CharField(help_text="What to show.")  # type: ignore[assignment]


# These describe the rows for the schema; a test compares their names. The rows are answered as they
# are: a serializer would drop the further keys of a message.
class AskedSerializer(serializers.Serializer[Any]):
    """What may be answered to a comparison."""

    question = serializers.CharField()
    mode = serializers.ChoiceField(
        choices=["pair", "ranking"], help_text="`ranking`: send `rank`, and a place for each."
    )
    choices = NamedSerializer(many=True)
    places = serializers.ListField(child=serializers.IntegerField(), help_text="Of a ranking.")
    allow_tie = serializers.BooleanField(help_text="In a ranking: the same place twice.")
    aspects = serializers.ListField(
        child=serializers.CharField(), help_text="Each asks for one of `verdicts`."
    )
    verdicts = NamedSerializer(many=True)
    reasons = serializers.ListField(child=serializers.CharField(), help_text="That can be ticked.")
    rationale = serializers.ChoiceField(choices=AskReason.choices)
    rationale_at_most = serializers.IntegerField(help_text="Characters.")
    rewrite = serializers.BooleanField(help_text="Whether a better response may be sent.")
    flags = NamedSerializer(many=True)


class PlacedSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="Its place: A, B, C …; it says nothing else.")
    message = MessageSerializer()


class HandOutSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    expires_at = serializers.DateTimeField(
        help_text="Until then nobody else gets it in your place. An answer that comes later is "
        "kept, and counted if its place is still free."
    )
    prompt = MessageSerializer(many=True)
    beside_prompt = serializers.DictField(help_text="What came with the prompt, such as tools.")
    responses = PlacedSerializer(many=True, help_text="In the order in which to show them.")
    asked = AskedSerializer()
    guidelines = serializers.IntegerField(allow_null=True, help_text="The number of their version.")


class NothingSerializer(serializers.Serializer[Any]):
    reason = serializers.ChoiceField(choices=[one.value for one in outlook.Expect])
    text = serializers.CharField()


class NextSerializer(serializers.Serializer[Any]):
    comparison = HandOutSerializer(allow_null=True)
    nothing = NothingSerializer(allow_null=True, help_text="Why there is no comparison.")


class RecordedSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="Of the hand-out.")
    kind = serializers.ChoiceField(choices=Judgment.Kind.choices)
    tiers = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="The responses' ids, best first; responses of one tier are tied.",
    )
    strength = serializers.IntegerField(allow_null=True)
    is_late = serializers.BooleanField(help_text="Whether it came after `expires_at`.")
    created_at = serializers.DateTimeField()


def hand_out_row(project: Project, shown: Shown) -> dict[str, Any]:
    prompt = shown.sides[0].response.prompt
    return {
        "id": str(shown.assignment.uuid),
        "expires_at": shown.assignment.expires_at,
        "prompt": prompt.messages,
        "beside_prompt": prompt.extra,
        # Of what stands beside a text labelers see only what the model said, here as on the page.
        "responses": [
            {
                "id": placed.letter,
                "message": whole_message(placed.response.text, said(placed.response.extra)),
            }
            for placed in shown.sides
        ],
        "asked": _asked(AnswerBar(project, len(shown.sides))),
        "guidelines": project.guidelines.number if project.guidelines else None,
    }


def _asked(bar: AnswerBar) -> dict[str, Any]:
    project = bar.project
    choices = [_named(choice.value, choice.label) for choice in bar.choices]
    if bar.is_ranking:
        choices.append(_named(RANK, "Places"))
    if project.allow_both_bad:
        choices.append(_named("both_bad", "All bad" if bar.is_ranking else "Both bad"))
    return {
        "question": bar.question,
        "mode": "ranking" if bar.is_ranking else "pair",
        "choices": choices,
        "places": list(bar.places) if bar.is_ranking else [],
        "allow_tie": project.allow_tie,
        "aspects": bar.aspects,
        "verdicts": [_named(*verdict) for verdict in VERDICTS] if bar.aspects else [],
        "reasons": project.reason_chips if bar.has_reason else [],
        "rationale": project.ask_reason,
        "rationale_at_most": MAX_RATIONALE,
        "rewrite": project.allow_rewrite,
        "flags": [_named(f"{FLAG}{value}", label) for value, label in bar.flags],
    }


def _named(value: str, label: str) -> dict[str, str]:
    return {"value": value, "label": label}


def next_row(user: User, project: Project) -> dict[str, Any]:
    """Returns the comparison that this person has or gets, or why there is none. One that cannot be
    shown is set aside for the curators, as the page does."""
    for _ in range(SET_ASIDE_AT_ONCE):
        assignment = handout.current_or_next(user, project)
        if assignment is None:
            nothing = outlook.why_nothing(user, project)
            return {
                "comparison": None,
                "nothing": {"reason": nothing.reason, "text": nothing.text},
            }
        try:
            shown = load_view(assignment)
        except CannotBeShown as fault:
            set_aside(assignment, str(fault))
            continue
        return {"comparison": hand_out_row(project, shown), "nothing": None}
    trouble = outlook.Expect.TROUBLE
    return {
        "comparison": None,
        "nothing": {"reason": trouble.value, "text": outlook.WORDS[trouble].title},
    }


def recorded_row(recorded: Recorded) -> dict[str, Any]:
    """The answer that stands. Nothing in it depends on why the comparison was asked, nor on whether
    the answer came a second time."""
    judgment = recorded.judgment
    letters = dict(zip(judgment.order, LETTERS, strict=False))
    return {
        "id": str(recorded.assignment.uuid),
        "kind": judgment.kind,
        "tiers": [sorted(letters[response] for response in tier) for tier in judgment.tiers],
        "strength": judgment.strength,
        "is_late": judgment.is_late,
        "created_at": judgment.created_at,
    }


@method_decorator(never_cache, "dispatch")
class NextView(APIView):
    read_scope = Scope.LABEL

    @extend_schema(
        summary="The comparison to judge now",
        tags=["hand-outs"],
        description="For every member. The one that you hold, or the next one, which is then yours "
        "until `expires_at`; else `nothing` says why there is none. Asking again changes nothing.",
        responses={200: NextSerializer, **problems(401, 403, 404, 409, 429)},
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug, Role.LABELER)
        try:
            return Response(next_row(user_of(request), project))
        except Conflict as problem:
            raise ChangedMeanwhile(f"{problem}. Please try again.") from problem


class HandOutView(APIView):
    """What answers to a comparison have in common."""

    write_scope = Scope.LABEL

    def record(self, request: Request, uuid: UUID, answer: AnswerTo) -> Response:
        try:
            recorded, _following = submit_and_claim(uuid, user_of(request).pk, answer)
        except NotYours as problem:
            raise NotFound(NOT_YOURS) from problem
        except NoMember as problem:
            raise PermissionDenied(f"Not saved: {problem}.") from problem
        except Conflict as problem:
            raise ChangedMeanwhile(f"Not saved: {problem}. Please try again.") from problem
        except ValueError as problem:
            raise ValidationError(field_errors(problem)) from problem
        return Response(recorded_row(recorded))


class AnswerView(HandOutView):
    @extend_schema(
        summary="Answer a comparison that you were handed",
        description="By the rules of the page. Sending it again changes nothing, and returns what "
        "stands. What is not asked for is refused by its name.",
        request=AnswerSerializer,
        examples=[
            OpenApiExample(
                "Of a pair",
                value={"choice": "left", "rationale": "It says why.", "seconds": 31.5},
                request_only=True,
            ),
            OpenApiExample(
                "Of a ranking",
                value={"choice": "rank", "places": {"A": 2, "B": 1, "C": 2}},
                request_only=True,
            ),
        ],
        responses={200: RecordedSerializer, **problems(400, 401, 403, 404, 409, 413, 429)},
    )
    def post(self, request: Request, uuid: UUID) -> Response:
        given = AnswerSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return self.record(request, uuid, answer_to(given.validated_data))


class SkipView(HandOutView):
    @extend_schema(
        summary="Leave a comparison to others",
        description="You do not get it again. Sending it again changes nothing.",
        request=SkipSerializer,
        responses={200: RecordedSerializer, **problems(400, 401, 403, 404, 409, 413, 429)},
    )
    def post(self, request: Request, uuid: UUID) -> Response:
        given = SkipSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return self.record(request, uuid, skip_with(given.validated_data))


class UndoView(HandOutView):
    @extend_schema(
        summary="Take your last answer back",
        description="Only if it is the answer to this hand-out, which can then be answered anew "
        "under the same id. 409 says why not.",
        request=None,
        responses={200: HandOutSerializer, **problems(401, 403, 404, 409, 429)},
    )
    def post(self, request: Request, uuid: UUID) -> Response:
        user = user_of(request)
        mine = Assignment.objects.filter(uuid=uuid, labeler=user).select_related("project")
        assignment = mine.first()
        if assignment is None:
            raise NotFound(NOT_YOURS)
        project = project_for(user, assignment.project.slug)
        try:
            if not undo_answer_to(uuid, user, project):
                raise ChangedMeanwhile("Your last answer in this project is not the one to this.")
            shown = load_view(cast(Assignment, mine.first()))
        except (CannotUndo, Conflict, CannotBeShown) as problem:
            raise ChangedMeanwhile(str(problem)) from problem
        return Response(hand_out_row(project, shown))
