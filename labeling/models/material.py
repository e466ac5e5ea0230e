"""What is compared: prompts, responses and comparisons, with the queue they wait in."""

import random
from typing import TYPE_CHECKING

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from labeling.models.constraints import between, one_of
from labeling.models.imports import brought_by, brought_by_index
from labeling.texts.messages import in_words

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


MAX_REASON = 300
MAX_MODEL_NAME = 500  # a path of a checkpoint, or an address


def new_random_key() -> float:
    """Uniform in [0, 1): the order in which the random arm hands out."""
    return random.random()


class Split(models.TextChoices):
    TRAIN = "train"
    CALIBRATION = "calibration"
    DEV = "dev"
    TEST = "test"


class Prompt(models.Model):
    """Input messages. The split follows from the text, loosely read, and never changes."""

    project = models.ForeignKey(
        "labeling.Project", on_delete=models.CASCADE, related_name="prompts"
    )
    messages = models.JSONField(help_text='[{"role": "user", "content": "…"}, …]')
    digest = models.CharField(max_length=64, help_text="SHA-256 of the normalised messages.")
    near_digest = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="SHA-256 of the messages, loosely read: near copies.",
    )
    split = models.CharField(max_length=11, choices=Split.choices)
    extra = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        help_text="What goes with the messages to the chat template: tools, chat_template_kwargs.",
    )
    tags = models.JSONField(default=list, blank=True)
    metadata = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        help_text="What else is known of it (labeling/texts/metadata.py). Never shown to labelers.",
    )
    source = models.CharField(max_length=120, blank=True)
    brought_by = brought_by()
    created_at = models.DateTimeField(auto_now_add=True)

    if TYPE_CHECKING:
        responses: RelatedManager["Response"]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "digest"], name="prompt_once_per_project"),
            one_of("split", Split, "prompt_split_known"),
        ]
        indexes = [
            models.Index(fields=["project", "near_digest"], name="prompt_near_copies"),
            brought_by_index("prompt"),
        ]

    def __str__(self) -> str:
        return self.last_message[:80]

    @property
    def last_message(self) -> str:
        """What is asked, for a table or a log; of a damaged row, what is there."""
        last = self.messages[-1] if isinstance(self.messages, list) and self.messages else ""
        return str(last.get("content", "") if isinstance(last, dict) else last)

    @property
    def earlier_messages(self) -> list[tuple[str, str]]:
        """Role and text of what came before that, for a table."""
        earlier = self.messages[:-1] if isinstance(self.messages, list) else []
        whole = [
            message if isinstance(message, dict) else {"content": message} for message in earlier
        ]
        return [(str(one.get("role", "")), str(one.get("content", ""))) for one in whole]


class ResponseOrigin(models.TextChoices):
    IMPORTED = "imported"
    POLICY = "policy"
    HUMAN = "human"
    CHECK = "check", "made for a check of labelers"


class Response(models.Model):
    """One model output for a prompt; what is the same after normalisation is one row."""

    Origin = ResponseOrigin

    # Without an index of its own, as others below: that of the constraint begins with this column.
    prompt = models.ForeignKey(
        Prompt, on_delete=models.CASCADE, related_name="responses", db_index=False
    )
    text = models.TextField(blank=True)
    extra = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        help_text="Every key of the assistant's message beside role and content, as given.",
    )
    metadata = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        help_text="What else is known of it, such as scores. Never shown to labelers.",
    )
    digest = models.CharField(
        max_length=64, help_text="SHA-256 of the normalised text and of what else was said."
    )
    origin = models.CharField(max_length=8, choices=Origin.choices)
    source = models.CharField(
        max_length=MAX_MODEL_NAME, blank=True, help_text="Model or policy name."
    )
    policy_version = models.PositiveIntegerField(null=True, blank=True)
    seed = models.BigIntegerField(null=True, blank=True)
    temperature = models.FloatField(null=True, blank=True)
    finished = models.BooleanField(default=True, help_text="False: cut off at the token limit.")
    brought_by = brought_by()
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
        indexes = [brought_by_index("response")]

    def __str__(self) -> str:
        return self.in_words[:80]

    @property
    def in_words(self) -> str:
        """Its text, or what it says instead: for a table or a log."""
        return in_words(self.text, self.extra)


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


# Open, and nobody has been handed it yet. Literal as it is, because two partial indexes have this
# condition, and a query must have the same to be answered from them.
FRESH = Q(slots_left__gt=0, waiting_since__isnull=True)


class Comparison(models.Model):
    """A prompt and 2–9 responses to compare, and its place in the queue.

    `slots_left` counts the judgments still to be handed out: a hand-out takes one, a skip, an
    expired lease or an undone hand-out gives it back, a judgment keeps it. A comparison that
    was handed out before and has a slot again waits in line by `waiting_since`; one that is
    `FRESH` is ordered by `priority`. The queue itself is in labeling/queue/handout.py.
    """

    State = ComparisonState

    Arm = Arm

    project = models.ForeignKey(
        "labeling.Project", on_delete=models.CASCADE, related_name="comparisons"
    )
    prompt = models.ForeignKey(
        Prompt, on_delete=models.CASCADE, related_name="comparisons", db_index=False
    )
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
    brought_by = brought_by()
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    set_aside_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when nobody is handed it: it cannot be shown."
    )
    set_aside_reason = models.CharField(
        max_length=MAX_REASON, blank=True, default="", db_default=""
    )

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
            models.CheckConstraint(
                condition=Q(set_aside_at__isnull=True, set_aside_reason="")
                | (Q(set_aside_at__isnull=False) & ~Q(set_aside_reason="")),
                name="comparison_set_aside_with_reason",
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
                condition=FRESH,
                name="comparison_fresh",
            ),
            models.Index(
                fields=["project", "random_key"],
                condition=FRESH,
                name="comparison_fresh_random",
            ),
            models.Index(fields=["project", "state"], name="comparison_by_state"),
            models.Index(
                fields=["project", "-set_aside_at"],
                condition=Q(set_aside_at__isnull=False),
                name="comparison_set_aside",
            ),
            brought_by_index("comparison"),
        ]

    def __str__(self) -> str:
        return f"comparison {self.pk}"


class ComparisonResponse(models.Model):
    """A response's place in a comparison (its order on screen is the assignment's)."""

    comparison = models.ForeignKey(
        Comparison, on_delete=models.CASCADE, related_name="comparison_responses", db_index=False
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
