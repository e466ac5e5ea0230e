"""Webhooks are made, changed, given new secrets and removed by a project's admins; what was sent
can be sent again. Every change leaves an audit entry, which names the host and not the address:
paths of webhooks often hold a key of their receiver's."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from config.nudges import nudge
from labeling.database.transactions import retried
from labeling.models import Delivery, EventType, Project, User, Webhook
from labeling.models.webhooks import TEST_EVENT
from labeling.people.audit import write_entry
from labeling.webhooks import outbox, signing
from labeling.webhooks.delivering import give_up_waiting
from labeling.webhooks.outbox import SEND, refresh_events, webhooks_of
from labeling.webhooks.reaching import NotAllowed, checked_address, host_of

MOST_WEBHOOKS = 20  # of one project
BOTH_SECRETS_FOR = timedelta(hours=24)
CHANGED = ("address", "events", "with_texts", "with_names", "is_active")


class WebhookRefused(ValueError):
    """Nothing was changed; the message says why, and `field` where."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class WithSecret:
    """A webhook with its new secret, which is shown once."""

    webhook: Webhook
    secret: str


def create_webhook(project: Project, actor: User, fields: Mapping[str, Any]) -> WithSecret:
    """Makes a webhook of `address` and `events`, with `with_texts` and `with_names` if they are
    wanted. Raises WebhookRefused."""
    values = _checked(fields)
    for name in ("address", "events"):
        if name not in values:
            raise WebhookRefused("This is needed.", name)
    return _create(project, actor, values)


@retried
def _create(project: Project, actor: User, values: Mapping[str, Any]) -> WithSecret:
    current = _lock(project)
    if webhooks_of(current).count() >= MOST_WEBHOOKS:
        raise WebhookRefused(
            f"The project has {MOST_WEBHOOKS} webhooks: remove those that nobody needs."
        )
    salt = signing.new_salt()
    webhook = Webhook.objects.create(
        project=current,
        salt=salt,
        secret_check=signing.check_of(salt),
        created_by=actor,
        **values,
    )
    refresh_events(current)
    host = host_of(webhook.address)
    write_entry(current, actor, "add webhook", webhook, host=host, events=webhook.events)
    return WithSecret(webhook, signing.secret_of(salt))


def change_webhook(webhook: Webhook, actor: User, fields: Mapping[str, Any]) -> Webhook:
    """Changes what is named in `fields`; the rest stays. Switched on again, it begins anew. Raises
    WebhookRefused."""
    same_address = fields.get("address") == webhook.address
    rest = {name: one for name, one in fields.items() if name != "address" or not same_address}
    return _change(webhook, actor, _checked(rest))


@retried
def _change(webhook: Webhook, actor: User, values: Mapping[str, Any]) -> Webhook:
    project, current = _lock_both(webhook)
    before = {name: getattr(current, name) for name in CHANGED}
    changes = {name: one for name, one in values.items() if before[name] != one}
    if not changes:
        return current
    for name, value in changes.items():
        setattr(current, name, value)
    if changes.get("is_active") or "address" in changes:
        current.failures, current.failing_since, current.paused_until = 0, None, None
    if current.is_active:
        current.switched_off_because = ""
    current.save()
    if changes.get("is_active") is False:
        give_up_waiting(current, "The webhook was switched off.")
    refresh_events(project)
    shown = {name: [before[name], one] for name, one in changes.items() if name != "address"}
    if "address" in changes:
        shown["host"] = [host_of(before["address"]), host_of(current.address)]
    write_entry(project, actor, "change webhook", current, changes=shown)
    return current


@retried
def rotate_secret(webhook: Webhook, actor: User) -> WithSecret:
    """Makes a new secret. For a day events are signed with both, so that receivers can follow."""
    project, current = _lock_both(webhook)
    current.old_salt, current.old_until = current.salt, timezone.now() + BOTH_SECRETS_FOR
    current.salt = signing.new_salt()
    current.secret_check = signing.check_of(current.salt)
    current.save(update_fields=["old_salt", "old_until", "salt", "secret_check"])
    write_entry(project, actor, "new webhook secret", current, host=host_of(current.address))
    return WithSecret(current, signing.secret_of(current.salt))


