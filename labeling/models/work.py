"""What people do: assignments (a comparison handed to a labeler) and judgments (the answer)."""

import uuid
from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q

from labeling.models.changes import Numbered, numbered_indexes
from labeling.models.constraints import between, one_of
from labeling.models.imports import brought_by, brought_by_index

if TYPE_CHECKING:
    from labeling.models.material import Response


class Purpose(models.TextChoices):
    """Why a comparison is shown to a labeler. Only work fills slots and settles preferences."""

    WORK = "work"
    GOLD = "gold"
    REPEAT = "repeat"


class AssignmentState(models.TextChoices):
    LEASED = "leased"
    JUDGED = "judged"
    SKIPPED = "skipped"
    EXPIRED = "expired"
    RELEASED = "released"


class Assignment(models.Model):
    """A comparison handed to one labeler until `expires_at`, in this order on screen.

    A mirrored repeat is the second showing of a comparison to the same labeler, sides swapped.
    Its state changes only while its comparison's row is locked.
    """

    State = AssignmentState

    Purpose = Purpose

    # The public id, random: it tells neither what is compared nor why, nor who is asked.
    uuid = models.UUIDField(unique=True, editable=False, default=uuid.uuid4)
    project = models.ForeignKey("labeling.Project", on_delete=models.CASCADE)
    comparison = models.ForeignKey(
        "labeling.Comparison", on_delete=models.CASCADE, related_name="assignments"
    )
    labeler = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="assignments"
    )
    state = models.CharField(max_length=8, choices=State.choices, default=State.LEASED)
    purpose = models.CharField(max_length=6, choices=Purpose.choices, default=Purpose.WORK)
    showing = models.PositiveSmallIntegerField(default=1, help_text="2: a mirrored repeat.")
    repeat_at = models.DateTimeField(
        null=True, blank=True, help_text="From when on it may be shown again, sides swapped."
    )
    order = models.JSONField(help_text="Response ids from left to right.")
    leased_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    queue_cursor = models.DateTimeField(
        help_text="How far this labeler has read the waiting line; the next claim starts here."
    )

    # Set by labeling/queue/handout.py: the responses from left to right.
    shown: "list[Response] | None" = None

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["comparison", "labeler", "showing"], name="assignment_once_per_labeler"
            ),
            one_of("purpose", Purpose, "assignment_purpose_known"),
            models.CheckConstraint(
                condition=Q(purpose="repeat", showing=2) | (~Q(purpose="repeat") & Q(showing=1)),
                name="assignment_repeat_is_second_showing",
            ),
            one_of("state", AssignmentState, "assignment_state_known"),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=Q(state="leased"),
                name="assignment_leases",
            ),
            models.Index(fields=["labeler", "project", "-id"], name="assignment_of_labeler"),
            models.Index(
                fields=["labeler", "project", "leased_at"],
                condition=Q(state__in=["expired", "released"]),
                name="assignment_begun",
            ),
            models.Index(
                fields=["labeler", "project", "repeat_at"],
                condition=Q(repeat_at__isnull=False),
                name="assignment_to_repeat",
            ),
        ]

    def __str__(self) -> str:
        return f"comparison {self.comparison_id} for {self.labeler_id} ({self.state})"


class JudgmentKind(models.TextChoices):
    PREFER = "prefer"
    TIE = "tie"
    BOTH_BAD = "both_bad", "both bad"
    SKIP = "skip"
    FLAG = "flag"


class FlagCategory(models.TextChoices):
    UNSAFE = "unsafe", "Unsafe content"
    NONSENSE = "nonsense", "Nonsense"
    PERSONAL_DATA = "personal", "Personal data"
    BROKEN = "broken", "Shown wrongly"
    OTHER = "other", "Something else"


