"""Work on many rows that goes on in short transactions, and so has to be remembered: imports, and
comparisons that follow a changed overlap."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from labeling.models.constraints import one_of


class ImportState(models.TextChoices):
    STAGED = "staged", "being read; nothing of it counts"
    IN_FORCE = "in_force", "taken: its rows are being added"
    DONE = "done"
    FAILED = "failed", "could not be added to the end"


class Import(models.Model):
    """One file on its way into a project.

    It is read into `ImportChunk` rows, of which nothing else knows. The change of state from
    `staged` to `in_force` is the moment at which the file is taken, as a whole; then its chunks
    are added one after the other, by whoever comes (labeling/importing/applying.py).
    """

    State = ImportState

    project = models.ForeignKey(
        "labeling.Project", on_delete=models.CASCADE, related_name="imports"
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    name = models.CharField(max_length=300, help_text="The file's name.")
    state = models.CharField(max_length=8, choices=State.choices, default=State.STAGED)
    options = models.JSONField(default=dict)
    report = models.JSONField(default=dict, help_text="What its chunks have brought so far.")
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
                condition=Q(state__in=["staged", "in_force"]),
                name="import_unfinished",
            ),
        ]

    def __str__(self) -> str:
        return f"import {self.pk} of {self.name} ({self.state})"


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
