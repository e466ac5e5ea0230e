"""Which machines a policy's address may lead to: public ones, and those that the operator names.

What is public, and how the setting is read, is decided in labeling/network/reachable.py for all
whose addresses come from people. Here are the setting's name and the errors of a program. This file
is light: the web process reads it, to refuse at once what can be seen without asking anybody.
"""

import os
from collections.abc import Iterable

from labeling.network.reachable import Address, Reach, read_reach, seen_addresses
from modeling.core.program.errors import ProgramError

SETTING = "POLICY_PRIVATE_HOSTS"


def reach_of_program() -> Reach:
    """Read what this program's environment allows. Raises ProgramError for a wrong setting."""
    return reach_of(os.environ.get(SETTING, "").replace(",", " ").split())


def reach_of(words: Iterable[str]) -> Reach:
    """Read what the setting's words allow. Raises ProgramError that names a word which is none."""
    try:
        return read_reach(words)
    except ValueError as problem:
        raise ProgramError(
            f"{SETTING} holds {str(problem)!r}, which is no address, network or name of a host.",
            where=SETTING,
            hint="Write names, addresses or networks such as gpu-box 10.0.0.5 10.1.0.0/16.",
        ) from None


def check_unasked(host: str, reach: Reach) -> None:
    """Refuse what can be seen without looking the name up. Raises ProgramError."""
    check_addresses(host, seen_addresses(host), reach)


def check_addresses(host: str, addresses: Iterable[Address], reach: Reach) -> None:
    """Refuse a host unless all its addresses are allowed: a connection may go to any of them.
    Raises ProgramError, which names no address: they would say how the operator's network is laid
    out."""
    if not all(reach.allows(host, address) for address in addresses):
        raise ProgramError(
            f"The server {host} is on this machine, on a private network or at another address "
            "that is not public, and is not asked.",
            where="policy",
            hint=f"If it may be asked, the operator adds it to the setting {SETTING} (a name, an "
            f"address or a network) and starts the workers again: {SETTING}={host}",
        )
