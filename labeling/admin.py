"""Django admin over people and data: to look anything up, and to mend what has no page.

Append-only tables are read-only here: what is on record cannot be changed or deleted by hand.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from labeling.models import (
    ApiToken,
    Assignment,
    AuditEntry,
    ChangeCounter,
    Comment,
    Comparison,
    ComparisonResponse,
    Delivery,
    Doubt,
    Export,
    FormerMember,
    Gold,
    GuidelineVersion,
    Import,
    ImportChunk,
    ImportedAgain,
    Invitation,
    Judgment,
    KeyedRequest,
    Membership,
    OverlapChange,
    Preference,
    Project,
    Prompt,
    Response,
    Snapshot,
    SnapshotFile,
    SnapshotPush,
    SnapshotTaking,
    User,
    Webhook,
)
from labeling.templatetags.interface import excerpt

admin.site.site_header = "Preferable"
admin.site.site_title = "Preferable admin"
admin.site.index_title = "Every table"


class ChangedColumns(forms.ModelForm):
    """Writes only what was changed in the form, so that changes of others since it was opened
    stay."""

    def save(self, commit: bool = True) -> Any:
        if commit and self.instance.pk and not self.errors:
            self.instance.save(update_fields=self.changed_data)
            return self.instance
        return super().save(commit)


class MembershipForm(ChangedColumns):
    def clean_is_paused(self) -> bool:
        is_paused: bool = self.cleaned_data["is_paused"]
        if self.instance.excluded_at is not None and not is_paused:
            raise forms.ValidationError(
                "Their judgments are out of training. Bring them back first, on the person's page "
                "of the project."
            )
        return is_paused


class SavesChangedColumns(admin.ModelAdmin):
    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        many = {field.name for field in obj._meta.many_to_many}
        changed = [name for name in form.changed_data if name not in many]
        obj.save(update_fields=changed if change else None)


class LookupAdmin(SavesChangedColumns):
    """The admin of a large table: it counts rows once, shows pages of 50, and has no filter that
    looks for every distinct value of a column."""

    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 200


class ReadOnlyAdmin(LookupAdmin):
    """The admin of a table that only the product itself writes."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class MembershipInline(admin.TabularInline):
    model = Membership
    form = MembershipForm
    extra = 0
    autocomplete_fields = ("user", "project")
    fields = ("user", "project", "role", "is_paused", "reliability", "created_at")
    readonly_fields = ("reliability", "created_at")


class SetAnyPasswordForm(AdminPasswordChangeForm):
    """Writes the password and nothing else."""

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit=False)
        if commit:
            user.save(update_fields=["password"])
        return user


@admin.register(User)
class UserAdmin(SavesChangedColumns, BaseUserAdmin):
    change_password_form = SetAnyPasswordForm
    fieldsets = (
        *(BaseUserAdmin.fieldsets or ()),
        ("Address", {"fields": ("email_is_claimed",)}),
    )
    list_display = ("username", "email", "first_name", "last_name", "is_active", "is_superuser",
                    "last_login")  # fmt: skip
    list_filter = ("is_active", "is_superuser", "is_staff", "memberships__role")
    inlines = (MembershipInline,)


@admin.register(Membership)
class MembershipAdmin(LookupAdmin):
    form = MembershipForm
    list_display = ("user", "project", "role", "is_paused", "reliability", "created_at")
    list_filter = ("role", "is_paused", "project")
    list_select_related = ("user", "project")
    search_fields = ("user__username", "user__email", "project__name", "project__slug")
    autocomplete_fields = ("user", "project")
    # Written with the judgments they go with, by the product alone.
    readonly_fields = ("reliability", "measured", "excluded_at", "excluded_reason")


