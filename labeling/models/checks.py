"""What labelers are checked with: gold comparisons, whose answer is known."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from labeling.models.constraints import one_of
from labeling.models.material import new_random_key


class GoldOrigin(models.TextChoices):
    UNANIMOUS = "unanimous", "all labelers agreed"
    TRUNCATED = "truncated", "against itself, cut off"
    SHUFFLED = "shuffled", "against itself, sentences shuffled"
    OFF_TOPIC = "off_topic", "against an answer to another prompt"
    OWN = "own", "from a file"


class Gold(models.Model):
    """A comparison whose answer is known, handed out among the others without a sign of it.

    Either one that was settled unanimously and that a curator has approved, or one made by rule
    (labeling/quality/worse_copies.py) or brought in a file. It waits until a curator has looked at
    it and releases it; nobody gets it before. Each labeler sees it once at most. It is retired, or
    dropped before its release, and never deleted: so it is not made again.
    """

    Origin = GoldOrigin

    project = models.ForeignKey("labeling.Project", on_delete=models.CASCADE, related_name="golds")
    comparison = models.OneToOneField(
        "labeling.Comparison", on_delete=models.CASCADE, related_name="gold"
    )
    expected = models.JSONField(help_text="The right answer, as in Judgment.tiers.")
    origin = models.CharField(max_length=9, choices=Origin.choices)
    reason = models.TextField(blank=True, help_text="Why this is the right answer.")
    random_key = models.FloatField(default=new_random_key)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    released_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when labelers may get it; empty: nobody has looked."
    )
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [one_of("origin", GoldOrigin, "gold_origin_known")]
        indexes = [
            # The order in which it is handed out; see handout.GOLD.
            models.Index(
                fields=["project", "random_key"],
                condition=Q(retired_at__isnull=True, released_at__isnull=False),
                name="gold_in_use",
            ),
        ]

    def __str__(self) -> str:
        return f"gold {self.pk} ({self.origin})"

    @property
    def is_waiting(self) -> bool:
        return self.released_at is None and self.retired_at is None

    @property
    def was_dropped(self) -> bool:
        return self.released_at is None and self.retired_at is not None
