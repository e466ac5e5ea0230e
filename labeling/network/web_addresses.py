"""Addresses of servers that people have typed, read in one way only."""

import re
from urllib.parse import SplitResult, urlsplit

from labeling.network.reachable import literal_address

PORTS = {"http": 80, "https": 443}
NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # as the last part of a host's name


class WrongAddress(ValueError):
    """The address cannot be used. The message goes on where "The address" has begun."""


def is_web_address(text: str) -> bool:
    """Whether this is meant as an http or https address."""
    return text.strip().lower().startswith(("http://", "https://"))


def split_address(address: str) -> SplitResult:
    """Take an address apart. Raises WrongAddress for all that two readers of an address could read
    differently."""
    if not is_web_address(address):
        raise WrongAddress("is no http or https URL")
    place = address.partition("?")[0]
    if not (place.isascii() and address.isprintable()) or set(place) & set(" \\#"):
        raise WrongAddress(
            "holds characters that no address has (write names of hosts in ASCII: xn--…)"
        )
    try:
        url = urlsplit(address)
        has_host, port = bool(url.hostname), url.port
    except ValueError:
        raise WrongAddress("has a host or port that cannot be read") from None
    if not has_host or port == 0:
        raise WrongAddress("is no http or https URL" if not has_host else "has the port 0")
    if "@" in url.netloc:
        raise WrongAddress("holds a user name or password, which would be stored and logged")
    return url


def written_origin(url: SplitResult) -> str:
    """Write scheme, host, and a port other than the usual one, in one way. Raises WrongAddress."""
    host = (url.hostname or "").removesuffix(".")
    literal = literal_address(host)
    is_name = "[" not in url.netloc and NAME.fullmatch(host)
    if literal is None and (not is_name or NUMBER.fullmatch(host.split(".")[-1])):
        raise WrongAddress(
            "has a host that is neither a name nor an address (four numbers from 0 to 255)"
        )
    if "%" in host:
        raise WrongAddress("has a host that only this machine's network card knows")
    written = host if literal is None else str(literal)
    written = f"[{written}]" if literal is not None and literal.version == 6 else written
    scheme = url.scheme.lower()
    port = "" if url.port in (None, PORTS[scheme]) else f":{url.port}"
    return f"{scheme}://{written}{port}"
