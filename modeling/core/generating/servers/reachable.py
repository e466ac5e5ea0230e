"""Which machines a policy's address may lead to.

Whoever registers a policy chooses where a worker connects to, and the worker stands inside: it can
reach this machine's own services, its neighbours, and the address at which a cloud gives out its
machine's credentials. So only public addresses are asked, and others only where the operator's
setting says so. What counts is the address that a connection is made to, never the name: the check
stands where connections are made (checked_network.py). This file is light: the web process reads
it, to refuse at once what can be seen without asking anybody.
"""

import ipaddress
import os
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from modeling.core.program.errors import ProgramError

SETTING = "POLICY_PRIVATE_HOSTS"
LOCALHOST, NOTHING = "localhost", "none"  # the words of the setting that are no name of a host

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(word) for word in text.split())


LOOPBACK = _networks("127.0.0.0/8 ::1/128")
# IANA's registries of special addresses, written out: what `ipaddress` calls global has changed
# from one Python to the next. 168.63.129.16 looks public and is the host of an Azure machine.
NOT_PUBLIC = _networks(
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 "
    "192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 "
    "224.0.0.0/4 240.0.0.0/4 168.63.129.16/32 "
    "2001::/23 2001:db8::/32 3fff::/20"
)
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
NAT64, SIX_TO_FOUR = ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("2002::/16")
# Not even where the setting names the host: nothing that serves a model has such an address, and
# clouds give out their machines' credentials at some of them. Listed as a network they are allowed.
NEVER_BY_NAME = _networks(
    "0.0.0.0/8 169.254.0.0/16 224.0.0.0/4 240.0.0.0/4 100.100.100.200/32 192.0.0.192/32 "
    "168.63.129.16/32 ::/128 fe80::/10 ff00::/8 fd00:ec2::254/128 fd20:ce::254/128"
)


@dataclass(frozen=True)
class Reach:
    """What the setting allows beyond public addresses."""

    networks: tuple[Network, ...] = ()
    names: frozenset[str] = frozenset()

    def allows(self, host: str, address: Address) -> bool:
        """Whether a connection to `address`, which `host` is or leads to, may be made."""
        address = real_address(address)
        if is_public(address) or _is_in(address, self.networks):
            return True
        return host in self.names and not _is_in(address, NEVER_BY_NAME)


def read_reach(words: Iterable[str]) -> Reach:
    """Read addresses, networks and names of hosts. Raises ValueError with the word that is none."""
    networks: list[Network] = []
    names = set[str]()
    for word in words:
        text = word.lower().removesuffix(".")
        if text == LOCALHOST:
            networks.extend(LOOPBACK)
        elif text != NOTHING:
            try:
                networks.append(ipaddress.ip_network(text.strip("[]"), strict=False))
            except ValueError:
                if not text or not set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_."):
                    raise ValueError(word) from None
                names.add(text)
    return Reach(tuple(networks), frozenset(names))


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


def real_address(address: Address) -> Address:
    """The IPv4 address that some IPv6 addresses stand for: a packet to them ends up there."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in SIX_TO_FOUR:
        return ipaddress.IPv4Address(int(address) >> 80 & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether an address, as `real_address` gives it, is one that anybody on the internet may
    have."""
    outside = isinstance(address, ipaddress.IPv6Address) and address not in GLOBAL_UNICAST
    return not outside and not _is_in(address, NOT_PUBLIC)


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == net.version and address in net for net in networks)


def literal_address(host: str) -> Address | None:
    """The address that `host` is written as; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def check_unasked(host: str, reach: Reach) -> None:
    """Refuse what can be seen without looking the name up. Raises ProgramError."""
    address = literal_address(host)
    if address is not None:
        check_addresses(host, [address], reach)
    elif host == LOCALHOST or host.endswith(f".{LOCALHOST}"):
        check_addresses(host, [ipaddress.IPv4Address("127.0.0.1")], reach)


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


def look_up(host: str, seconds: float) -> list[Address]:
    """Look up the addresses of a name; [] when it has none here, or none come in time."""
    addresses: list[Address] = []

    def ask() -> None:
        # The worker, which may ask another resolver, says so if it cannot either.
        with suppress(OSError, UnicodeError):
            addresses.extend(addresses_in(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return list(addresses)


def addresses_in(
    answer: Iterable[tuple[object, object, object, object, tuple[object, ...]]],
) -> list[Address]:
    """List the addresses of an answer of getaddrinfo, each once and in its order."""
    return list(dict.fromkeys(ipaddress.ip_address(str(place[0])) for *_, place in answer))
