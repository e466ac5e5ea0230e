"""What curators do to preferences: look at one, exclude, restore, undo, answer a doubt."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.errors import Contradicted, answers, answers_to_post
from labeling.api.conventions.once import once
from labeling.api.conventions.parameters import Body
from labeling.api.conventions.requests import project_of, row_of, user_of
from labeling.api.material.comparisons_sent import BIGGEST_ID
from labeling.api.material.preference_rows import PreferenceDetailSerializer, preference_detail
from labeling.curation import decisions, doubts
from labeling.curation.decisions import BULK_LIMIT, EXCLUDE, RESTORE, CannotChange, Change
from labeling.curation.finding import FilterError, PreferenceFilter, Window
from labeling.models import Preference, Project, User


class ChangeBody(Body):
    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=BIGGEST_ID),
        required=False,
        max_length=BULK_LIMIT,
        help_text=f"Of at most {BULK_LIMIT:,} preferences.",
    )
    matching = serializers.DictField(
        child=serializers.CharField(allow_blank=True),
        required=False,
        help_text="In place of `ids`: all that match the filters of the page *Preferences*, such "
        'as `{"source": "|gpt", "state": "in_use"}`.',
    )
    expected = serializers.IntegerField(
        required=False, min_value=1, help_text="With `matching`: how many you expect to match."
    )
    reason = serializers.CharField(
        default="", allow_blank=True, max_length=300, help_text="Needed to exclude."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("ids" in attrs) == ("matching" in attrs):
            raise ValidationError({"ids": "Send either ids, or matching with expected."})
        if ("matching" in attrs) != ("expected" in attrs):
            raise ValidationError({"expected": "Goes with matching: send both, or neither."})
        if attrs.get("expected", 0) > BULK_LIMIT:
            raise ValidationError({"expected": f"At most {BULK_LIMIT:,}: narrow the filter."})
        return attrs


class ChangedPreferencesSerializer(serializers.Serializer[Any]):
    changed = serializers.ListField(child=serializers.IntegerField(), help_text="Ids.")
    untouched = serializers.IntegerField(help_text="How many were so already.")
    undo_token = serializers.CharField(
        help_text="For `POST …/preferences/undo/`; empty where nothing was changed."
    )


class UndoBody(Body):
    undo_token = serializers.CharField(max_length=100)


class DoubtBody(Body):
    decision = serializers.ChoiceField(
        choices=[("confirm", "the preference stands"), ("reopen", "takes that back")]
    )


def changed_row(done: Change) -> dict[str, Any]:
    return {"changed": done.changed, "untouched": done.untouched, "undo_token": done.undo_token}


def change(request: Request, slug: str, action: str) -> Response:
    project = project_of(request, slug)
    given = ChangeBody.of(request)
    if action == EXCLUDE and not given["reason"]:
        raise ValidationError({"reason": "Say in a few words why, so that others can follow it."})
    try:
        done = _change(project, user_of(request), action, given)
    except FilterError as fault:
        raise ValidationError({f"matching.{fault.field}": str(fault)}) from fault
    except CannotChange as fault:
        if "matching" in given:
            raise Contradicted(str(fault)) from fault  # others than expected match by now
        raise ValidationError({"ids": str(fault)}) from fault
    return Response(changed_row(done))


def _change(project: Project, actor: User, action: str, given: dict[str, Any]) -> Change:
    if "matching" in given:
        unknown = given["matching"].keys() - PreferenceFilter.__dataclass_fields__.keys()
        if unknown:
            raise FilterError(min(unknown), "There is no such filter.")
        return decisions.change_matching(
            project,
            actor,
            action,
            PreferenceFilter.parse(given["matching"]),
            Window(),
            expected=given["expected"],
            reason=given["reason"],
        )
    act = decisions.exclude if action == EXCLUDE else decisions.restore
    return act(project, actor, given["ids"], given["reason"])


class PreferenceView(APIView):
    @extend_schema(
        summary="A preference with everything behind it",
        description="For curators and admins: its judgments, its doubt, what was done to it.",
        responses=answers(PreferenceDetailSerializer),
    )
    def get(self, request: Request, slug: str, pk: int) -> Response:
        rows = Preference.objects.filter(project=project_of(request, slug))
        joined = rows.select_related("prompt", "chosen", "rejected", "excluded_by")
        return Response(preference_detail(row_of(joined, "preference", pk)))


class ExcludePreferencesView(APIView):
    @extend_schema(
        summary="Keep preferences out of training and exports",
        description="For curators and admins. All of them or none. 409 where not as many match as "
        "`expected`.",
        request=ChangeBody,
        responses=answers_to_post(ChangedPreferencesSerializer),
    )
    @once()
    def post(self, request: Request, slug: str) -> Response:
        return change(request, slug, EXCLUDE)


class RestorePreferencesView(APIView):
    @extend_schema(
        summary="Put preferences back into training and exports",
        description="For curators and admins. All of them or none.",
        request=ChangeBody,
        responses=answers_to_post(ChangedPreferencesSerializer),
    )
    @once()
    def post(self, request: Request, slug: str) -> Response:
        return change(request, slug, RESTORE)


class UndoPreferencesView(APIView):
    @extend_schema(
        summary="Take your exclusion or restoring back",
        description="For curators and admins. Rows that somebody has changed since stay as they "
        "are, and are counted in `untouched`.",
        request=UndoBody,
        responses=answers_to_post(ChangedPreferencesSerializer),
    )
    @once()
    def post(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        token = UndoBody.of(request)["undo_token"]
        try:
            done = decisions.undo(project, user_of(request), token)
        except CannotChange as fault:
            raise Contradicted(str(fault)) from fault
        return Response(changed_row(done))


class DoubtView(APIView):
    @extend_schema(
        summary="Answer the doubt about a preference",
        description="For curators and admins. `GET …/doubts/` lists what the reward model "
        "contradicts. The other answers are to exclude the preference, or to have it judged again.",
        request=DoubtBody,
        responses=answers_to_post(PreferenceDetailSerializer),
    )
    @once()
    def post(self, request: Request, slug: str, pk: int) -> Response:
        rows = Preference.objects.filter(project=project_of(request, slug))
        decision = DoubtBody.of(request)["decision"]
        joined = rows.select_related("project", "prompt", "chosen", "rejected", "excluded_by")
        row = row_of(joined, "preference", pk)
        act = doubts.confirm if decision == "confirm" else doubts.doubt_again
        if not act(row, user_of(request)):
            words = "There is no open doubt" if decision == "confirm" else "No doubt is confirmed"
            raise Contradicted(f"{words} about preference {pk}.")
        return Response(preference_detail(row))
