"""The body of a request: what was written down, and for webhooks that ask for them the texts and
names, which are read when it is sent and kept nowhere else."""

import json
from typing import Any

from labeling.models import (
    Delivery,
    EventType,
    FormerMember,
    Judgment,
    Membership,
    Prompt,
    Response,
    User,
    Webhook,
)
from labeling.texts.messages import text_or_message
from labeling.texts.pseudonyms import pseudonym

PEOPLE = ("labeler", "by")  # fields that hold a pseudonym
HAVE_TEXTS = (EventType.JUDGMENT_MADE, EventType.PREFERENCE_SETTLED)


def body_of(delivery: Delivery, webhook: Webhook) -> bytes:
    """The bytes to sign and send. A text or a person that is gone meanwhile is left out."""
    payload: dict[str, Any] = {**delivery.payload, "data": {**delivery.payload["data"]}}
    data = payload["data"]
    if webhook.with_texts and delivery.type in HAVE_TEXTS:
        data["texts"] = _texts(data)
    if webhook.with_names:
        for field in PEOPLE:
            if data.get(field):
                data[f"{field}_name"] = _name_behind(webhook.project_id, data[field])
    return json.dumps(payload, separators=(",", ":")).encode()


def _texts(data: dict[str, Any]) -> dict[str, Any]:
    prompt = Prompt.objects.filter(pk=data["prompt"]).first()
    responses = Response.objects.filter(pk__in=_shown(data)).order_by("pk")
    texts: dict[str, Any] = {
        "prompt": prompt.messages if prompt else None,
        "responses": {str(one.pk): text_or_message(one.text, one.extra) for one in responses},
    }
    if "judgment" in data:
        judgment = Judgment.objects.filter(pk=data["judgment"]).first()
        texts["rationale"] = judgment.rationale if judgment else ""
    return texts


def _shown(data: dict[str, Any]) -> set[int]:
    """The responses that the event names."""
    if "preferences" in data:
        return {one[side] for one in data["preferences"] for side in ("chosen", "rejected")}
    return {response for tier in data["tiers"] for response in tier}


def _name_behind(project_id: int, name: str) -> str | None:
    """The user name of whoever has this pseudonym; None where nobody of the project does."""
    people = User.objects.filter(is_superuser=True).values_list("pk", "username")
    users = dict(people)
    for members in (Membership, FormerMember):
        rows = members.objects.filter(project=project_id)
        users |= dict(rows.values_list("user_id", "user__username"))
    return next((user for pk, user in users.items() if pseudonym(project_id, pk) == name), None)
