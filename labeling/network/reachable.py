"""Which addresses this server may connect to when somebody else has chosen where.

Workers stand inside: they can reach this machine's own services, its neighbours, and the address at
which a cloud gives out its machine's credentials. So only public addresses are asked, and others
only where the operator's setting says so: POLICY_PRIVATE_HOSTS for policies, WEBHOOK_PRIVATE_HOSTS
for webhooks. What counts is the address that a connection is made to, never the name: the check
stands where connections are made (checked_network.py). This file is light, and knows no Django: the
web process and the learning programs read it.
"""

import ipaddress
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

LOCALHOST, NOTHING = "localhost", "none"  # the words of a setting that are no name of a host

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


def seen_addresses(host: str) -> list[Address]:
    """The addresses of `host` that are known without asking anybody; [] for most names."""
    address = literal_address(host)
    if address is not None:
        return [address]
    if host == LOCALHOST or host.endswith(f".{LOCALHOST}"):
        return [ipaddress.IPv4Address("127.0.0.1")]
    return []


def look_up(host: str, seconds: float) -> list[Address]:
    """Look up the addresses of a name; [] when it has none here, or none come in time."""
    addresses: list[Address] = []

    def ask() -> None:
        # Whoever connects, and may ask another resolver, says so if it cannot either.
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
