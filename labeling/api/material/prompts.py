"""Prompts: listed and searched, read, added in bulk, tagged."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.bulk import body_of_rows, rows_in
from labeling.api.conventions.errors import answers, answers_to_post
from labeling.api.conventions.once import once
from labeling.api.conventions.pages import ListOfRows, PageParameters, answer_page, page_of
from labeling.api.conventions.parameters import Body, Parameters
from labeling.api.conventions.requests import project_of, row_of, user_of
from labeling.api.conventions.whole_messages import MessageSerializer
from labeling.api.material.rows_sent import prompts_in
from labeling.curation.additions import AddedRow, add_prompts
from labeling.curation.prompt_tags import change_tags
from labeling.importing.lines.message_fields import MAX_TAG, tag_in
from labeling.importing.reports import NoticeCounter, Wrong
from labeling.material.searching import holding_text, with_tag
from labeling.models import Prompt
from labeling.models.material import Split
from labeling.texts.limits import MAX_TAGS

LONGEST_SOURCE = Prompt._meta.get_field("source").max_length or 0


class PromptSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    messages = MessageSerializer(many=True)
    extra = serializers.DictField(help_text="What goes with them, such as `tools`.")
    tags = serializers.ListField(child=serializers.CharField())
    source = serializers.CharField()  # type: ignore[assignment]
    split = serializers.ChoiceField(choices=Split.choices)
    created_at = serializers.DateTimeField()


class PromptDetailSerializer(PromptSerializer):
    responses = serializers.IntegerField(help_text="How many it has.")
    comparisons = serializers.IntegerField(help_text="How many it has.")


class PromptParameters(PageParameters):
    tag = serializers.CharField(required=False, max_length=MAX_TAG)
    source = serializers.CharField(required=False, max_length=LONGEST_SOURCE)  # type: ignore[assignment]
    split = serializers.ChoiceField(choices=Split.choices, required=False)
    q = serializers.CharField(
        required=False,
        max_length=200,
        help_text="Text that a message holds. A page looks through 20,000 prompts: it may have "
        "fewer rows than `limit`, or none, and still a `next`.",
    )


class PromptBodySerializer(serializers.Serializer[Any]):
    """Describes a row for the schema; labeling/importing/lines reads it."""

    prompt = serializers.JSONField(help_text="A text, or a list of messages.")
    system = serializers.CharField(required=False)
    tools = serializers.ListField(child=serializers.DictField(), required=False)
    chat_template_kwargs = serializers.DictField(required=False)
    tags = serializers.ListField(child=serializers.CharField(), required=False)


class AddedRowSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    is_new = serializers.BooleanField(help_text="False: it was there already.")


class AddedRowsSerializer(serializers.Serializer[Any]):
    rows = AddedRowSerializer(many=True, help_text="In the order of the request.")
    new = serializers.IntegerField(help_text="How many were added.")
    notices = serializers.ListField(
        child=serializers.CharField(), help_text="Worth saying, and no fault."
    )


class NewPromptsParameters(Parameters):
    source = serializers.CharField(  # type: ignore[assignment]
        default="", max_length=LONGEST_SOURCE, help_text="Where new prompts are from."
    )


class TagsBody(Body):
    tags = serializers.ListField(
        child=serializers.CharField(max_length=MAX_TAG), help_text=f"At most {MAX_TAGS}."
    )

    def validate_tags(self, tags: list[str]) -> list[str]:
        sent = self.initial_data["tags"]
        if len(sent) > MAX_TAGS:
            raise ValidationError(f"{len(sent):,} tags; at most {MAX_TAGS} are kept.")
        try:
            words = [tag_in(tag, f"tags[{place}]") for place, tag in enumerate(sent)]
        except Wrong as fault:
            raise ValidationError(f"{fault.field}: {fault.problem}") from fault
        return list(dict.fromkeys(word for word in words if word))


def prompt_rows(prompts: Sequence[Prompt]) -> list[dict[str, Any]]:
    return [
        {
            "id": prompt.pk,
            "messages": prompt.messages,
            "extra": prompt.extra,
            "tags": prompt.tags,
            "source": prompt.source,
            "split": prompt.split,
            "created_at": prompt.created_at,
        }
        for prompt in prompts
    ]


def prompt_detail(prompt: Prompt) -> dict[str, Any]:
    (row,) = prompt_rows([prompt])
    counts = {"responses": prompt.responses.count(), "comparisons": prompt.comparisons.count()}
    return row | counts


def answer_added(added: Sequence[AddedRow], notices: NoticeCounter) -> Response:
    new = sum(row.is_new for row in added)
    rows = [{"id": row.id, "is_new": row.is_new} for row in added]
    body = {"rows": rows, "new": new, "notices": notices.sentences()}
    return Response(body, status=201 if new else 200)


class PromptsView(APIView):
    @extend_schema(
        summary="Prompts, by tag, source, split or text",
        description="For curators and admins. The newest first.",
        parameters=[PromptParameters],
        responses=answers(page_of("Prompt", PromptSerializer), 400),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        given = PromptParameters.of(request)
        prompts = Prompt.objects.filter(project=project)
        for name in ("source", "split"):
            if name in given:
                prompts = prompts.filter(**{name: given[name]})
        if "tag" in given:
            prompts = with_tag(prompts, given["tag"])
        listed = ListOfRows("prompts", project, given)
        if "q" not in given:
            return answer_page(request, listed, prompts, prompt_rows)
        matching = holding_text(prompts, given["q"])
        return answer_page(request, listed, matching, prompt_rows, searched=prompts)

    @extend_schema(
        summary="Add up to 10,000 prompts",
        description="For curators and admins. Whole or not at all: each fault is named by row and "
        "field. A prompt that is there already is found again, and keeps its tags. 200: all of "
        "them were there.",
        parameters=[NewPromptsParameters],
        request=body_of_rows("NewPrompts", PromptBodySerializer),
        responses=answers_to_post(AddedRowsSerializer, status=201) | {200: AddedRowsSerializer},
    )
    @once()
    def post(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        source = NewPromptsParameters.of(request)["source"]
        notices = NoticeCounter()
        rows = prompts_in(rows_in(request), notices)
        return answer_added(add_prompts(project, user_of(request), rows, source), notices)


class PromptView(APIView):
    @extend_schema(
        summary="A prompt",
        description="For curators and admins.",
        responses=answers(PromptDetailSerializer),
    )
    def get(self, request: Request, slug: str, pk: int) -> Response:
        prompts = Prompt.objects.filter(project=project_of(request, slug))
        return Response(prompt_detail(row_of(prompts, "prompt", pk)))

    @extend_schema(
        summary="Change a prompt's tags",
        description="For curators and admins. What is sent stands in place of its tags.",
        request=TagsBody,
        responses=answers(PromptDetailSerializer, 400, 413, 415),
    )
    def patch(self, request: Request, slug: str, pk: int) -> Response:
        prompts = Prompt.objects.filter(project=project_of(request, slug))
        tags = TagsBody.of(request)["tags"]
        prompt = row_of(prompts.select_related("project"), "prompt", pk)
        change_tags(prompt, user_of(request), tags)
        prompt.refresh_from_db()
        return Response(prompt_detail(prompt))
