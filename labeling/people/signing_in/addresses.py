"""Which address a request comes from, where limits go by addresses.

Anybody can send `X-Forwarded-For`, so it counts only as far as the proxies that the operator has
named (TRUSTED_PROXIES) wrote it: read from its end, the first address that is none of theirs.
"""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
OWN_NETWORK_BITS = 64  # of IPv6: what one household or machine is given to choose addresses from


def client_address(request: HttpRequest) -> str | None:
    """The address to go by; of IPv6 the network it is in. None where there is none."""
    address = _parse(request.META.get("REMOTE_ADDR", ""))
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    while address is not None and hops and _is_proxy(address):
        before = _parse(hops.pop())
        if before is None:
            break
        address = before
    if address is None:
        return None
    if address.version == 6:
        network = ipaddress.ip_network((address, OWN_NETWORK_BITS), strict=False)
        return str(network.network_address)
    return str(address)


def _is_proxy(address: Address) -> bool:
    return any(address in network for network in settings.TRUSTED_PROXIES)


def _parse(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
