"""What was learnt from people: the settled preferences, the triples that models train on."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from labeling.models.changes import Numbered, numbered_indexes
from labeling.models.constraints import between, one_of
from labeling.models.imports import brought_by, brought_by_index
from labeling.models.material import Comparison, Split


class PreferenceKind(models.TextChoices):
    PREFER = "prefer"
    TIE = "tie"
    BOTH_BAD = "both_bad", "both bad"


class Provenance(models.TextChoices):
    UNANIMOUS = "unanimous"
    WEIGHTED = "weighted"
    CONTESTED = "contested"
    ADJUDICATED = "adjudicated"
    IMPORTED = "imported"
    HUMAN = "human"


class Preference(Numbered):
    """The settled (prompt, chosen, rejected) of one pair of responses of a comparison.

    Derived from judgments by labeling/preferences/settling.py and rewritten when they change; only
    the curators' exclusion is kept. For a tie or both-bad, chosen and rejected are in id order and
    carry no direction. `settled_at` is null while judgments are being redone.
    """

    Kind = PreferenceKind

    Provenance = Provenance

    project = models.ForeignKey(
        "labeling.Project", on_delete=models.CASCADE, related_name="preferences"
    )
    comparison = models.ForeignKey(
        "labeling.Comparison", on_delete=models.CASCADE, related_name="preferences"
    )
    prompt = models.ForeignKey(
        "labeling.Prompt", on_delete=models.CASCADE, related_name="preferences"
    )
    chosen = models.ForeignKey("labeling.Response", on_delete=models.CASCADE, related_name="+")
    rejected = models.ForeignKey("labeling.Response", on_delete=models.CASCADE, related_name="+")
    pair_key = models.CharField(max_length=45, help_text="Both response ids, ascending.")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    target = models.FloatField(
        default=1.0,
        help_text="Weighted share of judgments for chosen; a tie counts half.",
    )
    strength = models.FloatField(
        null=True, blank=True, help_text="Mean signed strength, positive for chosen."
    )
    weight = models.FloatField(default=1.0)
    vote_share = models.FloatField(
        null=True, blank=True, help_text="Share of judgments that say what was settled."
    )
    votes_chosen = models.PositiveSmallIntegerField(default=0)
    votes_rejected = models.PositiveSmallIntegerField(default=0)
    votes_tie = models.PositiveSmallIntegerField(default=0)
    votes_both_bad = models.PositiveSmallIntegerField(default=0)
    provenance = models.CharField(max_length=11, choices=Provenance.choices)
    split = models.CharField(max_length=11, choices=Split.choices)
    arm = models.CharField(max_length=8, choices=Comparison.Arm.choices, blank=True)
    round_number = models.PositiveIntegerField(null=True, blank=True)
    excluded = models.BooleanField(default=False)
    excluded_reason = models.CharField(max_length=300, blank=True)
    excluded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    brought_by = brought_by()
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["comparison", "pair_key"], name="preference_once_per_pair"
            ),
            models.CheckConstraint(
                condition=~Q(chosen=F("rejected")), name="preference_of_two_responses"
            ),
            one_of("kind", PreferenceKind, "preference_kind_known"),
            one_of("provenance", Provenance, "preference_provenance_known"),
            one_of("split", Split, "preference_split_known"),
            between("weight", 0.0001, 1.0, "preference_weight_in_0_1"),
            between("target", 0.0, 1.0, "preference_target_in_0_1"),
            models.CheckConstraint(
                condition=Q(excluded=False) | ~Q(excluded_reason=""),
                name="preference_exclusion_has_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["project", "id"], name="preference_of_project"),
            models.Index(fields=["project", "settled_at"], name="preference_by_settled"),
            brought_by_index("preference"),
            *numbered_indexes("preference"),
        ]

    def __str__(self) -> str:
        return f"preference {self.pk} ({self.kind})"


class Doubt(models.Model):
    """The reward model in service contradicts this preference: a question to the curators.

    Written by the learning side each time another model goes into service
    (labeling/curation/doubts.py). It is about the preference as it was: when `chosen` is no longer
    the chosen one, it is void.
    """

    preference = models.OneToOneField(Preference, on_delete=models.CASCADE, related_name="doubt")
    chosen = models.ForeignKey("labeling.Response", on_delete=models.CASCADE, related_name="+")
    strength = models.FloatField(help_text="Probability of the other answer, by the model.")
    against = models.PositiveSmallIntegerField(default=1, help_text="Members that contradict.")
    members = models.PositiveSmallIntegerField(default=1)
    was_trained_on = models.BooleanField(default=False)
    model_version = models.PositiveIntegerField()
    raised_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(
        null=True, blank=True, help_text="When a curator said that the preference stands."
    )
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )

    class Meta:
        constraints = [
            between("strength", 0.0, 1.0, "doubt_strength_in_0_1"),
            models.CheckConstraint(
                condition=Q(against__lte=F("members")), name="doubt_against_at_most_members"
            ),
        ]
        indexes = [models.Index(fields=["strength"], name="doubt_by_strength")]

    def __str__(self) -> str:
        return f"doubt of preference {self.preference_id} ({self.strength:.0%})"

    @property
    def strength_percent(self) -> int:
        return round(100 * self.strength)
