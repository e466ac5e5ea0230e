"""Rewards of responses, by one of a project's reward models."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.requests import project_of
from labeling.api.conventions.whole_messages import MessageField, ResponseField
from modeling.api.reward_models import find_version
from modeling.core.messages import OPTION_NAMES
from modeling.reward_models import serving
from modeling.settings import declared
from modeling.settings.choices import Aggregate
from modeling.settings.declaring import Number


class NobodyAnswers(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE


class TextSerializer(serializers.Serializer[Any]):
    prompt = serializers.ListField(child=MessageField(), allow_empty=False)
    response = ResponseField(help_text="A text, or the assistant's whole message.")
    tools = serializers.ListField(
        child=serializers.DictField(), required=False, help_text="Functions it may call."
    )
    chat_template_kwargs = serializers.DictField(
        required=False, help_text="Arguments for the chat template."
    )


UWO_WEIGHT = declared("uwo_weight", Number)


class ScoreRequestSerializer(serializers.Serializer[Any]):
    texts = TextSerializer(many=True, allow_empty=False)
    aggregate = serializers.ChoiceField(
        choices=Aggregate.pairs(),
        required=False,
        help_text="How the rewards of several members become one; else as the project has it.",
    )
    uwo_weight = serializers.FloatField(
        required=False,
        min_value=UWO_WEIGHT.low,
        max_value=UWO_WEIGHT.high,
        help_text="Times the variance, with `uwo`.",
    )


class ScoredSerializer(serializers.Serializer[Any]):
    reward = serializers.FloatField(
        help_text="Of all members together. Higher is better; only differences for the same "
        "prompt mean something."
    )
    mean = serializers.FloatField(help_text="Of the members.")
    std = serializers.FloatField(help_text="Over the members: how unsure they are; 0 for one.")
    members = serializers.ListField(
        child=serializers.FloatField(), help_text="The reward by each member, on one scale."
    )
    probability = serializers.FloatField(
        allow_null=True,
        help_text="That people prefer this response to the first one of the same prompt, by the "
        "model's calibration (temperature 1 until one can be fitted); null for a first one.",
    )
    truncated = serializers.BooleanField(
        help_text="Whether prompt and response are longer than the model reads, so that the "
        "beginning of the prompt, or the end of the response, was cut off."
    )


class ScoreResponseSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    aggregate = serializers.CharField()
    scores = ScoredSerializer(many=True, help_text="In the order of the texts.")


class ScoreView(APIView):
    @extend_schema(
        summary="Score responses with a reward model",
        description=(
            "For curators and admins. `version` is a number, or `live` for the one in service. At "
            f"most {serving.MOST_TEXTS} texts. 503 while the scorer or Redis is away."
        ),
        request=ScoreRequestSerializer,
        examples=[
            OpenApiExample(
                "Two responses",
                value={
                    "texts": [
                        {"prompt": [{"role": "user", "content": "Why?"}], "response": "Because."},
                        {"prompt": [{"role": "user", "content": "Why?"}], "response": "Why not?"},
                    ]
                },
                request_only=True,
            )
        ],
        responses=ScoreResponseSerializer,
    )
    def post(self, request: Request, slug: str, version: str) -> Response:
        model = find_version(project_of(request, slug), version)
        given = ScoreRequestSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        texts = [_text_of(text) for text in asked["texts"]]
        usual = serving.way_of(model.project)
        way = serving.Aggregation(
            asked.get("aggregate", usual.aggregate), asked.get("uwo_weight", usual.uwo_weight)
        )
        try:
            scored = serving.score(model, texts, way=way)
        except serving.CannotScore as problem:
            raise ValidationError({"texts": [str(problem)]}) from problem
        except serving.Unavailable as problem:
            raise NobodyAnswers(str(problem)) from problem
        answer = {"version": model.version, "aggregate": way.aggregate, "scores": scored}
        return Response(ScoreResponseSerializer(answer).data)


def _text_of(asked: dict[str, Any]) -> serving.TextToScore:
    options = {name: value for name, value in asked.items() if name in OPTION_NAMES and value}
    return serving.TextToScore(asked["prompt"], asked["response"], options)
