"""What reward models have said of responses and of people's preferences."""

from django.db import models
from django.db.models import Q

from labeling.models.constraints import between
from modeling.models.versions import RewardModel


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
    loss = models.FloatField(
        help_text="Calibrated log-loss, clipped (modeling/reward_models/drift.py)."
    )
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
