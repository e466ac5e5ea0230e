"""Which address a request counts for: the nearest one that nobody can make up."""

from ipaddress import ip_network

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from labeling.people.signing_in.addresses import client_address

CASES = [
    # peer, X-Forwarded-For, what counts
    ("203.0.113.9", "", "203.0.113.9"),
    ("203.0.113.9", "198.51.100.7", "203.0.113.9"),
    ("10.0.0.5", "198.51.100.7", "198.51.100.7"),
    ("10.0.0.5", "1.1.1.1, 198.51.100.7", "198.51.100.7"),
    ("10.0.0.5", "1.1.1.1, 198.51.100.7, 10.0.0.6", "198.51.100.7"),
    ("10.0.0.5", "", "10.0.0.5"),
    ("10.0.0.5", "nonsense", "10.0.0.5"),
    ("10.0.0.5", "198.51.100.7, nonsense", "10.0.0.5"),
    ("10.0.0.5", "10.0.0.7", "10.0.0.7"),
    ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::"),
    ("::ffff:203.0.113.9", "", "203.0.113.9"),
    ("", "198.51.100.7", None),
    ("unix:", "198.51.100.7", None),
]


@pytest.mark.parametrize(("peer", "forwarded", "expected"), CASES)
def test_the_address_that_counts(
    settings: Settings, peer: str, forwarded: str, expected: str | None
) -> None:
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/24")]
    request = RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)
    assert client_address(request) == expected