@retried
def remove_webhook(webhook: Webhook, actor: User) -> None:
    """Removes a webhook with all that waits for it."""
    project, current = _lock_both(webhook)
    current.is_active, current.removed_at = False, timezone.now()
    current.save(update_fields=["is_active", "removed_at"])
    give_up_waiting(current, "The webhook was removed.")
    refresh_events(project)
    write_entry(project, actor, "remove webhook", current, host=host_of(current.address))


@retried
def send_test(webhook: Webhook, actor: User) -> Delivery:
    """Sends an event that says nothing, to see whether it arrives."""
    project, current = _lock_both(webhook)
    if not current.is_active:
        raise WebhookRefused("The webhook is switched off: switch it on first.")
    now = timezone.now()
    fields = {
        "message": f"A test of {project.name}.",
        "url": outbox.link("webhook", project.slug, current.pk),
    }
    payload = outbox.payload_of(project, TEST_EVENT, fields, now)
    delivery = outbox.new_delivery(current, outbox.new_id(), payload, now)
    delivery.save()
    _try_soon(current)
    write_entry(project, actor, "test webhook", current, host=host_of(current.address))
    return delivery


@retried
def resend(delivery: Delivery, actor: User) -> Delivery:
    """Sends an event again, under its old id, with all the tries of a new one. Raises
    WebhookRefused where it waits to be sent anyway."""
    project, webhook = _lock_both(delivery.webhook)
    if not webhook.is_active:
        raise WebhookRefused("The webhook is switched off: switch it on first.")
    now = timezone.now()
    changed = (
        Delivery.objects.filter(pk=delivery.pk)
        .exclude(state=Delivery.State.WAITING)
        .update(
            state=Delivery.State.WAITING,
            attempts=0,
            tried_since=now,
            next_try_at=now,
            finished_at=None,
        )
    )
    if not changed:
        raise WebhookRefused("This event waits to be sent already.")
    _try_soon(webhook)
    write_entry(project, actor, "resend event", webhook, event=delivery.event_id)
    delivery.refresh_from_db()
    return delivery


def deliveries_of(webhook: Webhook, state: str = "") -> QuerySet[Delivery]:
    """What was sent or waits, newest first."""
    rows = Delivery.objects.filter(webhook=webhook).order_by("-id")
    return rows.filter(state=state) if state else rows


def _try_soon(webhook: Webhook) -> None:
    Webhook.objects.filter(pk=webhook.pk).update(paused_until=None)
    transaction.on_commit(partial(nudge, SEND))


def _checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What may be stored of these fields. Raises WebhookRefused."""
    values = {name: fields[name] for name in CHANGED if name in fields}
    if "address" in values:
        try:
            values["address"] = checked_address(values["address"])
        except NotAllowed as problem:
            raise WebhookRefused(str(problem), "address") from None
    if "events" in values:
        values["events"] = _checked_events(values["events"])
    return values


def _checked_events(given: Collection[str]) -> list[str]:
    unknown = sorted(set(given) - set(EventType.values))
    if unknown:
        known = ", ".join(EventType.values)
        raise WebhookRefused(f"“{unknown[0]}” is no event. Known are: {known}.", "events")
    if not given:
        raise WebhookRefused("Choose at least one event.", "events")
    return [one for one in EventType.values if one in given]


def _lock(project: Project) -> Project:
    # Judgments name the project too: its key is not what is changed, so they do not wait.
    return Project.objects.select_for_update(no_key=True).get(pk=project.pk)


def _lock_both(webhook: Webhook) -> tuple[Project, Webhook]:
    """Locks the project, then the webhook. Raises WebhookRefused for one that is gone."""
    project = _lock(webhook.project)
    rows = webhooks_of(project).select_for_update(no_key=True)
    current = rows.filter(pk=webhook.pk).first()
    if current is None:
        raise WebhookRefused("Somebody has removed this webhook meanwhile.")
    current.project = project
    return project, current
