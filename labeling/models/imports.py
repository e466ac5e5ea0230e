"""Work on many rows that goes on in short transactions, and so has to be remembered: imports, and
comparisons that follow a changed overlap."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from labeling.models.constraints import one_of


class ImportState(models.TextChoices):
    STAGED = "staged", "being read; nothing of it counts"
    READY = "ready", "read and sound; waits for a click"
    IN_FORCE = "in_force", "taken: its rows are being added"
    DONE = "done"
    FAILED = "failed", "could not be added to the end"
    REFUSED = "refused", "has faults; nothing of it was stored"
    CANCELLED = "cancelled", "given up before it was taken; nothing of it was stored"
    UNDOING = "undoing", "is being taken back"
    UNDONE = "undone", "taken back"


UNFINISHED = (ImportState.STAGED, ImportState.READY, ImportState.IN_FORCE, ImportState.UNDOING)


class Import(models.Model):
    """What came into a project at once: a file, several, pasted rows or a data set of a hub.

    It is read into `ImportChunk` rows, of which nothing else knows. The change of state to
    `in_force` is the moment at which it is taken, as a whole; then its chunks are added one after
    the other, by whoever comes (labeling/importing/applying.py). What it brought names it
    (`brought_by`), so that it can be taken back (labeling/importing/undoing/taking_back.py).
    """

    State = ImportState

    project = models.ForeignKey(
        "labeling.Project", on_delete=models.CASCADE, related_name="imports"
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    name = models.CharField(max_length=300, help_text="The file's name.")
    state = models.CharField(max_length=9, choices=State.choices, default=State.STAGED)
    options = models.JSONField(default=dict)
    asked = models.JSONField(
        default=dict,
        db_default={},
        help_text="What a worker is to read and how; empty where a request or a command reads.",
    )
    attempt = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="How often a worker began to read it."
    )
    progress = models.JSONField(
        default=dict, db_default={}, help_text="How far the reading is: bytes, rows."
    )
    expected = models.JSONField(
        default=dict, db_default={}, help_text="What its rows would bring, before it is taken."
    )
    refusal = models.JSONField(
        default=dict, db_default={}, help_text="Why it was refused or given up."
    )
    report = models.JSONField(default=dict, help_text="What its chunks have brought so far.")
    undone = models.JSONField(
        default=dict, db_default={}, help_text="What was taken back so far, and what stays."
    )
    failures = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    touched_at = models.DateTimeField(help_text="When somebody last worked on it.")

    class Meta:
        constraints = [
            one_of("state", ImportState, "import_state_known"),
            models.UniqueConstraint(
                fields=["project"],
                condition=Q(state="in_force"),
                name="import_one_in_force_per_project",
            ),
        ]
        indexes = [
            models.Index(
                fields=["touched_at"],
                condition=Q(state__in=["staged", "ready", "in_force", "undoing"]),
                name="import_unfinished",
            ),
        ]

    def __str__(self) -> str:
        return f"import {self.pk} of {self.name} ({self.state})"


def brought_by() -> Any:
    """The column of a row that an import brought. No import goes while a row names it, but with
    its project. Rows of others have no place in the index (`brought_by_index`)."""
    return models.ForeignKey(
        "labeling.Import",
        on_delete=models.RESTRICT,
        null=True,
        blank=True,
        db_index=False,
        related_name="+",
        help_text="The import that brought it, which can be undone.",
    )


def brought_by_index(name: str) -> models.Index:
    return models.Index(
        fields=["brought_by", "id"],
        condition=Q(brought_by__isnull=False),
        name=f"{name}_brought_by",
    )


class ImportedAgain(models.Model):
    """Says that an import holds a row, too, that an earlier one brought: where the earlier one is
    undone, the row is handed over to it and stays."""

    of = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="again")
    kind = models.CharField(max_length=10, help_text="The row's kind: prompt, response …")
    row_id = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["of", "kind", "row_id"], name="imported_again_once"),
        ]
        indexes = [models.Index(fields=["kind", "row_id"], name="imported_again_row")]

    def __str__(self) -> str:
        return f"{self.kind} {self.row_id} also of import {self.of_id}"


class ImportChunk(models.Model):
    """Checked rows of a file, waiting to be added. Gone when they are."""

    of = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    rows = models.BinaryField(help_text="JSON, as labeling/importing/staging.py writes it.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["of", "number"], name="import_chunk_once"),
        ]

    def __str__(self) -> str:
        return f"chunk {self.number} of import {self.of_id}"


class OverlapChange(models.Model):
    """A change of a project's overlap that its open comparisons have yet to follow, in the order
    of their ids. Gone when all have."""

    project = models.ForeignKey("labeling.Project", on_delete=models.CASCADE, related_name="+")
    old = models.PositiveSmallIntegerField()
    new = models.PositiveSmallIntegerField()
    done_to = models.BigIntegerField(default=0, help_text="Comparisons up to here have followed.")
    up_to = models.BigIntegerField(help_text="Later comparisons were made with the new overlap.")
    touched_at = models.DateTimeField(
        auto_now_add=True, help_text="When somebody last worked on it."
    )

    def __str__(self) -> str:
        return f"overlap {self.old} -> {self.new} of project {self.project_id}"
