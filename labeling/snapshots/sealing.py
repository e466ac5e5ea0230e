"""Seals a short secret for the time that a worker needs it.

In the database it cannot be read without the installation's secret key, and a changed one is
noticed. A hub token has to reach the worker, and messages carry no data. Each seal has a nonce of
its own; the text is hidden under SHAKE-256 of key and nonce, and the whole is signed.
"""

import base64
import hashlib
import secrets

from django.core.signing import BadSignature, Signer
from django.utils.crypto import salted_hmac

SALT = "labeling.snapshots.sealing"
NONCE_BYTES = 16


class SealBroken(ValueError):
    """It was changed, or sealed with another secret key."""


def seal(text: str) -> str:
    nonce = secrets.token_bytes(NONCE_BYTES)
    hidden = _hide(nonce, text.encode())
    return Signer(salt=SALT).sign(base64.urlsafe_b64encode(nonce + hidden).decode())


def unseal(sealed: str) -> str:
    try:
        content = base64.urlsafe_b64decode(Signer(salt=SALT).unsign(sealed))
    except (BadSignature, ValueError) as fault:
        raise SealBroken("The secret was changed, or sealed with another key.") from fault
    return _hide(content[:NONCE_BYTES], content[NONCE_BYTES:]).decode()


def _hide(nonce: bytes, content: bytes) -> bytes:
    """Hides the content, or shows it again."""
    key = salted_hmac(SALT, "key", algorithm="sha256").digest()
    stream = hashlib.shake_256(key + nonce).digest(len(content))
    return bytes(one ^ other for one, other in zip(content, stream, strict=True))
