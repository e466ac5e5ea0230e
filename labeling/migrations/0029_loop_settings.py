"""What the loop is told is modeling's now (LoopSettings); its migration copies it first.
What is left has each limit once, in the database as in the form."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import migrations, models

from labeling.database.reshaping import Reshape


# As they were when this was written.
LIMITS = {
    "ranked_responses": (3, 9),
    "overlap": (1, 20),
    "lease_seconds": (10, 604_800),
    "correction_minutes": (0, 43_200),
    "random_share": (0.0, 1.0),
    "gold_share": (0.0, 0.5),
    "gold_mark": (0.0, 1.0),
    "gold_minimum": (3, 200),
    "repeat_share": (0.0, 0.5),
    "repeat_after_hours": (0, 720),
    "min_seconds": (0, 600),
    "qualification_items": (0, 100),
    "qualification_mark": (0.0, 1.0),
    "adaptive_confidence": (0.5, 0.999),
    "overlap_cap": (1, 20),
}


def bring_to_limits(apps, schema_editor):
    """Half of them had no limit in the database: what lies beyond one is brought to it."""
    projects = apps.get_model("labeling", "Project").objects
    for name, (low, high) in LIMITS.items():
        projects.filter(**{f"{name}__lt": low}).update(**{name: low})
        projects.filter(**{f"{name}__gt": high}).update(**{name: high})


class Migration(migrations.Migration):

    dependencies = [
        ("labeling", "0028_former_member"),
    ]

    operations = [
        migrations.RunPython(bring_to_limits, migrations.RunPython.noop),
        Reshape(
            "project",
            fields=[
                "aggregate",
                "base_model",
                "best_of",
                "comparison_size",
                "improve_adapter",
                "improve_after",
                "improve_prompts",
                "improve_steps",
                "improvement",
                "kl_budget",
                "kl_coefficient",
                "kl_estimator",
                "kl_target",
                "learning_curve",
                "loop_enabled",
                "max_new_tokens",
                "promotion",
                "queue_target",
                "retrain_after",
                "retrain_every_hours",
                "reward_adapter",
                "reward_batch_size",
                "reward_bootstrap",
                "reward_centering",
                "reward_epochs",
                "reward_heads",
                "reward_label_smoothing",
                "reward_learning_rate",
                "reward_max_length",
                "reward_members",
                "reward_method",
                "reward_pooling",
                "reward_rankings",
                "reward_strength_margin",
                "reward_ties",
                "sample_prompts",
                "samples_per_prompt",
                "selection",
                "selection_patience",
                "temperature",
                "top_p",
                "uwo_weight",
            ],
            constraints=[
                "project_ranked_responses_3_to_9",
                "project_overlap_1_to_20",
                "project_random_share_in_0_1",
                "project_gold_share_in_0_half",
                "project_repeat_share_in_0_half",
                "project_adaptive_confidence_in_half_1",
                "project_overlap_cap_1_to_20",
                "project_lease_at_least_10_s",
                "project_samples_per_prompt_2_to_64",
                "project_top_p_in_0_1",
                "project_retrain_after_positive",
                "project_temperature_positive",
                "project_reward_method_known",
                "project_reward_adapter_known",
                "project_reward_pooling_known",
                "project_aggregate_known",
                "project_reward_heads_1_to_32",
                "project_reward_members_1_to_8",
                "project_uwo_weight_0_to_100",
                "project_improvement_known",
                "project_improve_adapter_known",
                "project_promotion_known",
                "project_best_of_2_to_256",
                "project_kl_coefficient_0_to_100",
                "project_kl_budget_0_to_10000",
                "project_comparison_size_10_to_5000",
                "project_selection_known",
                "project_selection_patience_0_to_50",
                "project_reward_ties_known",
                "project_reward_rankings_known",
                "project_reward_learning_rate_to_1",
                "project_reward_epochs_1_to_100",
                "project_reward_batch_size_1_to_4096",
                "project_reward_max_length_8_to_131072",
                "project_reward_margin_0_to_10",
                "project_reward_smoothing_below_half",
                "project_reward_centering_0_to_1",
                "project_kl_target_0_to_10000",
                "project_kl_estimator_known",
            ],
            new=[
                models.CheckConstraint(
                    condition=models.Q((f"{name}__gte", low), (f"{name}__lte", high)),
                    name=f"project_{name}_allowed",
                )
                for name, (low, high) in LIMITS.items()
            ],
        ),
        migrations.AlterField(
            model_name='project',
            name='correction_minutes',
            field=models.PositiveIntegerField(default=60, help_text='How long labelers can correct an answer; 0: never.', validators=[MinValueValidator(0), MaxValueValidator(43200)]),
        ),
        migrations.AlterField(
            model_name='project',
            name='lease_seconds',
            field=models.PositiveIntegerField(default=600, help_text='How long a comparison is kept for a labeler who has stopped responding.', validators=[MinValueValidator(10), MaxValueValidator(604800)]),
        ),
        migrations.AlterField(
            model_name='project',
            name='min_seconds',
            field=models.PositiveSmallIntegerField(default=0, help_text='Faster answers are counted and get a quiet remark; 0: none.', validators=[MinValueValidator(0), MaxValueValidator(600)]),
        ),
        migrations.AlterField(
            model_name='project',
            name='qualification_items',
            field=models.PositiveSmallIntegerField(default=0, help_text='Gold comparisons that new labelers judge first; 0: no qualification round.', validators=[MinValueValidator(0), MaxValueValidator(100)]),
        ),
        migrations.AlterField(
            model_name='project',
            name='repeat_after_hours',
            field=models.PositiveSmallIntegerField(default=24, validators=[MinValueValidator(0), MaxValueValidator(720)]),
        ),
    ]
