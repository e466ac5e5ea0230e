"""Which part of a text `Range` asks for."""

import pytest

from labeling.api.conventions.ranges import BeyondTheEnd, part_asked


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=2-5", slice(2, 6)),
        ("bytes=2-", slice(2, 10)),
        ("bytes=2-999", slice(2, 10)),
        ("bytes=-3", slice(7, 10)),
        ("bytes=-999", slice(0, 10)),
        (" bytes=9-9 ", slice(9, 10)),
    ],
)
def test_a_range_is_read(header, part):
    assert part_asked(header, 10) == part


@pytest.mark.parametrize(
    "header",
    ["", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "bytes=0-1,3-4", "lines=0-1",
     "bytes=٣-٤", "bytes=" + "9" * 5000 + "-", "bytes=0-\0"],
)  # fmt: skip
def test_what_is_no_single_range_is_ignored(header):
    assert part_asked(header, 10) is None


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-20", "bytes=-0", f"bytes={10**17}-"])
def test_a_range_beyond_the_end_is_refused(header):
    with pytest.raises(BeyondTheEnd):
        part_asked(header, 10)


def test_nothing_has_no_part():
    with pytest.raises(BeyondTheEnd):
        part_asked("bytes=0-", 0)
