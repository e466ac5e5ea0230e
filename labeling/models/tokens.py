"""The tokens that people's programs send to the API."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class Scope(models.TextChoices):
    """What a token may be used for, never more than its person may do."""

    READ = "read", "Read"
    LABEL = "label", "Label"
    WRITE = "write", "Write"


class ApiToken(models.Model):
    """One program's key. Only its hash is stored: who reads the database cannot use it."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens"
    )
    name = models.CharField(max_length=80, help_text="What it is for.")
    prefix = models.CharField(max_length=12, help_text="How the key begins, to tell it by.")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the key.")
    can_read = models.BooleanField(default=True, help_text="GET requests.")
    can_label = models.BooleanField(default=False, help_text="Sending judgments.")
    can_write = models.BooleanField(default=False, help_text="Every other change, and scoring.")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="To the minute.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(can_read=True) | Q(can_label=True) | Q(can_write=True),
                name="api_token_can_something",
            ),
            models.CheckConstraint(condition=~Q(name=""), name="api_token_named"),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}…"

    @property
    def scopes(self) -> list[Scope]:
        return [scope for scope in Scope if self.allows(scope)]

    def allows(self, scope: Scope) -> bool:
        return bool(getattr(self, f"can_{scope.value}"))
