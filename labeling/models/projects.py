"""Projects: what is asked, how often, and when the models learn from it."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from labeling.models.constraints import between, one_of
from labeling.models.improvement import Improvement, KlEstimator, PolicyAdapter, Promotion
from labeling.models.learning import Adapter, Aggregate, Pooling, Rankings, RewardMethod, Ties
from labeling.models.selection import Selection


class Scale(models.TextChoices):
    BINARY = "binary", "A or B"
    STRENGTH = "strength", "How much better: slightly, better, much better"
    LEVELS = "levels", "How much better: negligibly, slightly, better, significantly (no tie)"
    RANKING = "ranking", "Ranking of several responses"


class AskReason(models.TextChoices):
    OFF = "off", "Do not ask"
    OPTIONAL = "optional", "Optional"
    REQUIRED = "required", "Required with every choice"


class Project(models.Model):
    """The container of prompts, people and the loop's settings."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    description = models.CharField(max_length=400, blank=True)
    question = models.CharField(max_length=300, default="Which response is better?")

    guidelines = models.ForeignKey(
        "GuidelineVersion",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )

    # How a comparison is judged
    scale = models.CharField(max_length=10, choices=Scale.choices, default=Scale.BINARY)
    ranked_responses = models.PositiveSmallIntegerField(
        default=4,
        validators=[MinValueValidator(3), MaxValueValidator(9)],
        help_text="Responses in a new comparison when they are ranked.",
    )
    allow_tie = models.BooleanField(default=True)
    allow_both_bad = models.BooleanField(default=True)
    aspects = models.JSONField(
        default=list, blank=True, help_text="Asked beside the overall choice of a pair."
    )
    ask_reason = models.CharField(
        max_length=8, choices=AskReason.choices, default=AskReason.OPTIONAL
    )
    reason_chips = models.JSONField(
        default=list, blank=True, help_text="Reasons that can be ticked instead of written."
    )
    allow_flags = models.BooleanField(default=True)
    allow_rewrite = models.BooleanField(default=False)
    overlap = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(20)],
        help_text="How many people judge each comparison.",
    )
    lease_seconds = models.PositiveIntegerField(
        default=600,
        validators=[MinValueValidator(10)],
        help_text="How long a comparison is kept for a labeler who has stopped responding.",
    )
    correction_minutes = models.PositiveIntegerField(
        default=60,
        validators=[MaxValueValidator(43_200)],
        help_text="How long labelers can correct an answer; 0: never.",
    )
    random_share = models.FloatField(
        default=0.2,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="Share of hand-outs drawn uniformly at random: the honest test stream.",
    )

    selection = models.CharField(
        max_length=12,
        choices=Selection.choices,
        default=Selection.UNCERTAINTY,
        help_text="Which comparisons come first, of those that are not handed out at random.",
    )
    selection_patience = models.PositiveSmallIntegerField(
        default=5,
        validators=[MaxValueValidator(50)],
        help_text="Reward models in a row without a gain after which all is random; 0: never.",
    )

    # How judgments are checked (labeling/checks.py)
    gold_share = models.FloatField(
        default=0.05,
        validators=[MinValueValidator(0.0), MaxValueValidator(0.5)],
        help_text="Share of hand-outs that are gold, while there is gold the labeler has not seen.",
    )
    gold_mark = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="Members below this share of right gold answers are paused; 0: nobody is.",
    )
    gold_minimum = models.PositiveSmallIntegerField(
        default=10,
        validators=[MinValueValidator(3), MaxValueValidator(200)],
        help_text="Gold answers before anybody is paused, and how many of the last ones count.",
    )
    repeat_share = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(0.5)],
        help_text="Share of answers asked for again later, with the sides swapped.",
    )
    repeat_after_hours = models.PositiveSmallIntegerField(
        default=24, validators=[MinValueValidator(1), MaxValueValidator(720)]
    )
    min_seconds = models.PositiveSmallIntegerField(
        default=0,
        validators=[MaxValueValidator(600)],
        help_text="Faster answers are counted and get a quiet remark; 0: none.",
    )
    qualification_items = models.PositiveSmallIntegerField(
        default=0,
        validators=[MaxValueValidator(100)],
        help_text="Gold comparisons that new labelers judge first; 0: no qualification round.",
    )
    qualification_mark = models.FloatField(
        default=0.8, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)]
    )

    # Adaptive overlap (labeling/adaptive.py)
    adaptive_overlap = models.BooleanField(
        default=False, help_text="Ask fewer or more people, by how sure the answer is."
    )
    adaptive_confidence = models.FloatField(
        default=0.85, validators=[MinValueValidator(0.5), MaxValueValidator(0.999)]
    )
    overlap_cap = models.PositiveSmallIntegerField(
        default=5,
        validators=[MinValueValidator(1), MaxValueValidator(20)],
        help_text="With adaptive overlap: never more judgments than this.",
    )

    # How the loop turns
    is_paused = models.BooleanField(default=False, help_text="Nobody gets comparisons.")
    loop_enabled = models.BooleanField(
        default=True, help_text="Retrain and sample without being asked."
    )
    base_model = models.CharField(
        max_length=300,
        blank=True,
        help_text="Folder or hub id that reward models start from; empty: the current policy.",
    )
    retrain_after = models.PositiveIntegerField(
        default=100,
        validators=[MinValueValidator(1)],
        help_text="New preferences after which the reward model is retrained.",
    )
    reward_method = models.CharField(
        max_length=8, choices=RewardMethod.choices, default=RewardMethod.FINETUNE
    )
    reward_adapter = models.CharField(max_length=5, choices=Adapter.choices, default=Adapter.NONE)
    reward_pooling = models.CharField(max_length=4, choices=Pooling.choices, default=Pooling.LAST)
    reward_heads = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(32)],
        help_text="Bootstrap heads on one model.",
    )
    reward_members = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(8)],
        help_text="Models trained one after the other.",
    )
    reward_bootstrap = models.BooleanField(
        default=True,
        help_text="Each further model sees a bootstrap of the prompts instead of all of them.",
    )
    aggregate = models.CharField(
        max_length=4, choices=Aggregate.choices, default=Aggregate.MEAN,
        help_text="How the rewards of several heads or members become one.",
    )  # fmt: skip
    uwo_weight = models.FloatField(
        default=0.5,
        validators=[MinValueValidator(0.0), MaxValueValidator(100.0)],
        help_text="Of the variance, with the aggregate “uwo”.",
    )
    learning_curve = models.BooleanField(
        default=False, help_text="Train on 25, 50 and 75 % of the data as well."
    )
    reward_learning_rate = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1e-8), MaxValueValidator(1.0)],
        help_text="At its peak; empty: by the size of the model.",
    )
    reward_epochs = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="Passes over the preferences at most; empty: by their number.",
    )
    reward_batch_size = models.PositiveSmallIntegerField(
        default=16,
        validators=[MinValueValidator(1), MaxValueValidator(4096)],
        help_text="Comparisons for each step of the optimiser.",
    )
    reward_max_length = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(8), MaxValueValidator(131_072)],
        help_text="Tokens of a prompt with its response; empty: what the model takes.",
    )
    reward_strength_margin = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(10.0)],
        help_text="Margin in the loss for each step of strength.",
    )
    reward_label_smoothing = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(0.49)],
        help_text="Share of the judgments taken to be the wrong way round.",
    )
    reward_ties = models.CharField(max_length=8, choices=Ties.choices, default=Ties.HALF)
    reward_rankings = models.CharField(
        max_length=13, choices=Rankings.choices, default=Rankings.PAIRS
    )
    reward_centering = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="Price of rewards away from zero.",
    )
    retrain_every_hours = models.PositiveSmallIntegerField(
        default=0,
        validators=[MaxValueValidator(8760)],
        help_text="Retrain after this long even with fewer new preferences; 0: never.",
    )

    # How the policy is improved (modeling/improving.py)
    improvement = models.CharField(
        max_length=9, choices=Improvement.choices, default=Improvement.OFF
    )
    improve_after = models.PositiveIntegerField(
        default=500, help_text="New preferences after which the policy is improved again."
    )
    improve_prompts = models.PositiveIntegerField(
        default=512, validators=[MinValueValidator(8), MaxValueValidator(1_000_000)]
    )
    improve_adapter = models.CharField(
        max_length=4, choices=PolicyAdapter.choices, default=PolicyAdapter.NONE
    )
    improve_steps = models.PositiveIntegerField(
        default=40, validators=[MinValueValidator(1), MaxValueValidator(100_000)]
    )
    best_of = models.PositiveSmallIntegerField(
        default=16, validators=[MinValueValidator(2), MaxValueValidator(256)]
    )
    kl_coefficient = models.FloatField(
        default=0.1, validators=[MinValueValidator(0.0), MaxValueValidator(100.0)]
    )
    kl_budget = models.FloatField(
        default=10.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(10_000.0)],
        help_text="Nats to the reference policy; 0: no limit.",
    )
    kl_target = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(10_000.0)],
        help_text="Nats that the KL coefficient is adapted to reach; 0: it stays as it is.",
    )
    kl_estimator = models.CharField(
        max_length=2, choices=KlEstimator.choices, default=KlEstimator.K1
    )
    promotion = models.CharField(max_length=9, choices=Promotion.choices, default=Promotion.BLIND)
    comparison_size = models.PositiveSmallIntegerField(
        default=100,
        validators=[MinValueValidator(10), MaxValueValidator(5000)],
        help_text="Blind comparisons of a new policy with the current one, at most.",
    )

    sample_prompts = models.PositiveIntegerField(
        default=50,
        validators=[MinValueValidator(1)],
        help_text="Prompts for which new pairs are sampled after each retraining.",
    )
    samples_per_prompt = models.PositiveSmallIntegerField(
        default=4,
        validators=[MinValueValidator(2), MaxValueValidator(64)],
        help_text="Responses sampled for each of these prompts; the most telling pair is queued.",
    )
    queue_target = models.PositiveIntegerField(
        default=200, help_text="No sampling while this many comparisons are waiting."
    )
    temperature = models.FloatField(
        default=1.0, validators=[MinValueValidator(0.01), MaxValueValidator(5.0)]
    )
    top_p = models.FloatField(
        default=1.0, validators=[MinValueValidator(0.01), MaxValueValidator(1.0)]
    )
    max_new_tokens = models.PositiveIntegerField(default=256, validators=[MinValueValidator(1)])

    created_at = models.DateTimeField(auto_now_add=True)

    role_of_viewer: str = ""  # set by access.project_for, for templates

    class Meta:
        ordering = ["name"]
        constraints = [
            one_of("scale", Scale, "project_scale_known"),
            between("ranked_responses", 3, 9, "project_ranked_responses_3_to_9"),
            one_of("ask_reason", AskReason, "project_ask_reason_known"),
            between("overlap", 1, 20, "project_overlap_1_to_20"),
            between("random_share", 0.0, 1.0, "project_random_share_in_0_1"),
            one_of("selection", Selection, "project_selection_known"),
            between("selection_patience", 0, 50, "project_selection_patience_0_to_50"),
            between("gold_share", 0.0, 0.5, "project_gold_share_in_0_half"),
            between("repeat_share", 0.0, 0.5, "project_repeat_share_in_0_half"),
            between("adaptive_confidence", 0.5, 0.9999, "project_adaptive_confidence_in_half_1"),
            between("overlap_cap", 1, 20, "project_overlap_cap_1_to_20"),
            between("samples_per_prompt", 2, 64, "project_samples_per_prompt_2_to_64"),
            between("top_p", 0.0001, 1.0, "project_top_p_in_0_1"),
            one_of("reward_method", RewardMethod, "project_reward_method_known"),
            one_of("reward_adapter", Adapter, "project_reward_adapter_known"),
            one_of("reward_pooling", Pooling, "project_reward_pooling_known"),
            one_of("aggregate", Aggregate, "project_aggregate_known"),
            between("reward_heads", 1, 32, "project_reward_heads_1_to_32"),
            between("reward_members", 1, 8, "project_reward_members_1_to_8"),
            between("uwo_weight", 0.0, 100.0, "project_uwo_weight_0_to_100"),
            one_of("reward_ties", Ties, "project_reward_ties_known"),
            one_of("reward_rankings", Rankings, "project_reward_rankings_known"),
            between("reward_learning_rate", 1e-8, 1.0, "project_reward_learning_rate_to_1"),
            between("reward_epochs", 1, 100, "project_reward_epochs_1_to_100"),
            between("reward_batch_size", 1, 4096, "project_reward_batch_size_1_to_4096"),
            between("reward_max_length", 8, 131_072, "project_reward_max_length_8_to_131072"),
            between("reward_strength_margin", 0.0, 10.0, "project_reward_margin_0_to_10"),
            between("reward_label_smoothing", 0.0, 0.49, "project_reward_smoothing_below_half"),
            between("reward_centering", 0.0, 1.0, "project_reward_centering_0_to_1"),
            one_of("improvement", Improvement, "project_improvement_known"),
            one_of("improve_adapter", PolicyAdapter, "project_improve_adapter_known"),
            one_of("promotion", Promotion, "project_promotion_known"),
            between("best_of", 2, 256, "project_best_of_2_to_256"),
            between("kl_coefficient", 0.0, 100.0, "project_kl_coefficient_0_to_100"),
            between("kl_budget", 0.0, 10_000.0, "project_kl_budget_0_to_10000"),
            between("kl_target", 0.0, 10_000.0, "project_kl_target_0_to_10000"),
            one_of("kl_estimator", KlEstimator, "project_kl_estimator_known"),
            between("comparison_size", 10, 5000, "project_comparison_size_10_to_5000"),
            models.CheckConstraint(
                condition=models.Q(lease_seconds__gte=10),
                name="project_lease_at_least_10_s",
            ),
            models.CheckConstraint(
                condition=models.Q(retrain_after__gte=1),
                name="project_retrain_after_positive",
            ),
            models.CheckConstraint(
                condition=models.Q(temperature__gt=0),
                name="project_temperature_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def responses_per_comparison(self) -> int:
        return self.ranked_responses if self.scale == Scale.RANKING else 2


class GuidelineVersion(models.Model):
    """One version of a project's guidelines (Markdown). Never edited: the next version is added,
    and every judgment names the version its labeler could read."""

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="guideline_versions"
    )
    number = models.PositiveIntegerField()
    text = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True
    )

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "number"], name="guidelines_number_once_per_project"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.project} guidelines v{self.number}"
