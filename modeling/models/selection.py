"""What choosing comparisons remembers: features, what was foretold, what the choice has gained."""

from django.db import models

from labeling.models.constraints import between, one_of
from modeling.settings.choices import Selection


class ResponseFeatures(models.Model):
    """What the reward model in service sees in a response, before its head: the instant head's
    material. Kept for models in service only."""

    response = models.ForeignKey(
        "labeling.Response", on_delete=models.CASCADE, related_name="features"
    )
    reward_model = models.ForeignKey(
        "modeling.RewardModel", on_delete=models.CASCADE, related_name="features"
    )
    vector = models.BinaryField(help_text="float16, little-endian.")

    class Meta:
        verbose_name_plural = "response features"
        constraints = [
            models.UniqueConstraint(
                fields=["response", "reward_model"], name="features_once_per_response"
            ),
        ]

    def __str__(self) -> str:
        return f"features of response {self.response_id}"


class InstantGuess(models.Model):
    """What the instant head, and the reward model alone, said of a preference before the head
    learnt from it. The first word counts."""

    preference = models.OneToOneField(
        "labeling.Preference", on_delete=models.CASCADE, related_name="instant_guess"
    )
    reward_model = models.ForeignKey(
        "modeling.RewardModel", on_delete=models.CASCADE, related_name="instant_guesses"
    )
    arm = models.CharField(max_length=8, blank=True, help_text="As its comparison was handed out.")
    probability = models.FloatField(help_text="That chosen is preferred, by the head.")
    point = models.FloatField(help_text="1: the head had the order right, 0: not, a half between.")
    loss = models.FloatField(help_text="Log-loss of the head, in nats.")
    model_point = models.FloatField(help_text="The same of the reward model without the head.")
    model_loss = models.FloatField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "instant guesses"
        constraints = [between("probability", 0.0, 1.0, "instant_guess_probability_in_0_1")]

    def __str__(self) -> str:
        return f"{self.probability:.2f} for preference {self.preference_id}"


class ArmLift(models.Model):
    """What the chosen judgments of one reward model's time taught, against as many random ones
    (modeling/selection/lift.py). Positive: the chosen ones taught more."""

    reward_model = models.OneToOneField(
        "modeling.RewardModel", on_delete=models.CASCADE, related_name="arm_lift"
    )
    strategy = models.CharField(max_length=12, choices=Selection.pairs())
    judgments = models.PositiveIntegerField(help_text="Known when it was measured.")
    trained_on = models.PositiveIntegerField(help_text="Of either arm.")
    tested_on = models.PositiveIntegerField(help_text="Random judgments.")
    accuracy = models.FloatField(help_text="Gain in the share of random judgments foretold.")
    accuracy_low = models.FloatField()
    accuracy_high = models.FloatField()
    loss = models.FloatField(help_text="Drop of the log-loss on them, in nats.")
    differences = models.JSONField(
        default=list, help_text="[prompt, accuracy, loss] of each test, to be pooled over models."
    )
    measured_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [one_of("strategy", Selection, "arm_lift_strategy_known")]

    def __str__(self) -> str:
        return f"{100 * self.accuracy:+.1f} points by {self.strategy}"


class QueueOrder(models.Model):
    """How the queue of a project is ordered at present, and why: written with the order."""

    project = models.OneToOneField(
        "labeling.Project", on_delete=models.CASCADE, primary_key=True, related_name="queue_order"
    )
    reward_model = models.ForeignKey(
        "modeling.RewardModel", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    strategy = models.CharField(max_length=12, choices=Selection.pairs())
    ranked = models.PositiveIntegerField(default=0, help_text="Comparisons.")
    learnt = models.PositiveIntegerField(default=0, help_text="Judgments since the training.")
    milliseconds = models.FloatField(default=0.0, help_text="To learn, rank and write.")
    summary = models.JSONField(default=dict, help_text="The head of the line, and a histogram.")
    updated_at = models.DateTimeField(auto_now=True)
    fallback_from = models.CharField(
        max_length=12, blank=True, choices=Selection.pairs(), help_text="It gained nothing."
    )
    fallback_reason = models.TextField(blank=True)
    fallback_at = models.DateTimeField(null=True, blank=True)
    counted_from = models.PositiveIntegerField(
        default=0, help_text="What reward models after this version gained decides on a fallback."
    )

    class Meta:
        constraints = [one_of("strategy", Selection, "queue_order_strategy_known")]

    def __str__(self) -> str:
        return f"{self.ranked} comparisons by {self.strategy}"