@admin.register(FormerMember)
class FormerMemberAdmin(ReadOnlyAdmin):
    list_display = ("user", "project", "reliability", "left_at")
    list_filter = ("project",)
    list_select_related = ("user", "project")
    search_fields = ("user__username", "project__name")
    fields = ("project", "user", "reliability", "left_at")


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = ("id", "project", "role", "note", "created_by", "expires_at", "used_by")
    list_filter = ("role", "project")
    list_select_related = ("project", "created_by", "used_by")
    search_fields = ("note", "project__name")
    fields = ("project", "role", "note", "created_by", "created_at", "expires_at", "used_at",
              "used_by")  # fmt: skip


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Lists tokens. People make them for themselves; deleting one here revokes it. No key is
    stored."""

    list_display = ("prefix", "name", "user", "can_read", "can_label", "can_write", "created_at",
                    "expires_at", "last_used_at")  # fmt: skip
    list_filter = ("can_read", "can_label", "can_write")
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__username")
    exclude = ("digest",)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super(ReadOnlyAdmin, self).has_delete_permission(request, obj)


@admin.register(Project)
class ProjectAdmin(LookupAdmin):
    list_display = ("name", "slug", "scale", "overlap", "is_paused", "created_at")
    list_filter = ("scale", "is_paused")
    search_fields = ("name", "slug", "description")
    raw_id_fields = ("guidelines",)
    readonly_fields = ("created_at",)
    inlines = (MembershipInline,)


@admin.register(GuidelineVersion)
class GuidelineVersionAdmin(ReadOnlyAdmin):
    list_display = ("project", "number", "created_by", "created_at")
    list_filter = ("project",)
    list_select_related = ("project", "created_by")
    search_fields = ("project__name", "text")
    date_hierarchy = "created_at"


@admin.register(Prompt)
class PromptAdmin(LookupAdmin):
    list_display = ("id", "beginning", "project", "split", "source", "created_at")
    list_display_links = ("id", "beginning")
    list_filter = ("split", "project")
    list_select_related = ("project",)
    search_fields = ("messages", "source", "digest")
    search_help_text = "Part of a message (as stored), a source or a digest."
    autocomplete_fields = ("project",)
    # Digest and split follow from the messages, and nobody may change what people have judged.
    readonly_fields = ("messages", "extra", "digest", "near_digest", "split", "created_at")

    @admin.display(description="prompt")
    def beginning(self, prompt: Prompt) -> str:
        return excerpt(prompt.last_message, 90)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a prompt without its digest and split would break the import's merging


@admin.register(Response)
class ResponseAdmin(LookupAdmin):
    list_display = ("id", "beginning", "origin", "source", "policy_version", "finished",
                    "created_at")  # fmt: skip
    list_display_links = ("id", "beginning")
    list_filter = ("origin", "finished", "prompt__project")
    search_fields = ("text", "source")
    raw_id_fields = ("prompt",)
    readonly_fields = ("text", "extra", "digest", "created_at")

    @admin.display(description="response")
    def beginning(self, response: Response) -> str:
        return excerpt(response.in_words, 90)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


class ComparisonResponseInline(admin.TabularInline):
    model = ComparisonResponse
    extra = 0
    raw_id_fields = ("response",)
    can_delete = False
    readonly_fields = ("response", "position")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[ComparisonResponse]:
        return super().get_queryset(request).select_related("response")


@admin.register(Comparison)
class ComparisonAdmin(LookupAdmin):
    list_display = ("id", "prompt", "project", "size", "state", "wanted", "slots_left", "priority",
                    "arm", "round_number", "created_at")  # fmt: skip
    list_filter = ("state", "arm", "project")
    list_select_related = ("prompt", "project")
    search_fields = ("=id", "=prompt__id", "prompt__source")
    search_help_text = "Id of the comparison or of its prompt, or the prompt's source."
    autocomplete_fields = ("project",)
    raw_id_fields = ("prompt",)
    # The queue's bookkeeping (labeling/preferences/slots.py); changed by hand it would hand out too
    # much.
    readonly_fields = ("responses_key", "size", "state", "wanted", "planned", "slots_left",
                       "waiting_since", "arm", "random_key", "created_at", "finished_at",
                       "set_aside_at", "set_aside_reason")  # fmt: skip
    inlines = (ComparisonResponseInline,)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(ComparisonResponse)
class ComparisonResponseAdmin(ReadOnlyAdmin):
    list_display = ("id", "comparison_id", "position", "response")
    list_select_related = ("response",)
    search_fields = ("=comparison__id", "=response__id")


@admin.register(Assignment)
class AssignmentAdmin(ReadOnlyAdmin):
    list_display = ("id", "comparison_id", "labeler", "project", "state", "leased_at",
                    "expires_at", "finished_at")  # fmt: skip
    list_filter = ("state", "project")
    list_select_related = ("labeler", "project")
    search_fields = ("=comparison__id", "=uuid", "labeler__username")


@admin.register(Judgment)
class JudgmentAdmin(ReadOnlyAdmin):
    list_display = ("id", "comparison_id", "labeler", "project", "kind", "strength", "seconds",
                    "is_late", "is_surplus", "stands", "created_at")  # fmt: skip
    list_filter = ("kind", "is_late", "is_surplus",
                   ("superseded_at", admin.EmptyFieldListFilter), "project")  # fmt: skip
    list_select_related = ("labeler", "project")
    search_fields = ("=comparison__id", "labeler__username", "rationale")

    @admin.display(boolean=True)
    def stands(self, judgment: Judgment) -> bool:
        return judgment.superseded_at is None


@admin.register(Preference)
class PreferenceAdmin(ReadOnlyAdmin):
    """Excluding is done on the curation page, which asks for a reason and writes the log."""

    list_display = ("id", "prompt", "kind", "provenance", "split", "arm", "vote_share", "weight",
                    "excluded", "settled_at")  # fmt: skip
    list_filter = ("excluded", "kind", "provenance", "split", "arm",
                   ("settled_at", admin.EmptyFieldListFilter), "project")  # fmt: skip
    list_select_related = ("prompt",)
    search_fields = ("=id", "=comparison__id", "=prompt__id", "excluded_reason")


@admin.register(Doubt)
class DoubtAdmin(ReadOnlyAdmin):
    list_display = ("preference_id", "strength", "against", "members", "model_version",
                    "raised_at", "confirmed_at", "confirmed_by")  # fmt: skip
    list_select_related = ("confirmed_by",)
    search_fields = ("=preference__id",)


@admin.register(Gold)
class GoldAdmin(ReadOnlyAdmin):
    list_display = ("id", "project", "comparison_id", "origin", "created_by", "created_at",
                    "released_at", "released_by", "retired_at")  # fmt: skip
    list_filter = (
        "origin",
        ("released_at", admin.EmptyFieldListFilter),
        ("retired_at", admin.EmptyFieldListFilter),
        "project",
    )
    list_select_related = ("project", "created_by", "released_by")
    search_fields = ("=id", "=comparison__id")
    raw_id_fields = ("comparison",)


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
