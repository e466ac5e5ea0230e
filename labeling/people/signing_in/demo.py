"""The demo's door: who may enter as one of the demo's people, without a password.

Whoever knows the secret that `manage.py up` prints with the address, at each start a new one, and
only for as long as nobody has an account. Where a request seems to come from decides nothing by
itself: behind a plain reverse proxy every request comes from this machine, and is meant for it.
"""

import os
import secrets
from pathlib import Path

from django.conf import settings
from django.db.models import Q
from django.utils.crypto import constant_time_compare, salted_hmac

from labeling.models import Role, User

USERS = {role.value: f"demo-{role.value}" for role in Role}
SECRET_FILE = "demo-secret"
NO_PASSWORD = Q(password="") | Q(password__startswith="!")  # as Django marks an unusable one


def renew_secret(data_dir: Path) -> str:
    """Makes the secret of this start, in a file that only its owner can read."""
    new_secret = secrets.token_urlsafe(32)
    forget_secret(data_dir)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with open(os.open(data_dir / SECRET_FILE, flags, 0o600), "w") as file:
        file.write(new_secret)
    return new_secret


def forget_secret(data_dir: Path) -> None:
    (data_dir / SECRET_FILE).unlink(missing_ok=True)


def secret() -> str:
    """The secret of this start; empty where there is no demo."""
    try:
        return (settings.DATA_DIR / SECRET_FILE).read_text()
    except OSError:
        return ""  # or where it cannot be read: the door stays shut


def is_secret(given: str) -> bool:
    known = secret()
    return bool(known) and constant_time_compare(given, known)


def keepsake(of: str) -> str:
    """What a browser keeps instead of the secret: proof that it knew the secret."""
    return salted_hmac("labeling.people.signing_in.demo", of, algorithm="sha256").hexdigest()


def is_keepsake(given: str) -> bool:
    known = secret()
    return bool(known) and constant_time_compare(given, keepsake(known))


def is_on() -> bool:
    """Whether the last start of Preferable opened the demo, and nobody has an account since."""
    return bool(secret()) and not people_have_accounts()


def people_have_accounts() -> bool:
    """Whether anybody can sign in by another way than the demo's door, or has done so."""
    demo = Q(username__in=USERS.values())
    came_in = Q(last_login__isnull=False) | Q(api_tokens__isnull=False)
    return User.objects.filter(~NO_PASSWORD | (~demo & came_in)).exists()
