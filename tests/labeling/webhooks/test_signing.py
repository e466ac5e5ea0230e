"""Signatures by the Standard Webhooks convention, and secrets that are stored nowhere."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from labeling.models import Webhook
from labeling.webhooks import signing

NOW = datetime(2021, 2, 23, 12, 22, 30, tzinfo=UTC)


def test_the_signature_is_the_one_of_the_convention() -> None:
    """The example of the convention's own text."""
    headers = signing.signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        b'{"test": 2432232314}',
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def hook(**fields: Any) -> Webhook:
    salt = fields.pop("salt", "a")
    return Webhook(salt=salt, secret_check=signing.check_of(salt), **fields)


def test_a_day_long_both_secrets_sign() -> None:
    rotated = hook(salt="new", old_salt="old", old_until=NOW + timedelta(hours=1))
    both = [signing.secret_of("new"), signing.secret_of("old")]
    assert signing.secrets_of(rotated, NOW) == both
    assert signing.secrets_of(rotated, NOW + timedelta(hours=1)) == both[:1]
    headers = signing.signed_headers("evt_1", NOW, b"{}", both)
    assert len(headers["webhook-signature"].split()) == 2


def test_a_secret_does_not_follow_from_the_database(settings: Any) -> None:
    ours = signing.secret_of("a")
    assert ours.startswith("whsec_") and ours != signing.secret_of("b")
    settings.SECRET_KEY = "another installation with the same rows"
    assert signing.secret_of("a") != ours


def test_after_a_change_of_the_key_nothing_is_signed_wrongly(settings: Any) -> None:
    made = hook()
    settings.SECRET_KEY = "another key than when the webhook was made"
    with pytest.raises(signing.SecretLost, match="SECRET_KEY has changed"):
        signing.secrets_of(made, NOW)
