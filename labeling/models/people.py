"""People and what they may do in a project."""

from django.contrib.auth.models import AbstractUser
from django.db import models

from labeling.models.constraints import between, one_of


class User(AbstractUser):
    """A person who signs in. Superusers are admins of every project."""

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class Role(models.TextChoices):
    LABELER = "labeler"
    CURATOR = "curator"
    ADMIN = "admin"


class Membership(models.Model):
    """A person's place in a project. Curators see and mend the data, admins also the settings;
    everyone with a membership may label."""

    project = models.ForeignKey(
        "labeling.Project", on_delete=models.CASCADE, related_name="memberships"
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.LABELER)
    is_paused = models.BooleanField(default=False, help_text="A paused member gets no comparisons.")
    reliability = models.FloatField(
        default=1.0, help_text="Weight of this person's judgments, in (0, 1]."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="membership_once_per_project"),
            one_of("role", Role, "membership_role_known"),
            between("reliability", 0.0001, 1.0, "membership_reliability_in_0_1"),
        ]

    def __str__(self) -> str:
        return f"{self.user} as {self.role} of {self.project}"
