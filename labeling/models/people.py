"""People and what they may do in a project."""

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models

from labeling.models.constraints import between, one_of


class User(AbstractUser):
    """A person who signs in. Superusers are admins of every project."""

    ui_preferences = models.JSONField(
        default=dict,
        blank=True,
        help_text="Keys, text size and the like; read and written by labeling/habits.py.",
    )

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class Role(models.TextChoices):
    LABELER = "labeler"
    CURATOR = "curator"
    ADMIN = "admin"


class PausedBy(models.TextChoices):
    NOBODY = "", "no check"
    GOLD = "gold", "too many gold comparisons answered wrongly"
    QUALIFICATION = "qualification", "qualification round not passed"


class Qualification(models.TextChoices):
    OPEN = "", "not passed yet"
    PASSED = "passed"
    FAILED = "failed"
    EXEMPT = "exempt", "was a member before, or excused by a curator"


class Membership(models.Model):
    """A person's place in a project. Curators see and mend the data, admins also the settings;
    everyone with a membership may label."""

    project = models.ForeignKey(
        "labeling.Project", on_delete=models.CASCADE, related_name="memberships"
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.LABELER)
    is_paused = models.BooleanField(default=False, help_text="A paused member gets no comparisons.")
    paused_by_rule = models.CharField(
        max_length=13,
        choices=PausedBy.choices,
        default=PausedBy.NOBODY,
        blank=True,
        help_text="The check that paused this member and that a curator has yet to review.",
    )
    note = models.CharField(
        max_length=400, blank=True, help_text="From a curator's review, for the member to read."
    )
    qualification = models.CharField(
        max_length=7, choices=Qualification.choices, default=Qualification.OPEN, blank=True
    )
    gold_since = models.DateTimeField(
        null=True, blank=True, help_text="Gold answered before does not count for a pause."
    )
    reliability = models.FloatField(
        default=1.0, help_text="Weight of this person's judgments, in (0, 1]."
    )
    measured = models.JSONField(
        default=dict,
        blank=True,
        help_text="What the reliability rests on; written by labeling/reliability.py.",
    )
    excluded_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when this person's judgments are out of training."
    )
    excluded_reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="membership_once_per_project"),
            models.CheckConstraint(
                condition=models.Q(excluded_at__isnull=True) | ~models.Q(excluded_reason=""),
                name="membership_exclusion_has_reason",
            ),
            one_of("role", Role, "membership_role_known"),
            one_of("paused_by_rule", PausedBy, "membership_paused_by_known"),
            one_of("qualification", Qualification, "membership_qualification_known"),
            between("reliability", 0.0001, 1.0, "membership_reliability_in_0_1"),
        ]

    def __str__(self) -> str:
        return f"{self.user} as {self.role} of {self.project}"


class Invitation(models.Model):
    """A link that lets one person join a project, once and until a date. Only the token's hash
    is stored: who reads the database cannot use the links in it."""

    project = models.ForeignKey(
        "labeling.Project", on_delete=models.CASCADE, related_name="invitations"
    )
    token_hash = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token.")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.LABELER)
    note = models.CharField(max_length=120, blank=True, help_text="For whom it is meant.")
    email = models.EmailField(blank=True, help_text="Where the link was sent; empty: by hand.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    used_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        constraints = [one_of("role", Role, "invitation_role_known")]

    def __str__(self) -> str:
        return f"invitation to {self.project} as {self.role}"
