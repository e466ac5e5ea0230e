"""People and what they may do in a project."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser, UserManager
from django.core.exceptions import ValidationError
from django.db import models

from labeling.models.constraints import between, one_of
from labeling.models.folding import FoldedField, fold


class People(UserManager["User"]):
    """Finds a person by their user name however it is written."""

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(username_key=fold(username or ""))


class User(AbstractUser):
    """A person who signs in, or an outside labeler: one whose judgments a file brought into a
    project, and who never signs in. Superusers are admins of every project."""

    # What makes two accounts the same: `Case0` and `case0` are one name, and one address.
    username_key = FoldedField(of="username", max_length=450, unique=True, editable=False)
    email_key = FoldedField(
        of="email",
        unless="email_is_claimed",
        max_length=762,
        unique=True,
        null=True,
        editable=False,
    )
    email_is_claimed = models.BooleanField(
        default=False,
        help_text="Nobody has shown yet that mail to this address reaches the person: it finds "
        "no account, and no password is reset by it.",
    )
    account_mail_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When the last mail about it was sent."
    )
    timezone = models.CharField(
        max_length=64,
        blank=True,
        help_text="In which times are shown to them, such as Europe/Berlin; empty: the browser's.",
    )
    ui_preferences = models.JSONField(
        default=dict,
        blank=True,
        help_text="Keys, text size and the like; read and written by labeling/people/habits.py.",
    )

    outside_project = models.ForeignKey(
        "labeling.Project",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        editable=False,
        related_name="outside_labelers",
        help_text="Of an outside labeler: the project that a file brought their judgments into.",
    )
    outside_key = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="By which a file's name finds them again (labeling/people/outside.py).",
    )

    objects: ClassVar[People] = People()

    class Meta(AbstractUser.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["outside_project", "outside_key"],
                condition=models.Q(outside_project__isnull=False),
                name="outside_labeler_once_per_project",
            ),
            models.CheckConstraint(
                condition=models.Q(outside_project__isnull=True, outside_key="")
                | (models.Q(outside_project__isnull=False) & ~models.Q(outside_key="")),
                name="outside_labeler_has_key",
            ),
            models.CheckConstraint(
                condition=models.Q(outside_project__isnull=True)
                | models.Q(is_active=False, is_staff=False, is_superuser=False, email=""),
                name="outside_labeler_cannot_sign_in",
            ),
        ]

    def __str__(self) -> str:
        return self.get_full_name() or self.username

    @property
    def is_outside(self) -> bool:
        return self.outside_project_id is not None

    def clean(self) -> None:
        super().clean()
        if self.is_outside and (self.is_active or self.is_staff or self.is_superuser or self.email):
            raise ValidationError(
                "Nobody signs in as an outside labeler: leave the account switched off, without "
                "an address and without rights."
            )
        others = User.objects.exclude(pk=self.pk)
        if others.filter(username_key=fold(self.username)).exists():
            raise ValidationError({"username": "Somebody has this user name already."})
        is_proven = self.email and not self.email_is_claimed
        if is_proven and others.filter(email_key=fold(self.email)).exists():
            raise ValidationError({"email": "Another account has this address."})

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Writes the key with each name or address."""
        if (names := kwargs.get("update_fields")) is not None:
            keys = {
                "username": ["username_key"],
                "email": ["email_key"],
                "email_is_claimed": ["email_key"],
            }
            kwargs["update_fields"] = {
                *names,
                *(key for name in names for key in keys.get(name, ())),
            }
        super().save(*args, **kwargs)


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
        help_text="What the reliability rests on; written by labeling/quality/weights.py.",
    )
    resettle_since = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Set when their judgments count differently, until what they settled follows.",
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
            models.CheckConstraint(
                condition=models.Q(excluded_at__isnull=True) | models.Q(is_paused=True),
                name="membership_excluded_is_paused",
            ),
            one_of("role", Role, "membership_role_known"),
            one_of("paused_by_rule", PausedBy, "membership_paused_by_known"),
            one_of("qualification", Qualification, "membership_qualification_known"),
            between("reliability", 0.0001, 1.0, "membership_reliability_in_0_1"),
        ]

    def __str__(self) -> str:
        return f"{self.user} as {self.role} of {self.project}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Gives back the weight that the person had when they left: what they judged rests on
        it."""
        if self._state.adding and self.reliability == 1.0:
            before = FormerMember.objects.filter(project_id=self.project_id, user_id=self.user_id)
            self.reliability = before.values_list("reliability", flat=True).first() or 1.0
        super().save(*args, **kwargs)


class FormerMember(models.Model):
    """Remembers the weight of a person who left a project. Their judgments stay, and keep that
    weight."""

    project = models.ForeignKey(
        "labeling.Project", on_delete=models.CASCADE, related_name="former_members"
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    reliability = models.FloatField(help_text="Weight of this person's judgments, in (0, 1].")
    left_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="former_member_once"),
            between("reliability", 0.0001, 1.0, "former_member_reliability_in_0_1"),
        ]

    def __str__(self) -> str:
        return f"{self.user}, formerly of {self.project}"


class Invitation(models.Model):
    """Lets one person join a project, once and until a date: whoever has the link, or, where
    `who` names an account, the person signed in to it. Only the token's hash is stored: who reads
    the database cannot use the links in it."""

    project = models.ForeignKey(
        "labeling.Project", on_delete=models.CASCADE, related_name="invitations"
    )
    token_hash = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token.")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.LABELER)
    note = models.CharField(max_length=120, blank=True, help_text="For whom it is meant.")
    who = models.CharField(
        max_length=254,
        blank=True,
        help_text="The user name or e-mail of an account, as it was typed; empty: for a link.",
    )
    invitee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Whose account `who` was at that time. No page of the project tells whether "
        "there is one.",
    )
    username = models.CharField(max_length=150, blank=True, help_text="A proposal.")
    full_name = models.CharField(max_length=150, blank=True, help_text="A proposal.")
    email = models.EmailField(blank=True, help_text="Where the link was sent; empty: by hand.")
    mailed_at = models.DateTimeField(
        null=True, blank=True, help_text="When the mail server took it; else it was shown."
    )
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
