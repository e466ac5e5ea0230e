"""People, their places in projects, and their keys."""

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm
from django.db.models import Model
from django.http import HttpRequest

from labeling.admin.kinds import ChangedColumns, LookupAdmin, ReadOnlyAdmin, SavesChangedColumns
from labeling.models import (
    ApiToken,
    FormerMember,
    Invitation,
    Membership,
    User,
)


class MembershipForm(ChangedColumns):
    def clean_is_paused(self) -> bool:
        is_paused: bool = self.cleaned_data["is_paused"]
        if self.instance.excluded_at is not None and not is_paused:
            raise forms.ValidationError(
                "Their judgments are out of training. Bring them back first, on the person's page "
                "of the project."
            )
        return is_paused


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
