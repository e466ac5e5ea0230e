"""Projects, what is compared in them, what people answered, and what was settled."""

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from labeling.admin.kinds import LookupAdmin, ReadOnlyAdmin
from labeling.admin.people import MembershipInline
from labeling.models import (
    Assignment,
    Comparison,
    ComparisonResponse,
    Doubt,
    Gold,
    GuidelineVersion,
    Judgment,
    Preference,
    Project,
    Prompt,
    Response,
)
from labeling.templatetags.interface import excerpt


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
