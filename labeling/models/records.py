"""What was done and with which data: the audit log and the snapshots that runs train on."""

from django.conf import settings
from django.db import models


class AuditEntry(models.Model):
    """Who changed what, when and why. Written with the change, never edited."""

    project = models.ForeignKey(
        "labeling.Project",
        on_delete=models.CASCADE,
        related_name="audit_entries",
        null=True,
    )
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True)
    action = models.CharField(max_length=60)
    target_type = models.CharField(max_length=60)
    target_id = models.CharField(max_length=60)
    reason = models.CharField(max_length=300, blank=True)
    details = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["project", "-id"], name="audit_of_project"),
            models.Index(fields=["target_type", "target_id"], name="audit_of_target"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target_type} {self.target_id}"


class Snapshot(models.Model):
    """An immutable, hashed set of preferences that a run trained on. The rows lie in a file of
    DATA_DIR/snapshots, named by their SHA-256."""

    project = models.ForeignKey(
        "labeling.Project", on_delete=models.CASCADE, related_name="snapshots"
    )
    sha256 = models.CharField(max_length=64)
    count = models.PositiveIntegerField()
    last_settled_at = models.DateTimeField(
        null=True, help_text="Preferences settled after this are not in it."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "sha256"], name="snapshot_once_per_content"),
        ]

    def __str__(self) -> str:
        return f"snapshot {self.sha256[:12]} of {self.count} preferences"
