"""Comparisons that a sampling has queued before its end."""

from django.db import models

from modeling.models.runs import Run


class EarlyPair(models.Model):
    """A comparison that was queued when its prompt had all its responses, while the run went on.
    By it a run that goes on, or ends, knows what it has queued already."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="early_pairs")
    comparison = models.OneToOneField(
        "labeling.Comparison", on_delete=models.CASCADE, related_name="early_pair"
    )
    prompt = models.ForeignKey("labeling.Prompt", on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "prompt"], name="early_pair_once_per_prompt"),
        ]

    def __str__(self) -> str:
        return f"comparison {self.comparison_id}, queued early by {self.run}"
