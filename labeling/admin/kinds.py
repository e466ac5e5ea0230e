"""Kinds of tables: what is written of a form, what can be looked up, what cannot be changed."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest


class ChangedColumns(forms.ModelForm):
    """Writes only what was changed in the form, so that changes of others since it was opened
    stay."""

    def save(self, commit: bool = True) -> Any:
        if commit and self.instance.pk and not self.errors:
            self.instance.save(update_fields=self.changed_data)
            return self.instance
        return super().save(commit)


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
