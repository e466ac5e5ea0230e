"""How an account comes in: most by a password; the demo's by its door, simulated ones not at all.
Nobody of them is waiting for an invitation."""

from dataclasses import dataclass

from labeling.models import User
from labeling.people.signing_in.demo import USERS

SIMULATED = "simulated-"


@dataclass(frozen=True)
class AccountMark:
    """What stands beside a name, and what it means."""

    word: str
    meaning: str


DEMO = AccountMark("demo", "Entered from the demo's own address, without a password.")
IS_SIMULATED = AccountMark("simulated", "Judged by the command simulate; nobody signs in as them.")
SUPERUSER = AccountMark(
    "superuser, no password",
    "Cannot sign in until a password is set with manage.py changepassword.",
)
OUTSIDE = AccountMark(
    "outside", "Judged elsewhere: a file brought their judgments. Nobody signs in as them."
)
NO_PASSWORD = AccountMark("no password", "Cannot sign in until a superuser sets a password.")


def mark_of(user: User) -> AccountMark | None:
    """The mark beside the account's name; None for whoever signs in with a password."""
    if user.is_outside:
        return OUTSIDE
    if user.has_usable_password():
        return None
    if user.username in USERS.values():
        return DEMO
    if user.username.removeprefix(SIMULATED).isdecimal() and user.username.startswith(SIMULATED):
        return IS_SIMULATED
    return SUPERUSER if user.is_superuser else NO_PASSWORD
