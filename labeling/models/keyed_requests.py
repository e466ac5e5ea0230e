"""Requests of programs that came with an idempotency key, so that sending one again does nothing
twice."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from labeling.models.tokens import ApiToken

LONGEST_KEY = 255


class KeyedRequest(models.Model):
    """One request under its key, with its answer once there is one. Forgotten after a day
    (labeling/people/repeats.py)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    token = models.ForeignKey(
        ApiToken,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: the person's browser session.",
    )
    key = models.CharField(max_length=LONGEST_KEY)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of what was asked.")
    status = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Of its answer; empty while there is none."
    )
    answer = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["token", "key"],
                condition=Q(token__isnull=False),
                name="keyed_request_once_per_token",
            ),
            models.UniqueConstraint(
                fields=["user", "key"],
                condition=Q(token__isnull=True),
                name="keyed_request_once_per_session",
            ),
            models.CheckConstraint(condition=~Q(key=""), name="keyed_request_has_key"),
        ]
        indexes = [models.Index(fields=["created_at"], name="keyed_request_age")]

    def __str__(self) -> str:
        return f"request {self.key} ({self.status or 'not answered'})"
