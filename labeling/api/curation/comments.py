"""Comments: listed, written, settled."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.errors import answers, answers_to_post
from labeling.api.conventions.once import once
from labeling.api.conventions.pages import ListOfRows, PageParameters, answer_page, page_of
from labeling.api.conventions.parameters import Body
from labeling.api.conventions.requests import project_of, row_of, user_of
from labeling.curation import comments
from labeling.curation.comments import CannotComment
from labeling.models import Comment, Judgment, Project, Role, User
from labeling.models.comments import MAX_COMMENT
from labeling.people.access import require
from labeling.texts.limits import BIGGEST_ID


class CommentSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    comparison = serializers.IntegerField(
        allow_null=True, help_text="Its id; null to labelers, whom it could tell what is a check."
    )
    hand_out = serializers.UUIDField(
        allow_null=True, help_text="To labelers: of the answer of theirs that it is about."
    )
    author = serializers.CharField(allow_null=True, help_text="A user name; null: has left.")
    text = serializers.CharField()
    to_labelers = serializers.BooleanField(help_text="Whoever has answered it reads the comment.")
    mentions = serializers.ListField(child=serializers.CharField(), help_text="User names.")
    created_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True)


class CommentParameters(PageParameters):
    comparison = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=BIGGEST_ID,
        help_text="Of this comparison alone. For curators.",
    )
    resolved = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="Settled ones, or open ones."
    )
    mentioned = serializers.BooleanField(default=False, help_text="Those that mention you.")


class CommentBody(Body):
    comparison = serializers.IntegerField(
        required=False, min_value=1, max_value=BIGGEST_ID, help_text="Its id. For curators."
    )
    hand_out = serializers.UUIDField(
        required=False, help_text="An answer of yours, by the id that came with the comparison."
    )
    text = serializers.CharField(
        max_length=MAX_COMMENT, help_text="`@name` mentions a member of the project."
    )
    to_labelers = serializers.BooleanField(
        default=False, help_text="Of a curator: whoever has answered it reads the comment."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("comparison" in attrs) == ("hand_out" in attrs):
            raise ValidationError({"comparison": "Give either this or hand_out."})
        return attrs


class ResolveBody(Body):
    resolved = serializers.BooleanField(help_text="false: open again.")


def comment_rows(project: Project, user: User, rows: Sequence[Comment]) -> list[dict[str, Any]]:
    """Describes comments as this person may know them. The number of a comparison is for curators:
    gold is made together, and a repeat has that of the answer before."""
    is_curator = comments.is_curator(user, project)
    own: dict[int, Any] = {}
    if not is_curator:
        answers = Judgment.objects.filter(
            labeler=user, comparison__in={row.comparison_id for row in rows}
        )
        own = dict(answers.order_by("pk").values_list("comparison_id", "assignment__uuid"))
    return [
        {
            "id": row.pk,
            "comparison": row.comparison_id if is_curator else None,
            "hand_out": own.get(row.comparison_id),
            "author": row.author.username if row.author else None,
            "text": row.text,
            "to_labelers": row.to_labelers,
            "mentions": sorted(person.username for person in row.mentions.all()),
            "created_at": row.created_at,
            "resolved_at": row.resolved_at,
        }
        for row in rows
    ]


class CommentsView(APIView):
    @extend_schema(
        summary="What was said about comparisons",
        description="Curators read all comments. A labeler reads their own, and those for labelers "
        "on comparisons that they have answered. The newest first.",
        parameters=[CommentParameters],
        responses=answers(page_of("Comment", CommentSerializer), 400),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug, Role.LABELER)
        listed = ListOfRows("comments", project, CommentParameters.of(request))
        rows = comments.readable(project, user_of(request)).prefetch_related("mentions")
        if (comparison := listed.given.get("comparison")) is not None:
            require(Role(project.role_of_viewer), Role.CURATOR)
            rows = rows.filter(comparison=comparison)
        if (resolved := listed.given.get("resolved")) is not None:
            rows = rows.filter(resolved_at__isnull=not resolved)
        if listed.given["mentioned"]:
            rows = rows.filter(mentions=user_of(request))
        return answer_page(request, listed, rows, partial(comment_rows, project, user_of(request)))

    @extend_schema(
        summary="Comment on a comparison",
        description="Curators on every comparison, labelers on answers of their own.",
        request=CommentBody,
        responses=answers_to_post(CommentSerializer, status=201),
    )
    @once()
    def post(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug, Role.LABELER)
        given = CommentBody.of(request)
        user = user_of(request)
        comparison = _comparison_meant(project, user, given)
        try:
            comment = comments.add_comment(project, user, comparison, **given)
        except CannotComment as problem:
            raise ValidationError({problem.field: str(problem)}) from problem
        return Response(comment_rows(project, user, [comment])[0], status=201)


def _comparison_meant(project: Project, user: User, given: dict[str, Any]) -> int:
    """Takes what names the comparison out of the body."""
    if "comparison" in given:
        require(Role(project.role_of_viewer), Role.CURATOR)
        return int(given.pop("comparison"))
    own = Judgment.objects.filter(
        assignment__uuid=given.pop("hand_out"), labeler=user, project=project
    )
    comparison = own.values_list("comparison_id", flat=True).first()
    if comparison is None:
        raise ValidationError({"hand_out": "This is not an answer of yours."})
    return comparison


class CommentView(APIView):
    @extend_schema(
        summary="Settle a comment, or open it again",
        description="For curators and admins.",
        request=ResolveBody,
        responses=answers(CommentSerializer, 400),
    )
    def patch(self, request: Request, slug: str, pk: int) -> Response:
        project = project_of(request, slug)
        given = ResolveBody.of(request)
        if pk > BIGGEST_ID:
            raise NotFound(f"There is no comment {pk} in this project.")
        comments.resolve(project, user_of(request), pk, resolved=given["resolved"])
        rows = Comment.objects.filter(project=project).select_related("author")
        return Response(comment_rows(project, user_of(request), [row_of(rows, "comment", pk)])[0])
