"""The settings of how people are asked and checked, by the limits that the database keeps."""

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.errors import answers
from labeling.api.conventions.parameters import Body
from labeling.api.conventions.requests import project_of, user_of
from labeling.models import Project, Role
from labeling.models.project_limits import LIMITS, PHRASES
from labeling.projects.editing import change_settings
from labeling.projects.settings_texts import GROUPS, HELP, LABELS

SETTINGS = tuple(name for group in GROUPS for name in (*group.names, *group.more))


def described(*names: str) -> dict[str, dict[str, Any]]:
    """The settings' words on the pages, for the schema. Pages write shares as per cent, and say
    so in brackets."""
    return {
        name: {"help_text": f"{LABELS.get(name, name).removesuffix(' (%)')}. {HELP.get(name, '')}"}
        for name in names
    }


class PhrasesField(serializers.ListField):
    """A list of short phrases, each once."""

    def __init__(self, name: str) -> None:
        most, longest = PHRASES[name]
        child = serializers.CharField(max_length=longest)
        super().__init__(
            child=child,
            max_length=most,
            required=False,
            help_text=described(name)[name]["help_text"],
        )

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list) or not all(isinstance(word, str) for word in data):
            raise serializers.ValidationError("Must be a list of texts.")
        words = (" ".join(word.split()) for word in data)
        unique: list[str] = super().to_internal_value([*dict.fromkeys(filter(None, words))])
        return unique


class ModelBody(Body, serializers.ModelSerializer[Any]):
    """A body whose fields are columns, with the validators of these."""


class SettingsSerializer(ModelBody):
    """The settings of labeling. Shares are numbers from 0 to 1."""

    aspects = PhrasesField("aspects")
    reason_chips = PhrasesField("reason_chips")

    class Meta:
        model = Project
        fields: ClassVar = SETTINGS
        extra_kwargs: ClassVar = {
            name: {**words, "required": False} for name, words in described(*SETTINGS).items()
        }

    def build_standard_field(self, field_name: str, model_field: Any) -> Any:
        """Shares are finite: “nan” is neither above nor below a limit."""
        kind, words = super().build_standard_field(field_name, model_field)
        if field_name in LIMITS:
            words["min_value"], words["max_value"] = LIMITS[field_name]
        return kind, words


def settings_of(project: Project) -> Mapping[str, Any]:
    return {name: getattr(project, name) for name in SETTINGS}


class ProjectSettingsView(APIView):
    @extend_schema(
        summary="How people are asked and checked",
        description="For curators and admins. What a project is called, what it asks, who judges "
        "how often, gold and repeats. Its guidelines are apart, and so are the settings of the "
        "loop.",
        responses=answers(SettingsSerializer),
    )
    def get(self, request: Request, slug: str) -> Response:
        return Response(settings_of(project_of(request, slug)))

    @extend_schema(
        summary="Change how people are asked and checked",
        description="For admins. Send what is to change; the rest stays as it is. All of it is "
        "saved, or nothing. What has to follow does: comparisons that are open ask for as many "
        "judgments as the new `overlap`. The change is in the audit log.",
        request=SettingsSerializer,
        responses=answers(SettingsSerializer, 400, 413, 415),
    )
    def patch(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug, Role.ADMIN)
        given = SettingsSerializer(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        change_settings(project, user_of(request), given.validated_data)
        project.refresh_from_db()
        return Response(settings_of(project))
