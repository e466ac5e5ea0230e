"""Projects: what people are asked, how often, and how their answers are checked. What the loop is
told is in LoopSettings (modeling/models/loop_settings.py)."""

from django.conf import settings
from django.db import models

from labeling.models.constraints import between, one_of
from labeling.models.project_limits import LIMITS, limited


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
    """The container of prompts and people, and the settings of how they are asked."""

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
        validators=limited("ranked_responses"),
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
        validators=limited("overlap"),
        help_text="How many people judge each comparison.",
    )
    lease_seconds = models.PositiveIntegerField(
        default=600,
        validators=limited("lease_seconds"),
        help_text="How long a comparison is kept for a labeler who has stopped responding.",
    )
    correction_minutes = models.PositiveIntegerField(
        default=60,
        validators=limited("correction_minutes"),
        help_text="How long labelers can correct an answer; 0: never.",
    )
    random_share = models.FloatField(
        default=0.2,
        validators=limited("random_share"),
        help_text="Share of hand-outs drawn uniformly at random: the honest test stream.",
    )

    # How judgments are checked (labeling/judging/checks.py)
    gold_share = models.FloatField(
        default=0.05,
        validators=limited("gold_share"),
        help_text="Share of hand-outs that are gold, while there is gold the labeler has not seen.",
    )
    gold_mark = models.FloatField(
        default=0.0,
        validators=limited("gold_mark"),
        help_text="Members below this share of right gold answers are paused; 0: nobody is.",
    )
    gold_minimum = models.PositiveSmallIntegerField(
        default=10,
        validators=limited("gold_minimum"),
        help_text="Gold answers before anybody is paused, and how many of the last ones count.",
    )
    repeat_share = models.FloatField(
        default=0.0,
        validators=limited("repeat_share"),
        help_text="Share of answers asked for again later, with the sides swapped.",
    )
    repeat_after_hours = models.PositiveSmallIntegerField(
        default=24, validators=limited("repeat_after_hours")
    )
    min_seconds = models.PositiveSmallIntegerField(
        default=0,
        validators=limited("min_seconds"),
        help_text="Faster answers are counted and get a quiet remark; 0: none.",
    )
    qualification_items = models.PositiveSmallIntegerField(
        default=0,
        validators=limited("qualification_items"),
        help_text="Gold comparisons that new labelers judge first; 0: no qualification round.",
    )
    qualification_mark = models.FloatField(default=0.8, validators=limited("qualification_mark"))

    # Adaptive overlap (labeling/judging/adaptive.py)
    adaptive_overlap = models.BooleanField(
        default=False, help_text="Ask fewer or more people, by how sure the answer is."
    )
    adaptive_confidence = models.FloatField(default=0.85, validators=limited("adaptive_confidence"))
    overlap_cap = models.PositiveSmallIntegerField(
        default=5,
        validators=limited("overlap_cap"),
        help_text="With adaptive overlap: never more judgments than this.",
    )

    is_paused = models.BooleanField(default=False, help_text="Nobody gets comparisons.")
    webhook_events = models.JSONField(
        default=list,
        db_default=[],
        blank=True,
        help_text="The types that some webhook is sent: others cost no statement.",
    )

    created_at = models.DateTimeField(auto_now_add=True)

    role_of_viewer: str = ""  # set by access.project_for, for templates

    class Meta:
        ordering = ["name"]
        constraints = [
            one_of("scale", Scale, "project_scale_known"),
            one_of("ask_reason", AskReason, "project_ask_reason_known"),
            *(
                between(name, low, high, f"project_{name}_allowed")
                for name, (low, high) in LIMITS.items()
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
