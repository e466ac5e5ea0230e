"""Executions of the learning programs, and the numbers that they log."""

from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q

from labeling.models.constraints import between, one_of
from modeling.models.rounds import Round
from modeling.models.versions import Policy
from modeling.run_data.asked import RunAsked
from modeling.run_data.stored import RunFigures

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


class RunKind(models.TextChoices):
    TRAIN_REWARD = "train_reward", "train reward model"
    SAMPLE = "sample", "sample responses"
    SCORE = "score", "rank the queue"
    TRAIN_POLICY = "train_policy", "improve the policy"
    COMPARE = "compare", "sample two policies for a blind comparison"


class RunState(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Run(models.Model):
    """One execution of one stage. The row is the truth: a worker claims it by compare-and-set,
    keeps its heartbeat, and a run whose heartbeat has stopped is queued again from its last
    checkpoint, at most `MAX_ATTEMPTS` times."""

    MAX_ATTEMPTS = 3

    Kind = RunKind

    State = RunState

    ACTIVE = (State.QUEUED, State.RUNNING)

    project = models.ForeignKey("labeling.Project", on_delete=models.CASCADE, related_name="runs")
    round = models.ForeignKey(
        Round, on_delete=models.SET_NULL, null=True, blank=True, related_name="runs"
    )
    kind = models.CharField(max_length=16, choices=Kind.choices)
    state = models.CharField(max_length=9, choices=State.choices, default=State.QUEUED)
    input_digest = models.CharField(
        max_length=64,
        help_text="Of everything the result depends on: no input is run twice.",
    )
    snapshot = models.ForeignKey(
        "labeling.Snapshot",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="runs",
    )
    policy = models.ForeignKey(
        Policy, on_delete=models.PROTECT, null=True, blank=True, related_name="runs"
    )
    config = models.JSONField(default=dict)
    seed = models.BigIntegerField(default=0)
    code_version = models.CharField(max_length=60, blank=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    progress = models.FloatField(default=0.0)
    progress_text = models.CharField(max_length=200, blank=True)
    seconds_left = models.FloatField(null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)
    worker = models.CharField(max_length=120, blank=True)
    error = models.TextField(blank=True)
    results = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True
    )
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    if TYPE_CHECKING:
        metrics: RelatedManager["Metric"]

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "kind", "input_digest"], name="run_once_per_input"
            ),
            # Two workers that decide the same thing at the same moment: one of them gets a row.
            models.UniqueConstraint(
                fields=["project", "kind"],
                condition=Q(state__in=["queued", "running"]),
                name="run_one_active_per_kind",
            ),
            one_of("kind", RunKind, "run_kind_known"),
            one_of("state", RunState, "run_state_known"),
            between("progress", 0.0, 1.0, "run_progress_in_0_1"),
        ]

    def __str__(self) -> str:
        return f"run {self.pk}: {self.get_kind_display()}"

    @property
    def folder(self) -> Path:
        return Path(settings.DATA_DIR) / "runs" / str(self.pk)

    @property
    def asked(self) -> RunAsked:
        """Its config, of whatever version it is."""
        return RunAsked.read_stored(self.config)

    @property
    def figures(self) -> RunFigures:
        """What the run's worker has added to its results, in any version."""
        return RunFigures.read_stored(self.results)


class Metric(models.Model):
    """One number a run logged."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="metrics")
    name = models.CharField(max_length=80)
    step = models.PositiveIntegerField()
    value = models.FloatField()
    logged_at = models.DateTimeField()

    class Meta:
        ordering = ["step"]
        constraints = [
            models.UniqueConstraint(fields=["run", "name", "step"], name="metric_once_per_step"),
        ]

    def __str__(self) -> str:
        return f"{self.name} = {self.value} at step {self.step}"
