"""Secrets and signatures, as the Standard Webhooks convention has them."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

from django.utils.crypto import salted_hmac

from labeling.models import Webhook

BEGINS = "whsec_"


class SecretLost(Exception):
    """The installation's secret key is another one than when the webhook was made."""


def new_salt() -> str:
    return secrets.token_hex(32)


def secret_of(salt: str) -> str:
    """The secret that follows from a webhook's salt, as receivers keep it."""
    key = salted_hmac("labeling.webhooks", salt, algorithm="sha256").digest()
    return BEGINS + base64.b64encode(key).decode()


def check_of(salt: str) -> str:
    """Some digits that tell whether a salt still leads to the same secret."""
    return hashlib.sha256(secret_of(salt).encode()).hexdigest()[:16]


def secrets_of(webhook: Webhook, now: datetime) -> list[str]:
    """The secrets to sign with: one, or two for a day after a rotation. Raises SecretLost."""
    if check_of(webhook.salt) != webhook.secret_check:
        raise SecretLost(
            "The server's SECRET_KEY has changed, and with it the secret: make a new one."
        )
    is_rotating = webhook.old_until is not None and now < webhook.old_until
    salts = [webhook.salt, webhook.old_salt] if is_rotating else [webhook.salt]
    return [secret_of(salt) for salt in salts]


def signed_headers(event_id: str, now: datetime, body: bytes, of: Sequence[str]) -> dict[str, str]:
    """The headers of a request with this body, signed with each of the secrets."""
    timestamp = str(int(now.timestamp()))
    content = b".".join((event_id.encode(), timestamp.encode(), body))
    signatures = []
    for secret in of:
        key = base64.b64decode(secret.removeprefix(BEGINS))
        digest = hmac.new(key, content, hashlib.sha256).digest()
        signatures.append(f"v1,{base64.b64encode(digest).decode()}")
    return {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }
