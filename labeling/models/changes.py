"""In which order changes of rows became visible: what lets a reader go on without missing any.

A row's time stamp is older than its commit, so two rows may become visible in the other order. A
change therefore leaves a row without a number, and a short step under a lock numbers the rows that
it can see (labeling/preferences/changes.py): numbers are given in the order of visibility.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

from django.db import models
from django.db.models import Q

Row = TypeVar("Row", bound=models.Model)


class NumberedQuerySet(models.QuerySet[Row]):
    """Clears the change number of every row that is written through it: readers have yet to be
    told."""

    def update(self, **values: Any) -> int:
        return super().update(**{"change_number": None, **values})

    def bulk_create(self, objs: Iterable[Row], *args: Any, **options: Any) -> list[Row]:
        if options.get("update_fields"):
            options["update_fields"] = [*options["update_fields"], "change_number"]
        rows = list(objs)
        for row in rows:
            row.change_number = None  # type: ignore[attr-defined]
        return super().bulk_create(rows, *args, **options)


class Numbered(models.Model):
    """A row whose changes are numbered within its project."""

    change_number = models.BigIntegerField(
        null=True, editable=False, help_text="Of its last change; null until somebody asks."
    )

    objects = NumberedQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **options: Any) -> None:
        self.change_number = None
        if options.get("update_fields") is not None:
            options["update_fields"] = [*options["update_fields"], "change_number"]
        super().save(*args, **options)


def numbered_indexes(name: str) -> list[models.Index]:
    """The indexes to go on after a number, and to find rows without one."""
    return [
        models.Index(
            fields=["project", "change_number"],
            condition=Q(change_number__isnull=False),
            name=f"{name}_by_change",
        ),
        models.Index(
            fields=["project", "id"],
            condition=Q(change_number__isnull=True),
            name=f"{name}_unnumbered",
        ),
    ]


class ChangeCounter(models.Model):
    """The last number that was given to a change of a project's rows of one kind. It never goes
    back, also when the row that had the number has changed again."""

    project = models.ForeignKey("labeling.Project", on_delete=models.CASCADE, related_name="+")
    of = models.CharField(max_length=20, help_text="The rows' kind: preference or judgment.")
    last = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "of"], name="change_counter_once"),
        ]

    def __str__(self) -> str:
        return f"{self.of} changes of project {self.project_id}: {self.last}"
