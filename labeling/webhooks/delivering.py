"""What is due is claimed, sent and noted down; what failed is tried again later, and later still.

Claims are compare-and-set on `next_try_at`: moved a minute on, a delivery is nobody else's until
then, and a worker that died gives it back by itself. So an event comes at least once, rarely twice,
and always with the same id. Their order is not promised.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from config.nudges import nudge
from labeling.database.transactions import let_others_write, retried
from labeling.models import AuditEntry, Delivery, Project, Webhook
from labeling.webhooks.bodies import body_of
from labeling.webhooks.outbox import BATCH, SEND, refresh_events
from labeling.webhooks.reaching import NotAllowed, checked_address, reach_of_webhooks
from labeling.webhooks.sending import Outcome, Outgoing, send_all
from labeling.webhooks.signing import SecretLost, secrets_of, signed_headers

State = Delivery.State

CLAIMED_FOR = timedelta(seconds=60)
AT_ONCE = 8  # of one webhook; a failing one is asked with one request at a time
MOST_AT_ONCE = 40  # of all together
PASS_SECONDS = 5.0  # after these no further request is begun: others wait for this worker

FIRST_PAUSE = timedelta(seconds=15)
GROWS_BY = 3
LONGEST_PAUSE = timedelta(hours=4)
LONGEST_PAUSE_OF_WEBHOOK = timedelta(minutes=15)
GIVEN_UP_AFTER = timedelta(days=3)
SWITCHED_OFF_AFTER = timedelta(days=5)
KEPT = timedelta(days=30)


@dataclass(frozen=True)
class Claimed:
    """A delivery that this worker alone may send until `until`."""

    delivery: Delivery
    webhook: Webhook
    until: datetime


def send_due() -> int:
    """Sends what is due, for some seconds. Returns how many requests were made."""
    start, made = time.monotonic(), 0
    while time.monotonic() - start < PASS_SECONDS:
        claimed = claim_due(timezone.now())
        if not claimed:
            return made
        deliver(claimed)
        made += len(claimed)
    nudge(SEND)
    return made


def claim_due(now: datetime) -> list[Claimed]:
    """Claims deliveries whose time has come, some of each webhook. Projects share what goes at
    once: the backlog of one does not keep others from theirs."""
    claimed: list[Claimed] = []
    ready = _ready(now)
    projects = list({webhook.project_id for webhook in ready})
    random.shuffle(projects)  # where there are more than places, each has its turn
    left = dict.fromkeys(projects[:MOST_AT_ONCE], MOST_AT_ONCE // max(1, len(projects)) or 1)
    for webhook in ready:
        share = left.get(webhook.project_id, 0)
        most = min(1 if webhook.failures else AT_ONCE, share)
        waiting = webhook.deliveries.filter(state=State.WAITING, next_try_at__lte=now)
        for delivery in waiting.order_by("next_try_at", "id")[: max(0, most)]:
            if claim(delivery, now):
                claimed.append(Claimed(delivery, webhook, now + CLAIMED_FOR))
                left[webhook.project_id] -= 1
    return claimed


def claim(delivery: Delivery, now: datetime) -> bool:
    """Takes the delivery for a minute. False: another worker was faster."""
    mine = Delivery.objects.filter(
        pk=delivery.pk, state=State.WAITING, next_try_at=delivery.next_try_at
    )
    return bool(mine.update(next_try_at=now + CLAIMED_FOR))


def _ready(now: datetime) -> list[Webhook]:
    """The webhooks that have something due; those that fail come last."""
    due = Delivery.objects.filter(webhook=OuterRef("pk"), state=State.WAITING, next_try_at__lte=now)
    is_open = Q(paused_until__isnull=True) | Q(paused_until__lte=now)
    return list(
        Webhook.objects.filter(is_open, Exists(due), is_active=True)
        .select_related("project")
        .order_by(F("paused_until").asc(nulls_first=True), "pk")
    )


def deliver(claimed: Sequence[Claimed]) -> None:
    """Sends what was claimed, and notes what became of it."""
    outgoing: list[tuple[Claimed, Outgoing]] = []
    for one in claimed:
        try:
            outgoing.append((one, _request(one)))
        except (SecretLost, NotAllowed) as problem:
            record(one, Outcome(problem=str(problem)), timezone.now())
    if not outgoing:
        return
    outcomes = send_all([request for _, request in outgoing], reach_of_webhooks())
    for (one, _), outcome in zip(outgoing, outcomes, strict=True):
        record(one, outcome, timezone.now())


def _request(claimed: Claimed) -> Outgoing:
    """The signed request. The setting may have changed since the address was given: it is checked
    again."""
    delivery, webhook = claimed.delivery, claimed.webhook
    now = timezone.now()
    address = checked_address(webhook.address, look=False)
    signed_by = secrets_of(webhook, now)
    body = body_of(delivery, webhook)
    headers = {
        "content-type": "application/json",
        "user-agent": "Preferable-Webhooks/1",
        **signed_headers(delivery.event_id, now, body, signed_by),
    }
    return Outgoing(address, body, headers)


@retried
def record(claimed: Claimed, outcome: Outcome, now: datetime) -> bool:
    """Notes what became of a try. False: the claim had run out, and somebody else has it."""
    delivery, webhook = claimed.delivery, claimed.webhook
    attempts = delivery.attempts + 1
    values = {
        "attempts": attempts,
        "tried_at": now,
        "status": outcome.status,
        "excerpt": outcome.excerpt,
        "problem": outcome.problem[:300],
        "seconds": round(outcome.seconds, 3),
    }
    again_at = now + max(pause_after(attempts), timedelta(seconds=outcome.asked_pause))
    if outcome.is_delivered:
        values |= {"state": State.DELIVERED, "next_try_at": None, "finished_at": now}
    elif again_at - delivery.tried_since > GIVEN_UP_AFTER:
        values |= {"state": State.FAILED, "next_try_at": None, "finished_at": now}
    else:
        values |= {"next_try_at": again_at}
    mine = Delivery.objects.filter(pk=delivery.pk, state=State.WAITING, next_try_at=claimed.until)
    if not mine.update(**values):
        return False
    _note_with_webhook(webhook, outcome, now)
    return True


def pause_after(failures: int, longest: timedelta = LONGEST_PAUSE) -> timedelta:
    """The pause after so many failures in a row, with jitter: those that failed together must not
    come back together."""
    grown = FIRST_PAUSE * GROWS_BY ** min(failures - 1, 12)
    jitter = random.uniform(0.75, 1.25)
    return timedelta(seconds=min(grown, longest).total_seconds() * jitter)


def _note_with_webhook(webhook: Webhook, outcome: Outcome, now: datetime) -> None:
    current = Webhook.objects.select_for_update(no_key=True).get(pk=webhook.pk)
    if outcome.is_delivered:
        if current.failures or current.paused_until:
            current.failures, current.failing_since, current.paused_until = 0, None, None
            current.save(update_fields=["failures", "failing_since", "paused_until"])
        return
    current.failures += 1
    current.failing_since = current.failing_since or now
    pause = pause_after(current.failures, LONGEST_PAUSE_OF_WEBHOOK)
    current.paused_until = now + max(pause, timedelta(seconds=outcome.asked_pause))
    current.save(update_fields=["failures", "failing_since", "paused_until"])
    webhook.failures = current.failures
    if outcome.is_gone:
        transaction.on_commit(
            partial(switch_off, current.pk, "The receiver answered 410: it wants nothing more.")
        )
    elif now - current.failing_since > SWITCHED_OFF_AFTER:
        days = SWITCHED_OFF_AFTER.days
        transaction.on_commit(
            partial(switch_off, current.pk, f"Nothing has arrived for {days} days.")
        )


@retried
def switch_off(webhook_id: int, because: str) -> bool:
    """Switches a webhook off, with what waits for it. False: it was off already."""
    webhook = Webhook.objects.select_related("project").get(pk=webhook_id)
    project = Project.objects.select_for_update(no_key=True).get(pk=webhook.project_id)
    changed = Webhook.objects.filter(pk=webhook_id, is_active=True).update(
        is_active=False, switched_off_because=because
    )
    if not changed:
        return False
    give_up_waiting(webhook, "The webhook was switched off.")
    refresh_events(project)
    # The audit log of people is above this package; an entry without an actor is all it needs.
    AuditEntry.objects.create(
        project=project,
        action="webhook switched off",
        target_type="webhook",
        target_id=str(webhook_id),
        reason=because,
    )
    return True


def give_up_waiting(webhook: Webhook, because: str) -> None:
    """Ends all deliveries that wait for this webhook."""
    webhook.deliveries.filter(state=State.WAITING).update(
        state=State.FAILED, next_try_at=None, finished_at=timezone.now(), problem=because
    )


def remove_old(now: datetime) -> int:
    """Deletes deliveries that have ended long ago, and webhooks that were removed a day ago."""
    old = Delivery.objects.filter(finished_at__lt=now - KEPT).order_by("finished_at")
    ended = 0
    while ids := list(old.values_list("pk", flat=True)[:BATCH]):
        began = time.monotonic()
        ended += Delivery.objects.filter(pk__in=ids).delete()[0]
        let_others_write(time.monotonic() - began)
    gone = Webhook.objects.filter(removed_at__lt=now - timedelta(days=1))
    removed, _ = gone.delete()
    return ended + removed
