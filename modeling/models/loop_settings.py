"""The settings of each project's loop: of training, choosing, sampling and improvement."""

from typing import Any

from django.db import models
from django.db.models.signals import post_save

from labeling.models import Project
from modeling.models.setting_fields import (
    all_constraints,
    number,
    number_or_empty,
    one_of,
    text,
    whole,
    whole_or_empty,
    yes_no,
)


class LoopSettings(models.Model):
    """The settings of a project's loop, one row per project from its first moment on. Limits,
    defaults and words are declared in modeling/settings."""

    project = models.OneToOneField(
        "labeling.Project",
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="loop_settings",
    )

    loop_enabled = yes_no("loop_enabled")
    retrain_after = whole("retrain_after")
    retrain_every_hours = whole("retrain_every_hours")
    base_model = text("base_model")
    reward_method = one_of("reward_method")
    reward_adapter = one_of("reward_adapter")
    reward_pooling = one_of("reward_pooling")
    reward_heads = whole("reward_heads")
    reward_members = whole("reward_members")
    reward_bootstrap = yes_no("reward_bootstrap")
    aggregate = one_of("aggregate")
    uwo_weight = number("uwo_weight")
    learning_curve = yes_no("learning_curve")
    reward_learning_rate = number_or_empty("reward_learning_rate")
    reward_epochs = whole_or_empty("reward_epochs")
    reward_batch_size = whole("reward_batch_size")
    reward_max_length = whole_or_empty("reward_max_length")
    reward_strength_margin = number("reward_strength_margin")
    reward_label_smoothing = number("reward_label_smoothing")
    reward_ties = one_of("reward_ties")
    reward_rankings = one_of("reward_rankings")
    reward_centering = number("reward_centering")

    selection = one_of("selection")
    selection_patience = whole("selection_patience")

    queue_target = whole("queue_target")
    sample_prompts = whole("sample_prompts")
    samples_per_prompt = whole("samples_per_prompt")
    temperature = number("temperature")
    top_p = number("top_p")
    max_new_tokens = whole("max_new_tokens")

    improvement = one_of("improvement")
    improve_after = whole("improve_after")
    promotion = one_of("promotion")
    comparison_size = whole("comparison_size")
    kl_coefficient = number("kl_coefficient")
    kl_budget = number("kl_budget")
    kl_target = number("kl_target")
    kl_estimator = one_of("kl_estimator")
    best_of = whole("best_of")
    improve_prompts = whole("improve_prompts")
    improve_steps = whole("improve_steps")
    improve_adapter = one_of("improve_adapter")

    class Meta:
        verbose_name_plural = "loop settings"
        constraints = all_constraints()

    def __str__(self) -> str:
        return f"loop settings of {self.project}"


def make_settings(instance: Project, created: bool, raw: bool, **_: Any) -> None:
    """Gives a new project its settings, whatever makes it. labeling knows nothing of them, so
    Django's signal is the one place that every way of making a project passes. A fixture (`raw`)
    brings its own row."""
    if created and not raw:
        LoopSettings.objects.create(project=instance)


post_save.connect(make_settings, sender=Project, dispatch_uid="loop settings of a project")
