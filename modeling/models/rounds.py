"""Rounds of the loop, and the blind comparisons that decide whether a new policy takes over."""

from django.db import models
from django.db.models import Q

from labeling.models.constraints import one_of
from modeling.models.versions import Policy, RewardModel
from modeling.run_data.rounds import RoundResults


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

    @property
    def figures(self) -> RoundResults:
        """Its results, of whatever version they are."""
        return RoundResults.read_stored(self.results)


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
