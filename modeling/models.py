"""What the learning side remembers: policies, reward models, runs with their metrics, rounds.

The pointers to what is in service are in `Loop`, one row per project: a promotion or a roll-back
changes a pointer and nothing else.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q

from labeling.models.constraints import between, one_of
from modeling.selection_models import ArmLift as ArmLift
from modeling.selection_models import InstantGuess as InstantGuess
from modeling.selection_models import QueueOrder as QueueOrder
from modeling.selection_models import ResponseFeatures as ResponseFeatures

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


class PolicyStatus(models.TextChoices):
    CANDIDATE = "candidate"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Policy(models.Model):
    """A version of the model that writes responses: a folder or a hub id.

    One that a run has made is a candidate until it is accepted or rejected (promotion.py); one
    that somebody registers is accepted by that."""

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
    def member_paths(self) -> list[Path]:
        """Every folder of the ensemble, the model's own first. Several heads share one folder."""
        names = self.results.get("members") or []
        others = [name for name in names if self.path.parent / name != self.path]
        return [self.path, *(self.path.parent / name for name in others)]

    @property
    def member_count(self) -> int:
        """How many opinions it has of a text: heads in all folders."""
        heads = (self.results.get("config") or {}).get("heads") or 1
        return len(self.member_paths) * int(heads)

    @property
    def is_here(self) -> bool:
        return not self.gone

    @property
    def gone(self) -> list[Path]:
        """Its folders that are no longer there."""
        return [path for path in self.member_paths if not (path / "config.json").is_file()]

    @property
    def why_not_plain(self) -> str:
        """Why only Preferable's own loader reads its folder; "" for a plain folder."""
        export = self.results.get("export") or {}
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

    class Meta:
        constraints = [between("gate_margin", 0.0, 1.0, "loop_gate_margin_in_0_1")]

    def __str__(self) -> str:
        return f"loop of {self.project}"


class RoundState(models.TextChoices):
    SAMPLING = "sampling"
    LABELING = "labeling"
    TRAINING = "training"
    GATING = "gating"
    IMPROVING = "improving"
    COMPARING = "comparing"
    FINISHED = "finished", "Policy kept"
    PROMOTED = "promoted"
    REJECTED = "rejected"
    FAILED = "failed"


class Round(models.Model):
    """One turn of the loop: sample, label, train, gate, improve, compare."""

    State = RoundState

    OPEN = (
        State.SAMPLING,
        State.LABELING,
        State.TRAINING,
        State.GATING,
        State.IMPROVING,
        State.COMPARING,
    )

    project = models.ForeignKey("labeling.Project", on_delete=models.CASCADE, related_name="rounds")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=9, choices=State.choices, default=State.SAMPLING)
    policy = models.ForeignKey(
        Policy, on_delete=models.PROTECT, null=True, blank=True, related_name="rounds"
    )
    reward_model = models.ForeignKey(
        RewardModel,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="rounds",
    )
    candidate = models.ForeignKey(
        Policy,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="candidate_rounds",
        help_text="The new policy of this round.",
    )
    reason = models.TextField(blank=True, help_text="Why it ended as it did.")
    results = models.JSONField(
        default=dict, blank=True, help_text="The blind comparison as it was decided."
    )
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "number"], name="round_number_once_per_project"
            ),
            models.UniqueConstraint(
                fields=["project"],
                condition=Q(
                    state__in=[
                        "sampling",
                        "labeling",
                        "training",
                        "gating",
                        "improving",
                        "comparing",
                    ]
                ),
                name="round_one_open_per_project",
            ),
            one_of("state", RoundState, "round_state_known"),
        ]

    def __str__(self) -> str:
        return f"round {self.number}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN


class BlindPair(models.Model):
    """A comparison of a round's new policy with the one in service, in the labeling queue among
    all others. Nothing that a labeler's page reads points here."""

    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="blind_pairs")
    comparison = models.OneToOneField(
        "labeling.Comparison", on_delete=models.CASCADE, related_name="blind_pair"
    )
    candidate_response = models.ForeignKey(
        "labeling.Response", on_delete=models.CASCADE, related_name="+"
    )
    current_response = models.ForeignKey(
        "labeling.Response", on_delete=models.CASCADE, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(candidate_response=models.F("current_response")),
                name="blind_pair_of_two_responses",
            ),
        ]

    def __str__(self) -> str:
        return f"blind comparison {self.comparison_id} of {self.round}"


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


class Score(models.Model):
    """The reward that a reward model gives a response."""

    response = models.ForeignKey(
        "labeling.Response", on_delete=models.CASCADE, related_name="scores"
    )
    reward_model = models.ForeignKey(RewardModel, on_delete=models.CASCADE, related_name="scores")
    value = models.FloatField(help_text="The mean of its members.")
    members = models.JSONField(
        default=list, help_text="The reward by each member, on one scale; empty for one alone."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["response", "reward_model"], name="score_once_per_response"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.value:.3f}"


class Foretold(models.Model):
    """What the reward model in service said of a randomly drawn pair before any model could learn
    from people's judgment of it. The first word counts; a later correction changes nothing."""

    preference = models.ForeignKey(
        "labeling.Preference", on_delete=models.CASCADE, related_name="foretold"
    )
    reward_model = models.ForeignKey(RewardModel, on_delete=models.CASCADE, related_name="foretold")
    in_shadow = models.BooleanField(
        default=False, help_text="Said by the predecessor, while another one was in service."
    )
    policy_version = models.PositiveIntegerField(
        null=True, help_text="The newer of the policies that wrote the two; null for others."
    )
    margin = models.FloatField(help_text="Reward of chosen less that of rejected.")
    point = models.FloatField(
        help_text="1 when the order was foretold, 0 when not, a half between."
    )
    loss = models.FloatField(help_text="Calibrated log-loss, clipped (modeling/drift.py).")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "foretold"
        constraints = [
            between("point", 0.0, 1.0, "foretold_point_in_0_1"),
            models.UniqueConstraint(
                fields=["preference", "reward_model"], name="foretold_once_per_model"
            ),
            models.UniqueConstraint(
                fields=["preference"],
                condition=Q(in_shadow=False),
                name="foretold_once_in_service",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.margin:+.3f} for preference {self.preference_id}"
