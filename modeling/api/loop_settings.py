"""The settings of a project's loop: their values, what they may hold, and how to change them. All
of it follows from the declarations of modeling/settings."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.requests import project_of, user_of
from labeling.models import Project, Role
from labeling.projects.model_locations import NotUsable
from labeling.texts.shown_paths import without_paths
from modeling.loop.changing_settings import (
    SettingsRefused,
    change_loop_settings,
    changeable_by,
    usable_base_model,
)
from modeling.models import LoopSettings
from modeling.settings import SETTINGS, TITLES, Section, Setting
from modeling.settings.declaring import Number, OneOf, ShortText, Who, WholeNumber, YesNo

TYPES: dict[type[Setting], str] = {
    WholeNumber: "integer",
    Number: "number",
    YesNo: "boolean",
    OneOf: "choice",
    ShortText: "text",
}
NO_LIMITS = (None, None)


class SettingChoiceSerializer(serializers.Serializer[Any]):
    value = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]


class SettingSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    section = serializers.ChoiceField(choices=[(one.value, TITLES[one]) for one in Section])
    label = serializers.CharField(help_text="Its name on the page.")  # type: ignore[assignment]
    help = serializers.CharField()
    type = serializers.ChoiceField(choices=list(TYPES.values()))
    minimum = serializers.FloatField(allow_null=True, help_text="Allowed itself, as the maximum.")
    maximum = serializers.FloatField(allow_null=True)
    longest = serializers.IntegerField(allow_null=True, help_text="Characters of a text.")
    choices = SettingChoiceSerializer(many=True)
    may_be_null = serializers.BooleanField()
    who = serializers.ChoiceField(
        choices=[(who.value, who.in_words) for who in Who],
        help_text="The lowest role that may change it.",
    )
    default = serializers.JSONField()
    value = serializers.JSONField()
    may_change = serializers.BooleanField(help_text="Whether you may change it.")


def settings_list(project: Project) -> list[dict[str, Any]]:
    """Every setting as the viewer of the project may see it, in the order of the page."""
    role = Role(project.role_of_viewer)
    changeable = changeable_by(role)
    current = LoopSettings.objects.get(project=project)
    rows = []
    for name, setting in SETTINGS.items():
        value = getattr(current, name)
        if name == "base_model" and name not in changeable:
            value = without_paths(value)
        rows.append(schema_of(setting) | {"value": value, "may_change": name in changeable})
    return rows


def schema_of(setting: Setting) -> dict[str, Any]:
    """The declaration as JSON."""
    low, high = (
        (setting.low, setting.high) if isinstance(setting, WholeNumber | Number) else NO_LIMITS
    )
    choices = setting.choices.pairs() if isinstance(setting, OneOf) else []
    return {
        "name": setting.name,
        "section": setting.section.value,
        "label": setting.label,
        "help": setting.help,
        "type": TYPES[type(setting)],
        "minimum": low,
        "maximum": high,
        "longest": setting.longest if isinstance(setting, ShortText) else None,
        "choices": [{"value": value, "label": label} for value, label in choices],
        "may_be_null": setting.may_be_empty,
        "who": setting.who.value,
        "default": setting.default,
    }


def field_of(setting: Setting) -> serializers.Field[Any, Any, Any, Any]:
    """Describes what a request may send for the setting. `checked` decides about it, since these
    fields would also take "5" for 5."""
    words: dict[str, Any] = {
        "required": False,
        "allow_null": setting.may_be_empty,
        "help_text": f"{setting.label}. {setting.help} For {setting.who.in_words}.",
    }
    match setting:
        case WholeNumber():
            return serializers.IntegerField(min_value=setting.low, max_value=setting.high, **words)
        case Number():
            return serializers.FloatField(min_value=setting.low, max_value=setting.high, **words)
        case OneOf():
            return serializers.ChoiceField(choices=setting.choices.pairs(), **words)
        case ShortText():
            return serializers.CharField(max_length=setting.longest, allow_blank=True, **words)
    return serializers.BooleanField(**words)


def checked(project: Project, sent: Any) -> dict[str, Any]:
    """The values to store. Raises ValidationError with a sentence for each that is not allowed."""
    if not isinstance(sent, Mapping):
        raise ValidationError("Send an object: the settings to change, with their new values.")
    values: dict[str, Any] = {}
    sentences: dict[str, str] = {}
    for name, value in sent.items():
        setting = SETTINGS.get(name)
        if setting is None:
            sentences[name] = "There is no such setting: GET this address for all of them."
        elif not setting.is_allowed(value):
            sentences[name] = f"It has to be {setting.allowed_as_stored}."
        else:
            is_number = isinstance(setting, Number) and value is not None
            values[name] = float(value) if is_number else value
    saved = LoopSettings.objects.get(project=project).base_model
    # Nobody learns which folders there are by asking for what their role may not change.
    may_change = "base_model" in changeable_by(Role(project.role_of_viewer))
    if may_change and values.get("base_model", saved) != saved:
        try:
            values["base_model"] = usable_base_model(values["base_model"].strip(), project)
        except NotUsable as problem:
            sentences["base_model"] = str(problem)
    if sentences:
        raise ValidationError(sentences)
    return values


class LoopSettingsView(APIView):
    @extend_schema(
        summary="The settings of the loop, with what they may hold",
        description="For curators and admins. In the order of the page *Models and the loop*.",
        responses=SettingSerializer(many=True),
    )
    def get(self, request: Request, slug: str) -> Response:
        return self._answer(project_of(request, slug))

    @extend_schema(
        summary="Change settings of the loop",
        description="Send what is to change; the rest stays as it is. Admins change all of them, "
        "curators those whose `who` is `curator`. All of it is saved, or nothing. Shares are "
        "numbers from 0 to 1. Each change is in the audit log.",
        request=inline_serializer(
            "LoopSettingsChange", {name: field_of(one) for name, one in SETTINGS.items()}
        ),
        responses=SettingSerializer(many=True),
        examples=[
            OpenApiExample(
                "Two settings",
                value={"retrain_after": 50, "reward_label_smoothing": 0.05},
                request_only=True,
            )
        ],
    )
    def patch(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        values = checked(project, request.data)
        try:
            change_loop_settings(project, user_of(request), values)
        except SettingsRefused as refusal:
            raise ValidationError(refusal.sentences) from refusal
        return self._answer(project)

    def _answer(self, project: Project) -> Response:
        return Response(SettingSerializer(settings_list(project), many=True).data)
