"""An entry of the audit log as the API shows it."""

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from labeling.models import AuditEntry
from labeling.texts.shown_paths import details_without_paths, without_paths


class AuditEntrySerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    actor = serializers.CharField(allow_null=True, help_text="A user name; null: a rule.")
    action = serializers.CharField()
    target_type = serializers.CharField()
    target_id = serializers.CharField()
    reason = serializers.CharField()
    details = serializers.DictField(
        help_text="What changed: `changes` has for each field its value before and after."
    )
    created_at = serializers.DateTimeField()


def entry_rows(entries: Sequence[AuditEntry]) -> list[dict[str, Any]]:
    return [
        {
            "id": entry.pk,
            "actor": entry.actor.username if entry.actor else None,
            "action": entry.action,
            "target_type": entry.target_type,
            "target_id": entry.target_id,
            "reason": without_paths(entry.reason),
            "details": details_without_paths(entry.details),
            "created_at": entry.created_at,
        }
        for entry in entries
    ]
