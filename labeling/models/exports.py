"""What has left a project as a file: by whom, which rows, and how the whole can be told."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q


class Export(models.Model):
    """The receipt of one file that was sent while it was written.

    Made when the file is asked for, and sealed with its rows, bytes and SHA-256 before the last
    piece of it is sent. One that is never sealed broke off: whoever has it has not all of it.
    """

    project = models.ForeignKey(
        "labeling.Project", on_delete=models.CASCADE, related_name="exports"
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    file_name = models.CharField(max_length=200)
    asked = models.JSONField(default=dict, help_text="Style, format and filters, as asked for.")
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    rows = models.PositiveBigIntegerField(null=True, blank=True)
    bytes = models.PositiveBigIntegerField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of the file as it was sent.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    finished_at__isnull=True, rows__isnull=True, bytes__isnull=True, sha256=""
                )
                | (
                    Q(finished_at__isnull=False, rows__isnull=False, bytes__isnull=False)
                    & ~Q(sha256="")
                ),
                name="export_is_sealed_as_a_whole",
            ),
        ]
        indexes = [models.Index(fields=["project", "-id"], name="export_of_project")]

    def __str__(self) -> str:
        return f"export {self.file_name}"
