"""What is compared: prompts, responses and comparisons, with the queue they wait in."""

import random
from typing import TYPE_CHECKING

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from labeling.models.constraints import between, one_of

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


def new_random_key() -> float:
    """Uniform in [0, 1): the order in which the random arm hands out."""
    return random.random()


class Split(models.TextChoices):
    TRAIN = "train"
    CALIBRATION = "calibration"
    DEV = "dev"
    TEST = "test"


class Prompt(models.Model):
    """Input messages. The split follows from the text and never changes."""

    project = models.ForeignKey(
        "labeling.Project", on_delete=models.CASCADE, related_name="prompts"
    )
    messages = models.JSONField(help_text='[{"role": "user", "content": "…"}, …]')
    digest = models.CharField(max_length=64, help_text="SHA-256 of the normalised messages.")
    split = models.CharField(max_length=11, choices=Split.choices)
    tags = models.JSONField(default=list, blank=True)
    source = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    if TYPE_CHECKING:
        responses: RelatedManager["Response"]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "digest"], name="prompt_once_per_project"),
            one_of("split", Split, "prompt_split_known"),
        ]

    def __str__(self) -> str:
        return self.last_message[:80]

    @property
    def last_message(self) -> str:
        return str(self.messages[-1]["content"]) if self.messages else ""

    @property
    def earlier_messages(self) -> list[dict[str, str]]:
        return list(self.messages[:-1])


class ResponseOrigin(models.TextChoices):
    IMPORTED = "imported"
    POLICY = "policy"
    HUMAN = "human"
    CHECK = "check", "made for a check of labelers"


class Response(models.Model):
    """One model output for a prompt; texts that are the same after normalisation are one row."""

    Origin = ResponseOrigin

    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="responses")
    text = models.TextField(blank=True)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the normalised text.")
    origin = models.CharField(max_length=8, choices=Origin.choices)
    source = models.CharField(max_length=120, blank=True, help_text="Model or policy name.")
    policy_version = models.PositiveIntegerField(null=True, blank=True)
    seed = models.BigIntegerField(null=True, blank=True)
    temperature = models.FloatField(null=True, blank=True)
    finished = models.BooleanField(default=True, help_text="False: cut off at the token limit.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["prompt", "digest"], name="response_once_per_prompt"),
            one_of("origin", ResponseOrigin, "response_origin_known"),
            models.CheckConstraint(
                condition=~Q(origin="policy") | Q(policy_version__isnull=False),
                name="response_of_policy_names_version",
            ),
        ]

    def __str__(self) -> str:
        return self.text[:80]


class ComparisonState(models.TextChoices):
    OPEN = "open"
    FINISHED = "finished"
    WITHDRAWN = "withdrawn"
    CHECK = "check", "made to check labelers, never work"


class Arm(models.TextChoices):
    UNDECIDED = "", "not handed out yet"
    ACTIVE = "active"
    RANDOM = "random"
    IMPORTED = "imported"


class Comparison(models.Model):
    """A prompt and 2–9 responses to compare, and its place in the queue.

    `slots_left` counts the judgments still to be handed out: a hand-out takes one, a skip, an
    expired lease or an undone hand-out gives it back, a judgment keeps it. A comparison that
    was handed out before and has a slot again waits in line by `waiting_since`; a fresh one is
    ordered by `priority`. The queue itself is in labeling/handout.py.
    """

    State = ComparisonState

    Arm = Arm

    project = models.ForeignKey(
        "labeling.Project", on_delete=models.CASCADE, related_name="comparisons"
    )
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="comparisons")
    responses = models.ManyToManyField(Response, through="ComparisonResponse")
    responses_key = models.CharField(
        max_length=200,
        help_text="Ids of its responses, ascending: no comparison exists twice.",
    )
    size = models.PositiveSmallIntegerField(
        default=2, validators=[MinValueValidator(2), MaxValueValidator(9)]
    )
    state = models.CharField(max_length=9, choices=State.choices, default=State.OPEN)
    wanted = models.PositiveSmallIntegerField(default=1, help_text="Judgments asked for.")
    planned = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="Judgments asked for before adaptive overlap changed `wanted`.",
    )
    slots_left = models.PositiveSmallIntegerField(default=1)
    waiting_since = models.DateTimeField(null=True, blank=True)
    priority = models.FloatField(default=0.0, help_text="Higher is handed out sooner.")
    random_key = models.FloatField(default=new_random_key)
    arm = models.CharField(max_length=8, choices=Arm.choices, default=Arm.UNDECIDED, blank=True)
    round_number = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    if TYPE_CHECKING:
        comparison_responses: RelatedManager["ComparisonResponse"]

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["prompt", "responses_key"], name="comparison_once_per_prompt"
            ),
            one_of("state", ComparisonState, "comparison_state_known"),
            one_of("arm", Arm, "comparison_arm_known"),
            between("size", 2, 9, "comparison_of_2_to_9_responses"),
            models.CheckConstraint(
                condition=Q(slots_left__gte=0) & Q(slots_left__lte=F("wanted")),
                name="comparison_slots_within_wanted",
            ),
            models.CheckConstraint(
                condition=Q(slots_left=0) | Q(state="open"),
                name="comparison_slots_only_while_open",
            ),
        ]
        indexes = [
            # The three orders in which a comparison is handed out; see handout.CLAIM.
            models.Index(
                fields=["project", "waiting_since", "id"],
                condition=Q(slots_left__gt=0, waiting_since__isnull=False),
                name="comparison_waiting",
            ),
            models.Index(
                fields=["project", "-priority", "id"],
                condition=Q(slots_left__gt=0, waiting_since__isnull=True),
                name="comparison_fresh",
            ),
            models.Index(
                fields=["project", "random_key"],
                condition=Q(slots_left__gt=0, waiting_since__isnull=True),
                name="comparison_fresh_random",
            ),
            models.Index(fields=["project", "state"], name="comparison_by_state"),
        ]

    def __str__(self) -> str:
        return f"comparison {self.pk}"


class ComparisonResponse(models.Model):
    """A response's place in a comparison (its order on screen is the assignment's)."""

    comparison = models.ForeignKey(
        Comparison, on_delete=models.CASCADE, related_name="comparison_responses"
    )
    response = models.ForeignKey(
        Response, on_delete=models.CASCADE, related_name="comparison_responses"
    )
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["comparison", "response"], name="comparison_names_response_once"
            ),
            models.UniqueConstraint(
                fields=["comparison", "position"], name="comparison_position_once"
            ),
            between("position", 0, 8, "comparison_position_0_to_8"),
        ]

    def __str__(self) -> str:
        return f"response {self.response_id} in comparison {self.comparison_id}"
