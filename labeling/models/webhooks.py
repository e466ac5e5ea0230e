"""Addresses of other programs that are told what happens in a project, and what was sent there."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from labeling.models.constraints import one_of

LONGEST_ADDRESS = 500
EXCERPT = 1000  # characters of an answer that are kept


class EventType(models.TextChoices):
    """What may be told. What each event says is in labeling/webhooks/events.py."""

    JUDGMENT_MADE = "judgment.made", "A judgment was given"
    JUDGMENT_WITHDRAWN = "judgment.withdrawn", "A judgment was taken back or corrected"
    PREFERENCE_SETTLED = "preference.settled", "Preferences were settled"
    REVIEW_DECIDED = "review.decided", "A curator decided"
    SNAPSHOT_TAKEN = "snapshot.taken", "A snapshot was taken"
    MODEL_PROMOTED = "model.promoted", "A reward model or policy went into service"
    ROUND_FINISHED = "round.finished", "A round ended"
    ALARM_RAISED = "alarm.raised", "Something needs a look"


# Sent by a button alone, to whoever is asked to listen.
TEST_EVENT = "webhook.test"


class Webhook(models.Model):
    """An address that is sent a project's events.

    The secret is not stored: it follows from `salt` and the installation's secret key, so who reads
    the database cannot sign. `secret_check` tells that the key has changed since. One that was
    removed stays for a day, for transactions that are about to write a delivery of it.
    """

    project = models.ForeignKey(
        "labeling.Project", on_delete=models.CASCADE, related_name="webhooks"
    )
    address = models.CharField(max_length=LONGEST_ADDRESS)
    events = models.JSONField(default=list, help_text="The types that it is sent.")
    with_texts = models.BooleanField(default=False, help_text="Prompts, responses and reasons.")
    with_names = models.BooleanField(default=False, help_text="User names beside pseudonyms.")
    is_active = models.BooleanField(default=True)
    salt = models.CharField(max_length=64)
    secret_check = models.CharField(max_length=16)
    old_salt = models.CharField(max_length=64, blank=True)
    old_until = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0, help_text="In a row.")
    failing_since = models.DateTimeField(null=True, blank=True)
    paused_until = models.DateTimeField(null=True, blank=True)
    switched_off_because = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(removed_at__isnull=True) | Q(is_active=False),
                name="webhook_removed_is_off",
            ),
            models.CheckConstraint(
                condition=Q(old_salt="", old_until__isnull=True)
                | (~Q(old_salt="") & Q(old_until__isnull=False)),
                name="webhook_old_secret_ends",
            ),
        ]

    def __str__(self) -> str:
        return f"webhook {self.pk}"


class DeliveryState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Given up"


class Delivery(models.Model):
    """One event on its way to one webhook, written in the transaction of what it tells of.

    `next_try_at` is also the claim: who moves it on may send, until then nobody else does.
    """

    State = DeliveryState

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event_id = models.CharField(max_length=40, help_text="The same at every try.")
    type = models.CharField(max_length=40)
    payload = models.JSONField(help_text="Without texts and names, which are read when it is sent.")
    state = models.CharField(
        max_length=9, choices=DeliveryState.choices, default=DeliveryState.WAITING
    )
    attempts = models.PositiveIntegerField(default=0)
    tried_since = models.DateTimeField(help_text="When it was written, or sent again by hand.")
    next_try_at = models.DateTimeField(null=True, blank=True)
    tried_at = models.DateTimeField(null=True, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Of the answer.")
    excerpt = models.CharField(max_length=EXCERPT, blank=True, help_text="How it began.")
    problem = models.CharField(max_length=300, blank=True)
    seconds = models.FloatField(null=True, blank=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        constraints = [
            one_of("state", DeliveryState, "delivery_state_known"),
            models.UniqueConstraint(
                fields=["webhook", "event_id"], name="delivery_once_per_webhook"
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", next_try_at__isnull=False, finished_at__isnull=True)
                | (~Q(state="waiting") & Q(next_try_at__isnull=True, finished_at__isnull=False)),
                name="delivery_waits_or_has_ended",
            ),
        ]
        indexes = [
            models.Index(
                fields=["webhook", "next_try_at"],
                condition=Q(state="waiting"),
                name="delivery_waiting",
            ),
            models.Index(fields=["webhook", "-id"], name="delivery_of_webhook"),
            models.Index(
                fields=["finished_at"],
                condition=Q(finished_at__isnull=False),
                name="delivery_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id} ({self.state})"
