"""What is on record: the audit log, snapshots, imports, exports, comments, webhooks."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from labeling.admin.kinds import ReadOnlyAdmin
from labeling.models import (
    AuditEntry,
    ChangeCounter,
    Comment,
    Delivery,
    Export,
    Import,
    ImportChunk,
    ImportedAgain,
    KeyedRequest,
    OverlapChange,
    Snapshot,
    SnapshotFile,
    SnapshotPush,
    SnapshotTaking,
    Webhook,
)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "actor", "action", "target_type", "target_id", "reason",
                    "project")  # fmt: skip
    list_filter = ("action", "target_type", "project")
    list_select_related = ("actor", "project")
    search_fields = ("actor__username", "action", "=target_id", "reason")
    date_hierarchy = "created_at"


@admin.register(Snapshot)
class SnapshotAdmin(ReadOnlyAdmin):
    list_display = ("id", "name", "project", "origin", "short_hash", "count", "last_settled_at",
                    "created_at")  # fmt: skip
    list_filter = ("origin", "project")
    list_select_related = ("project",)
    search_fields = ("name", "sha256", "project__name")

    @admin.display(description="SHA-256")
    def short_hash(self, snapshot: Snapshot) -> Any:
        return snapshot.sha256[:12]


@admin.register(SnapshotFile)
class SnapshotFileAdmin(ReadOnlyAdmin):
    list_display = ("id", "of", "name", "rows", "left_out", "size", "created_at")
    list_select_related = ("of",)
    search_fields = ("name", "sha256", "of__name")


@admin.register(SnapshotTaking)
class SnapshotTakingAdmin(ReadOnlyAdmin):
    list_display = ("id", "project", "name", "state", "done", "total", "created_by", "touched_at")
    list_filter = ("state", "project")
    list_select_related = ("project", "created_by")
    search_fields = ("name", "project__name")


@admin.register(SnapshotPush)
class SnapshotPushAdmin(ReadOnlyAdmin):
    list_display = ("id", "of", "repo_id", "is_private", "state", "tries", "created_by",
                    "touched_at")  # fmt: skip
    list_filter = ("state", "is_private")
    list_select_related = ("of", "created_by")
    search_fields = ("repo_id", "of__name")
    exclude = ("sealed_token",)


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin):
    list_display = ("id", "project", "file_name", "actor", "rows", "started_at", "finished_at")
    list_filter = ("project",)
    list_select_related = ("project", "actor")
    search_fields = ("sha256", "file_name", "project__name")


@admin.register(ChangeCounter)
class ChangeCounterAdmin(ReadOnlyAdmin):
    list_display = ("id", "project", "of", "last")
    list_filter = ("of", "project")
    list_select_related = ("project",)
    search_fields = ("of", "project__name")


@admin.register(Import)
class ImportAdmin(ReadOnlyAdmin):
    list_display = ("id", "project", "name", "state", "actor", "failures", "created_at",
                    "touched_at")  # fmt: skip
    list_filter = ("state", "project")
    list_select_related = ("project", "actor")
    search_fields = ("name", "project__name")


@admin.register(ImportChunk)
class ImportChunkAdmin(ReadOnlyAdmin):
    list_display = ("id", "of", "number")
    list_select_related = ("of",)
    search_fields = ("=of__id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImportChunk]:
        return super().get_queryset(request).defer("rows")


@admin.register(ImportedAgain)
class ImportedAgainAdmin(ReadOnlyAdmin):
    list_display = ("id", "of", "kind", "row_id")
    list_filter = ("kind",)
    list_select_related = ("of",)
    search_fields = ("=of__id", "=row_id")


@admin.register(OverlapChange)
class OverlapChangeAdmin(ReadOnlyAdmin):
    list_display = ("id", "project", "old", "new", "done_to", "touched_at")
    list_filter = ("project",)
    list_select_related = ("project",)
    search_fields = ("=id", "project__name")


@admin.register(KeyedRequest)
class KeyedRequestAdmin(ReadOnlyAdmin):
    list_display = ("id", "key", "user", "token", "status", "created_at")
    list_filter = ("status",)
    list_select_related = ("user", "token")
    search_fields = ("=key", "user__username")

    def get_queryset(self, request: HttpRequest) -> QuerySet[KeyedRequest]:
        return super().get_queryset(request).defer("answer")


@admin.register(Comment)
class CommentAdmin(ReadOnlyAdmin):
    list_display = ("id", "project", "comparison_id", "author", "to_labelers", "resolved_at")
    list_filter = ("to_labelers",)
    list_select_related = ("project", "author")
    search_fields = ("text",)


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    """Webhooks are made and changed on the project's page, which checks addresses."""

    list_display = ("id", "project", "is_active", "failures", "failing_since", "created_by",
                    "created_at", "removed_at")  # fmt: skip
    list_filter = ("is_active", "project")
    list_select_related = ("project", "created_by")
    search_fields = ("=id", "project__name")
    exclude = ("address", "salt", "old_salt", "secret_check")


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("id", "webhook_id", "type", "event_id", "state", "attempts", "status",
                    "next_try_at", "created_at")  # fmt: skip
    list_filter = ("state", "type")
    search_fields = ("=event_id", "=webhook__id")
