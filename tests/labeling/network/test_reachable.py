"""Which addresses may be connected to, however they are written."""

import pytest

from labeling.network.reachable import Reach, literal_address, read_reach

PRIVATE = """
127.0.0.1 127.8.8.8 0.0.0.0 10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1
169.254.169.254 192.0.0.192 192.0.2.1 192.88.99.1 198.18.0.1 198.51.100.1 203.0.113.1
224.0.0.1 240.0.0.1 255.255.255.255 168.63.129.16 100.100.100.200
:: ::1 ::ffff:127.0.0.1 ::ffff:a9fe:a9fe ::127.0.0.1 ::ffff:0:127.0.0.1 64:ff9b::169.254.169.254
64:ff9b:1::1 100::1 2001::1 2001:db8::1 2002:7f00:1:: 2002:a9fe:a9fe::1 3fff::1 5f00::1 fc00::1
fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1
"""
PUBLIC = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1
192.0.1.1 223.255.255.255 ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1 2606:4700::1111 2a00::1
"""


@pytest.mark.parametrize("text", PRIVATE.split())
def test_only_public_addresses_are_allowed_by_themselves(text: str) -> None:
    address = literal_address(text)
    assert address is not None
    assert not Reach().allows(text, address)


@pytest.mark.parametrize("text", PUBLIC.split())
def test_public_addresses_are_allowed(text: str) -> None:
    address = literal_address(text)
    assert address is not None
    assert Reach().allows(text, address)


@pytest.mark.parametrize(
    ("setting", "host", "address", "allowed"),
    [
        ("localhost", "h", "127.0.0.1", True),
        ("localhost", "h", "::1", True),
        ("localhost", "h", "::ffff:127.0.0.1", True),
        ("localhost", "h", "10.0.0.1", False),
        ("localhost", "h", "0.0.0.0", False),
        ("none", "h", "127.0.0.1", False),
        ("10.0.0.0/8", "h", "10.9.9.9", True),
        ("10.0.0.0/8", "h", "64:ff9b::a00:1", True),
        ("10.0.0.5", "h", "10.0.0.6", False),
        ("[fd00::5]", "h", "fd00::5", True),
        ("GPU-box.", "gpu-box", "10.0.0.6", True),
        ("gpu-box", "other", "10.0.0.6", False),
        ("gpu-box", "gpu-box", "169.254.169.254", False),
        ("gpu-box", "gpu-box", "::ffff:169.254.169.254", False),
        ("169.254.169.254", "h", "169.254.169.254", True),
    ],
)
def test_the_setting_allows_what_it_names_and_nothing_beside(
    setting: str, host: str, address: str, allowed: bool
) -> None:
    parsed = literal_address(address)
    assert parsed is not None
    assert read_reach(setting.split()).allows(host, parsed) is allowed


@pytest.mark.parametrize("word", ["10.0.0.0/99", "http://box", "bo*x", "a/b"])
def test_a_word_of_the_setting_that_means_nothing_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="^" + word.replace("*", r"\*").replace("[", r"\[")):
        read_reach([word])
