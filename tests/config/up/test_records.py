"""What is remembered of started processes: it comes back as it was, or not at all."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.up import processes
from config.up.processes import Process, ProcessRecord

TEXT = st.text(max_size=20)
RECORDS = st.lists(
    st.builds(
        ProcessRecord, name=TEXT, pid=st.integers(1, 2**22), machine=TEXT, started=TEXT, cookie=TEXT
    ),
    max_size=5,
)


@given(RECORDS)
def test_records_come_back_as_they_were(records: list[ProcessRecord]) -> None:
    text = processes.as_text(records)
    assert "\n" not in text  # the guard reads line by line
    assert processes.parse_records(text) == records


@given(RECORDS.filter(bool), st.data())
def test_records_that_were_cut_short_are_none(
    records: list[ProcessRecord], data: st.DataObject
) -> None:
    text = processes.as_text(records)
    cut = data.draw(st.integers(0, len(text) - 1))
    assert processes.parse_records(text[:cut]) == []


@pytest.mark.parametrize(
    "text", ["", "null", "5", "{}x", '["a"]', '[{"pid": 1}]', '[{"name": "a", "unknown": 1}]']
)
def test_what_is_no_list_of_records_is_none(text: str) -> None:
    assert processes.parse_records(text) == []


def test_a_file_of_records_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "parts.json"
    assert processes.read_records(path) == []
    for name in ("a", "b"):
        record = processes.record(name, os.getpid(), "cookie")
        processes.write_records(path, [record])
        assert processes.read_records(path) == [record]
    assert os.listdir(tmp_path) == ["parts.json"]
    assert json.loads(path.read_text()) == [asdict(record)]


def test_nobody_ends_the_process_that_asks() -> None:
    """A record of this very process, as from an earlier start with its number."""
    record = processes.record("me", os.getpid(), "no-such-cookie")
    assert os.getpid() not in [process.pid for process in processes.family(record)]


def test_a_number_that_nobody_has_is_no_process() -> None:
    gone = Process(pid=2**22 + 1, parent=1, session=1, started="1", is_zombie=False)
    assert processes.look_at(gone.pid) is None
    assert processes.is_over(gone)
    processes.send([gone], kill=True)


def test_this_process_is_looked_at_alike_in_both_ways() -> None:
    mine = processes.look_at(os.getpid())
    other = processes._from_psutil(os.getpid())
    assert mine is not None
    assert other is not None
    assert (mine.parent, mine.session) == (os.getppid(), os.getsid(0))
    assert (other.parent, other.session, other.is_zombie) == (mine.parent, mine.session, False)


def test_nothing_recorded_means_nothing_ended(tmp_path: Path) -> None:
    assert processes.end_recorded(tmp_path / "none.json", grace=60) == []
    assert processes.end([], grace=60) == []
