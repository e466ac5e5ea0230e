"""Immutable sets of preferences: what a run trained on, what a curator has taken by hand, the files
made of them, and their way to the hub."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from labeling.models.constraints import one_of

NAME_LENGTH = 80
DESCRIPTION_LENGTH = 2000
LICENCE_LENGTH = 60


class SnapshotOrigin(models.TextChoices):
    TRAINING = "training", "for a training"
    CURATOR = "curator", "by hand"


class Snapshot(models.Model):
    """An immutable, hashed set of preferences. The rows lie in a file of DATA_DIR/snapshots, named
    by their SHA-256.

    One that a training took holds what the training reads, once per content, and has a name only
    where somebody gave it one. One that a curator took has a name, all that was known of each
    preference, and a second file with the ids of the judgments that settled it.
    """

    Origin = SnapshotOrigin

    project = models.ForeignKey(
        "labeling.Project", on_delete=models.CASCADE, related_name="snapshots"
    )
    origin = models.CharField(
        max_length=8, choices=SnapshotOrigin.choices, default=SnapshotOrigin.TRAINING
    )
    name = models.CharField(max_length=NAME_LENGTH, blank=True)
    description = models.CharField(max_length=DESCRIPTION_LENGTH, blank=True)
    licence = models.CharField(
        max_length=LICENCE_LENGTH, blank=True, help_text="As the hub writes it, such as cc-by-4.0."
    )
    sha256 = models.CharField(max_length=64)
    votes_sha256 = models.CharField(
        max_length=64,
        blank=True,
        help_text="Of the file with the judgments that settled each preference.",
    )
    count = models.PositiveIntegerField()
    counts = models.JSONField(
        default=dict, blank=True, help_text="By split, provenance and kind; agreement."
    )
    filters = models.JSONField(
        default=dict, blank=True, help_text="Which preferences were asked for."
    )
    guidelines = models.JSONField(
        default=list, blank=True, help_text="Versions that its judgments were made by."
    )
    last_settled_at = models.DateTimeField(
        null=True, help_text="Preferences settled after this are not in it."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            one_of("origin", SnapshotOrigin, "snapshot_origin_known"),
            models.UniqueConstraint(
                fields=["project", "sha256"],
                condition=Q(origin="training"),
                name="snapshot_of_training_once_per_content",
            ),
            models.UniqueConstraint(
                "project",
                Lower("name"),
                condition=~Q(name=""),
                name="snapshot_name_once_per_project",
            ),
            models.CheckConstraint(
                condition=Q(origin="training") | (~Q(name="") & ~Q(votes_sha256="")),
                name="snapshot_by_hand_has_name_and_votes",
            ),
        ]

    def __str__(self) -> str:
        return f"snapshot {self.sha256[:12]} of {self.count} preferences"

    @property
    def title(self) -> str:
        return self.name or f"Snapshot {self.sha256[:12]}"

    @property
    def is_by_hand(self) -> bool:
        return self.origin == SnapshotOrigin.CURATOR


class SnapshotFile(models.Model):
    """A file made of a snapshot, in the shape of a trainer. Written once, never changed."""

    of = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=80, help_text="Style and format, such as trl-kto.parquet.")
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    rows = models.PositiveIntegerField()
    left_out = models.PositiveIntegerField(
        default=0, help_text="Preferences that the shape has no place for."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["of", "name"], name="snapshot_file_once_per_name"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of snapshot {self.of_id}"


class WorkState(models.TextChoices):
    WAITING = "waiting", "waiting for a worker"
    RUNNING = "running", "under way"
    DONE = "done", "done"
    FAILED = "failed", "failed"


class SnapshotTaking(models.Model):
    """A snapshot that somebody asked for and that is being written. Gone when it is there."""

    State = WorkState

    project = models.ForeignKey(
        "labeling.Project", on_delete=models.CASCADE, related_name="snapshot_takings"
    )
    name = models.CharField(max_length=NAME_LENGTH)
    description = models.CharField(max_length=DESCRIPTION_LENGTH, blank=True)
    licence = models.CharField(max_length=LICENCE_LENGTH, blank=True)
    filters = models.JSONField(default=dict, blank=True)
    up_to = models.BigIntegerField(help_text="Preferences with a higher id are not in it.")
    total = models.PositiveIntegerField()
    done = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=7, choices=WorkState.choices, default=WorkState.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    problem = models.CharField(max_length=500, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    touched_at = models.DateTimeField(help_text="When somebody last worked on it.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            one_of("state", WorkState, "snapshot_taking_state_known"),
            models.UniqueConstraint(
                "project", Lower("name"), name="snapshot_taking_name_once_per_project"
            ),
        ]

    def __str__(self) -> str:
        return f"snapshot “{self.name}” of project {self.project_id} ({self.state})"


class SnapshotPush(models.Model):
    """A snapshot on its way to a dataset repository of the hub. The token that was typed for it
    lies here encrypted, and is wiped when it ends."""

    State = WorkState

    ACTIVE = (WorkState.WAITING, WorkState.RUNNING)

    of = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="pushes")
    repo_id = models.CharField(max_length=96)
    is_private = models.BooleanField(default=True)
    sealed_token = models.TextField(blank=True)
    state = models.CharField(max_length=7, choices=WorkState.choices, default=WorkState.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    done = models.PositiveIntegerField(default=0, help_text="Files that have been sent.")
    total = models.PositiveIntegerField(default=0)
    problem = models.CharField(max_length=500, blank=True)
    commit = models.CharField(max_length=64, blank=True, help_text="The hub's, when it is done.")
    url = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    touched_at = models.DateTimeField(help_text="When somebody last worked on it.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            one_of("state", WorkState, "snapshot_push_state_known"),
            models.UniqueConstraint(
                Lower("repo_id"),
                condition=Q(state__in=["waiting", "running"]),
                name="snapshot_push_one_at_a_time_per_repository",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "running"]) | Q(sealed_token=""),
                name="snapshot_push_keeps_no_token_when_it_ends",
            ),
            models.CheckConstraint(
                condition=~Q(state="done") | ~Q(commit=""), name="snapshot_push_done_has_commit"
            ),
        ]

    def __str__(self) -> str:
        return f"push of snapshot {self.of_id} to {self.repo_id} ({self.state})"
