"""The audit log of a project."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.errors import answers
from labeling.api.conventions.pages import ListOfRows, PageParameters, answer_page, page_of
from labeling.api.conventions.parameters import SinceField
from labeling.api.conventions.requests import project_of
from labeling.api.projects.audit_rows import AuditEntrySerializer, entry_rows
from labeling.curation.decisions import audit_entries


class AuditParameters(PageParameters):
    actor = serializers.CharField(default="", max_length=150, help_text="A user name.")
    action = serializers.CharField(default="", max_length=60)
    target_type = serializers.CharField(
        default="", max_length=60, help_text="Such as `preference`."
    )
    target_id = serializers.CharField(
        default="", max_length=60, help_text="Goes with `target_type`."
    )
    since = SinceField(required=False, help_text="Only entries of this moment or later.")

    def validate(self, attrs: dict[str, object]) -> dict[str, object]:
        if attrs["target_id"] and not attrs["target_type"]:
            problem = "Goes with target_type: say what has this id."
            raise serializers.ValidationError({"target_id": problem})
        return attrs


class AuditView(APIView):
    @extend_schema(
        summary="Who changed what, when and why",
        description="For curators and admins. The newest first.",
        parameters=[AuditParameters],
        responses=answers(page_of("AuditEntry", AuditEntrySerializer), 400),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        given = AuditParameters.of(request)
        target = f"{given['target_type']} {given['target_id']}".strip()
        entries = audit_entries(
            project, actor=given["actor"], action=given["action"], target=target
        )
        if "since" in given:
            entries = entries.filter(created_at__gte=given["since"])
        return answer_page(request, ListOfRows("audit", project, given), entries, entry_rows)
