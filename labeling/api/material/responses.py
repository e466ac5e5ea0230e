"""The responses of a prompt: listed, and added in bulk."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response as Answer
from rest_framework.views import APIView

from labeling.api.conventions.bulk import body_of_rows, rows_in
from labeling.api.conventions.errors import Contradicted, answers, answers_to_post
from labeling.api.conventions.once import once
from labeling.api.conventions.pages import ListOfRows, PageParameters, answer_page, page_of
from labeling.api.conventions.requests import project_of, row_of, user_of
from labeling.api.conventions.whole_messages import MessageSerializer
from labeling.api.material.prompts import AddedRowsSerializer, answer_added
from labeling.api.material.rows_sent import responses_in
from labeling.curation.additions import MaterialGone, add_responses
from labeling.importing.reports import NoticeCounter
from labeling.models import Project, Prompt, Response
from labeling.texts.messages import whole_message


class ResponseSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    message = MessageSerializer(help_text="With every further key, as it was given.")
    model = serializers.CharField(help_text="That wrote it; empty where nobody said.")
    origin = serializers.ChoiceField(choices=Response.Origin.choices)
    policy_version = serializers.IntegerField(allow_null=True)
    temperature = serializers.FloatField(allow_null=True)
    seed = serializers.IntegerField(allow_null=True)
    finished = serializers.BooleanField(help_text="False: cut off at the limit of tokens.")
    created_at = serializers.DateTimeField()


class ResponseBodySerializer(serializers.Serializer[Any]):
    """Describes a row for the schema; labeling/importing/lines reads it. A row may also be a text,
    or an assistant's message."""

    text = serializers.CharField(allow_blank=True)
    model = serializers.CharField(required=False)
    extra = serializers.DictField(
        required=False, help_text="Further keys of the message, such as `tool_calls`."
    )


class ResponseParameters(PageParameters):
    """No filters."""


def response_row(response: Response) -> dict[str, Any]:
    return {
        "id": response.pk,
        "message": whole_message(response.text, response.extra),
        "model": response.source,
        "origin": response.origin,
        "policy_version": response.policy_version,
        "temperature": response.temperature,
        "seed": response.seed,
        "finished": response.finished,
        "created_at": response.created_at,
    }


def response_rows(responses: Sequence[Response]) -> list[dict[str, Any]]:
    return [response_row(response) for response in responses]


class ResponsesView(APIView):
    @extend_schema(
        summary="The responses of a prompt",
        description="For curators and admins. In the order in which they came.",
        parameters=[ResponseParameters],
        responses=answers(page_of("Response", ResponseSerializer), 400),
    )
    def get(self, request: Request, slug: str, pk: int) -> Answer:
        project = project_of(request, slug)
        given = ResponseParameters.of(request)
        prompt = _prompt(project, pk)
        # A cursor belongs to one prompt.
        listed = ListOfRows("responses", project, {**given, "prompt": pk}, newest_first=False)
        return answer_page(request, listed, prompt.responses.all(), response_rows)

    @extend_schema(
        summary="Add up to 10,000 responses to a prompt",
        description="For curators and admins. Whole or not at all. A response that is there "
        "already is found again. Nothing is queued: `POST …/comparisons/` says what is compared.",
        request=body_of_rows("NewResponses", ResponseBodySerializer),
        responses=answers_to_post(AddedRowsSerializer, status=201) | {200: AddedRowsSerializer},
    )
    @once()
    def post(self, request: Request, slug: str, pk: int) -> Answer:
        prompt = _prompt(project_of(request, slug), pk)
        notices = NoticeCounter()
        responses = responses_in(rows_in(request), notices)
        try:
            added = add_responses(prompt, user_of(request), responses)
        except MaterialGone as fault:
            raise Contradicted(str(fault)) from fault
        return answer_added(added, notices)


def _prompt(project: Project, pk: int) -> Prompt:
    return row_of(Prompt.objects.filter(project=project).select_related("project"), "prompt", pk)
