"""Policies and reward models, and which of them are in service.

The pointers are in `Loop`, one row per project: a promotion or a roll-back changes a pointer and
nothing else.
"""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Max, Q, QuerySet

from labeling.models import Project
from labeling.models.constraints import between, one_of
from modeling.run_data.stored import PolicyFigures, RewardModelFigures


class PolicyStatus(models.TextChoices):
    CANDIDATE = "candidate"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Policy(models.Model):
    """A version of the model that writes responses: a folder, a hub id or the address of a server.

    One that a run has made is a candidate until it is accepted or rejected
    (modeling/policies/promotion.py); one that somebody registers is accepted by that."""

    Status = PolicyStatus

    project = models.ForeignKey(
        "labeling.Project", on_delete=models.CASCADE, related_name="policies"
    )
    version = models.PositiveIntegerField()
    name = models.CharField(max_length=120)
    location = models.CharField(max_length=500, help_text="Folder or hub id.")
    parent = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True)
    reference = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="The policy that its improvement began with; its KL is measured to this one.",
    )
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.ACCEPTED)
    verdict = models.CharField(
        max_length=500, blank=True, help_text="Why it was accepted or rejected."
    )
    algorithm = models.CharField(max_length=9, blank=True, help_text="Empty: made elsewhere.")
    kl = models.FloatField(null=True, blank=True, help_text="Nats to the reference.")
    results = models.JSONField(default=dict, blank=True, help_text="What its run measured.")
    files = models.JSONField(
        default=dict, blank=True, help_text="Size and SHA-256 of each file, if a run made it."
    )
    run = models.ForeignKey(
        "Run", on_delete=models.SET_NULL, null=True, blank=True, related_name="policies"
    )
    notes = models.CharField(max_length=400, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True
    )

    class Meta:
        ordering = ["-version"]
        verbose_name_plural = "policies"
        constraints = [
            models.UniqueConstraint(
                fields=["project", "version"], name="policy_version_once_per_project"
            ),
            models.CheckConstraint(condition=~Q(location=""), name="policy_has_location"),
            one_of("status", PolicyStatus, "policy_status_known"),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"

    @property
    def figures(self) -> PolicyFigures:
        """Its results, of whatever version they are."""
        return PolicyFigures.read_stored(self.results)


class RewardModelStatus(models.TextChoices):
    CANDIDATE = "candidate"
    LIVE = "live"
    RETIRED = "retired"
    REJECTED = "rejected"


class RewardModel(models.Model):
    """A trained scorer below DATA_DIR: a plain sequence-classification folder, unless its results
    say otherwise, with further folders for the other members of an ensemble."""

    Status = RewardModelStatus

    project = models.ForeignKey(
        "labeling.Project", on_delete=models.CASCADE, related_name="reward_models"
    )
    version = models.PositiveIntegerField()
    run = models.OneToOneField("Run", on_delete=models.PROTECT, related_name="reward_model")
    snapshot = models.ForeignKey(
        "labeling.Snapshot", on_delete=models.PROTECT, related_name="reward_models"
    )
    base_model = models.CharField(max_length=500)
    folder = models.CharField(max_length=500, help_text="Relative to DATA_DIR.")
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.CANDIDATE)
    results = models.JSONField(default=dict, help_text="The run's result.json.")
    files = models.JSONField(
        default=dict, blank=True, help_text="Size and SHA-256 of each file of its folders."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "version"],
                name="reward_model_version_once_per_project",
            ),
            models.UniqueConstraint(
                fields=["project"],
                condition=Q(status="live"),
                name="reward_model_one_live_per_project",
            ),
            one_of("status", RewardModelStatus, "reward_model_status_known"),
        ]

    def __str__(self) -> str:
        return f"reward model v{self.version}"

    @property
    def path(self) -> Path:
        return Path(settings.DATA_DIR) / self.folder

    @property
    def figures(self) -> RewardModelFigures:
        """Its results, of whatever version they are."""
        return RewardModelFigures.read_stored(self.results)

    @property
    def member_paths(self) -> list[Path]:
        """Lists every folder of the ensemble, the model's own first. Several heads share one
        folder."""
        others = [name for name in self.figures.members if self.path.parent / name != self.path]
        return [self.path, *(self.path.parent / name for name in others)]

    @property
    def member_count(self) -> int:
        """Counts the opinions that the model has of a text: the heads in all of its folders."""
        return len(self.member_paths) * self.figures.heads

    @property
    def is_here(self) -> bool:
        return not self.gone

    @property
    def gone(self) -> list[Path]:
        """Lists the model's folders that are no longer there."""
        return [path for path in self.member_paths if not (path / "config.json").is_file()]

    @property
    def why_not_plain(self) -> str:
        """Says why only Preferable's own loader reads the folder; "" for a plain folder."""
        export = self.figures.export
        if export.get("plain", True):
            return ""
        return str(export.get("reason") or "It is no plain sequence-classification model.")


class Loop(models.Model):
    """What is in service in a project."""

    project = models.OneToOneField(
        "labeling.Project",
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="loop",
    )
    policy = models.ForeignKey(
        Policy, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reward_model = models.ForeignKey(
        RewardModel, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    gate_margin = models.FloatField(
        default=0.01,
        help_text="How much accuracy on the test split a new reward model may lose, 0 to 1.",
    )
    shadow = models.ForeignKey(
        RewardModel,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="The reward model before this one: it goes on foretelling for one round.",
    )
    shadow_until = models.PositiveIntegerField(
        default=0, help_text="The last round in which it does."
    )

    improvement_stopped = models.TextField(
        blank=True, help_text="Why the guard has stopped improvement; empty: it has not."
    )
    guarded_from = models.PositiveIntegerField(
        default=0, help_text="The guard looks at policy versions after this one."
    )
    told_alarms = models.JSONField(
        default=list,
        db_default=[],
        editable=False,
        help_text="The alarms that stand and that webhooks were told of, by their digests.",
    )

    class Meta:
        constraints = [between("gate_margin", 0.0, 1.0, "loop_gate_margin_in_0_1")]

    def __str__(self) -> str:
        return f"loop of {self.project}"


def reward_model_by(pk: int | None) -> RewardModel | None:
    """Finds a reward model by key. None without a key, and for a model that was deleted."""
    whole = RewardModel.objects.select_related("project", "run", "snapshot")
    return None if pk is None else whole.filter(pk=pk).first()


def policy_by(pk: int | None) -> Policy | None:
    """Finds a policy by key. None without a key, and for a policy that was deleted."""
    return None if pk is None else Policy.objects.filter(pk=pk).first()


def loop_of(project: Project) -> Loop:
    return Loop.objects.get_or_create(project=project)[0]


def next_version(existing: QuerySet[Any]) -> int:
    """Gives the number that follows these rows of one project. Call it while `deciding`, so that
    two versions that are made at once get two numbers."""
    return (existing.aggregate(last=Max("version"))["last"] or 0) + 1
