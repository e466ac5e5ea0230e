"""Writes events down, each with the change that it tells of: never lost, and never sent for a
change that was undone.

A project whose webhooks do not ask for a type pays nothing for it: `Project.webhook_events` comes
with the project's row.
"""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from config.nudges import nudge
from labeling.models import Delivery, Project, Webhook
from labeling.webhooks.fields import FIELDS

BATCH = 500
SEND = "labeling.tasks.send_webhooks"


def wants(project: Project, event_type: str) -> bool:
    """Whether some webhook of the project is sent this type. `project` may be some moments old."""
    return str(event_type) in project.webhook_events


def webhooks_of(project: Project) -> QuerySet[Webhook]:
    """The project's webhooks that were not removed."""
    return Webhook.objects.filter(project=project, removed_at__isnull=True)


def refresh_events(project: Project) -> None:
    """Notes with the project what its webhooks are sent. Call it with the project's row locked."""
    active = webhooks_of(project).filter(is_active=True)
    project.webhook_events = sorted({one for webhook in active for one in webhook.events})
    project.save(update_fields=["webhook_events"])


def tell(project: Project, event_type: str, events: Iterable[Mapping[str, Any]]) -> None:
    """Writes a delivery of each event for each webhook that is sent its type. Call it inside the
    transaction of the change, after `wants` said yes."""
    webhooks = [
        one for one in webhooks_of(project).filter(is_active=True) if event_type in one.events
    ]
    now = timezone.now()
    deliveries = []
    for fields in events:
        payload, event_id = payload_of(project, event_type, fields, now), new_id()
        deliveries += [new_delivery(one, event_id, payload, now) for one in webhooks]
    if deliveries:
        Delivery.objects.bulk_create(deliveries, batch_size=BATCH)
        transaction.on_commit(partial(nudge, SEND))


def payload_of(
    project: Project, event_type: str, fields: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """The body of an event, less what is read when it is sent."""
    if fields.keys() != FIELDS[event_type].keys():
        wrong = sorted(fields.keys() ^ FIELDS[event_type].keys())
        raise AssertionError(f"{event_type} is declared otherwise: {', '.join(wrong)}")
    return {
        "type": str(event_type),
        "timestamp": in_json(now),
        "project": project.slug,
        "data": dict(fields),
    }


def new_delivery(
    webhook: Webhook, event_id: str, payload: dict[str, Any], now: datetime
) -> Delivery:
    return Delivery(
        webhook=webhook,
        event_id=event_id,
        type=payload["type"],
        payload=payload,
        tried_since=now,
        next_try_at=now,
        created_at=now,
    )


def new_id() -> str:
    return f"evt_{uuid.uuid4().hex}"


def in_json(moment: datetime | None) -> str | None:
    """A moment as the API writes it."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def link(name: str, *args: object) -> str:
    """The address of a page or endpoint, absolute where the installation knows its own."""
    return f"{settings.SITE_URL}{reverse(name, args=args)}"
