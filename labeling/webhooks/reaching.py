"""Where webhooks may lead: public addresses by https, and what the operator names beside them."""

from collections.abc import Iterable

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from labeling.models.webhooks import LONGEST_ADDRESS
from labeling.network.reachable import (
    Address,
    Reach,
    literal_address,
    look_up,
    read_reach,
    seen_addresses,
)
from labeling.network.web_addresses import WrongAddress, split_address, written_origin

SETTING = "WEBHOOK_PRIVATE_HOSTS"
LOOK_UP_SECONDS = 2.0


class NotAllowed(Exception):
    """A webhook may not lead there. The message names no address that was looked up: they would say
    how the operator's network is laid out."""


def reach_of_webhooks() -> Reach:
    """What the operator allows beyond public addresses."""
    try:
        return read_reach(settings.WEBHOOK_PRIVATE_HOSTS)
    except ValueError as problem:
        raise ImproperlyConfigured(
            f"{SETTING} holds {str(problem)!r}, which is no address, network or name of a host"
        ) from None


def checked_address(text: str, *, look: bool = True) -> str:
    """The address as it is stored. Raises NotAllowed for one that may not be sent anything; `look`:
    its name's addresses are checked too, where it has any here. Whoever connects checks again."""
    text = text.strip()
    if len(text) > LONGEST_ADDRESS:
        raise NotAllowed(f"The address is longer than {LONGEST_ADDRESS} characters.")
    try:
        url = split_address(text)
        origin = written_origin(url)
    except WrongAddress as problem:
        raise NotAllowed(f"The address {problem}.") from None
    if "#" in text or not text.isascii():
        raise NotAllowed("The address holds what is not sent: a # or letters beyond ASCII.")
    reach = reach_of_webhooks()
    host = host_of(text)
    if origin.startswith("http://") and not is_named(host, reach):
        raise NotAllowed(
            "The address is not https, so anybody on the way could read it. Where that does not "
            f"matter, the operator names the host in the setting {SETTING}."
        )
    check_addresses(host, seen_addresses(host), reach)
    if look and literal_address(host) is None:
        check_addresses(host, look_up(host, LOOK_UP_SECONDS), reach)
    return origin + (url.path or "/") + (f"?{url.query}" if url.query else "")


def host_of(address: str) -> str:
    """The host as it is looked up."""
    return (split_address(address).hostname or "").removesuffix(".")


def is_named(host: str, reach: Reach) -> bool:
    """Whether the operator's setting names this very host."""
    if host in reach.names:
        return True
    return any(
        one.version == network.version and one in network
        for one in seen_addresses(host)
        for network in reach.networks
    )


def check_addresses(host: str, addresses: Iterable[Address], reach: Reach) -> None:
    """Raises NotAllowed unless all of them may be connected to: it may be any."""
    if not all(reach.allows(host, address) for address in addresses):
        raise NotAllowed(
            f"{host} is on this machine, on a private network or at another address that is not "
            f"public, and is sent nothing. If it may be, the operator adds it to {SETTING}."
        )