class Judgment(Numbered):
    """One labeler's answer. Append-only: an undo or a correction supersedes, nothing is deleted.

    `tiers` lists response ids best first, ties sharing a tier; a pair is `[[a], [b]]`, a tie or
    both-bad `[[a, b]]`, a skip or a flag `[]`.
    """

    Kind = JudgmentKind

    Purpose = Purpose

    ANSWERS = (Kind.PREFER, Kind.TIE, Kind.BOTH_BAD)

    project = models.ForeignKey(
        "labeling.Project", on_delete=models.CASCADE, related_name="judgments"
    )
    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE, related_name="judgments")
    comparison = models.ForeignKey(
        "labeling.Comparison", on_delete=models.CASCADE, related_name="judgments"
    )
    labeler = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="judgments"
    )
    kind = models.CharField(max_length=8, choices=Kind.choices)
    purpose = models.CharField(max_length=6, choices=Purpose.choices, default=Purpose.WORK)
    tiers = models.JSONField(default=list)
    strength = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="1 slightly, 2 better, 3 much better; 0 negligibly."
    )
    aspects = models.JSONField(
        default=dict, blank=True, help_text="Aspect: id of the better response, null for neither."
    )
    rationale = models.TextField(blank=True)
    reasons = models.JSONField(default=list, blank=True, help_text="The reason chips ticked.")
    flag = models.CharField(max_length=8, choices=FlagCategory.choices, blank=True)
    rewrite = models.ForeignKey(
        "labeling.Response",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="What the labeler wrote as an improvement of the best tier.",
    )
    seconds = models.FloatField(null=True, blank=True, help_text="From shown to answered.")
    order = models.JSONField(help_text="Response ids from left to right, as shown.")
    guidelines = models.ForeignKey(
        "labeling.GuidelineVersion", on_delete=models.SET_NULL, null=True, blank=True
    )
    is_right = models.BooleanField(
        null=True, blank=True, help_text="Of gold: whether it is the expected answer."
    )
    too_fast = models.BooleanField(
        default=False, help_text="Answered in less than the project's minimum reading time."
    )
    is_late = models.BooleanField(default=False, help_text="Came after its lease had expired.")
    is_surplus = models.BooleanField(
        default=False,
        help_text="Kept, not counted: its slot had gone to someone else, or it was a check.",
    )
    excluded_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Taken out of training with its labeler's other judgments: not counted.",
    )
    brought_by = brought_by()
    created_at = models.DateTimeField()
    superseded_at = models.DateTimeField(null=True, blank=True)
    supersedes = models.OneToOneField(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="superseded_by",
    )

    reliability: float  # set by preferences.counted_judgments

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["assignment"],
                condition=Q(superseded_at__isnull=True),
                name="judgment_one_current_per_assignment",
            ),
            one_of("kind", JudgmentKind, "judgment_kind_known"),
            between("strength", 0, 3, "judgment_strength_0_to_3"),
            one_of("purpose", Purpose, "judgment_purpose_known"),
            models.CheckConstraint(
                condition=Q(purpose="work") | Q(is_surplus=True),
                name="judgment_of_check_never_counts",
            ),
            models.CheckConstraint(
                condition=Q(is_right__isnull=True) | Q(purpose="gold"),
                name="judgment_right_only_of_gold",
            ),
            models.CheckConstraint(
                condition=Q(strength__isnull=True) | Q(kind="prefer"),
                name="judgment_strength_only_when_preferring",
            ),
            models.CheckConstraint(
                condition=Q(kind="flag", flag__in=FlagCategory.values)
                | (~Q(kind="flag") & Q(flag="")),
                name="judgment_flag_has_category",
            ),
            models.CheckConstraint(
                condition=Q(seconds__isnull=True) | Q(seconds__gte=0),
                name="judgment_seconds_not_negative",
            ),
        ]
        indexes = [
            models.Index(fields=["labeler", "project", "-created_at"], name="judgment_of_labeler"),
            models.Index(fields=["project", "-created_at"], name="judgment_of_project"),
            models.Index(
                fields=["project", "labeler", "purpose", "-created_at"],
                condition=~Q(purpose="work"),
                name="judgment_of_check",
            ),
            brought_by_index("judgment"),
            *numbered_indexes("judgment"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.labeler_id} on comparison {self.comparison_id}"

    @staticmethod
    def standing(at: datetime | None = None) -> Q:
        """The condition for judgments that are not superseded; with a moment, for those that were
        there and not superseded at that moment."""
        if at is None:
            return Q(superseded_at__isnull=True)
        return Q(created_at__lt=at) & (Q(superseded_at__isnull=True) | Q(superseded_at__gte=at))
