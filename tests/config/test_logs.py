"""Logs stay short, and their last lines stay readable."""

from pathlib import Path

import pytest

from config import logs


def test_a_large_log_is_cut_to_its_end_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MOST_BYTES", 1000)
    monkeypatch.setattr(logs, "KEPT_BYTES", 100)
    path = tmp_path / "web.log"
    with path.open("ab", buffering=0) as log:
        for number in range(300):
            log.write(f"line {number}\n".encode())
        logs.keep_short(path)
        log.write(b"line 300\n")
    lines = path.read_text().splitlines()
    assert lines[0].startswith("[Earlier lines were removed")
    assert lines[-2:] == ["line 299", "line 300"]
    assert set(lines[1:]) <= {f"line {number}" for number in range(301)}, "whole lines only"
    assert path.stat().st_size < 1000


def test_a_short_log_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "web.log"
    path.write_text("all of it\n")
    logs.keep_short(path)
    assert path.read_text() == "all of it\n"


def test_a_log_that_is_not_there_yet_is_no_trouble(tmp_path: Path) -> None:
    logs.keep_short(tmp_path / "web.log")


@pytest.mark.parametrize(("size", "is_cut"), [(1000, False), (1001, True)])
def test_a_log_of_just_the_limit_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, is_cut: bool
) -> None:
    monkeypatch.setattr(logs, "MOST_BYTES", 1000)
    monkeypatch.setattr(logs, "KEPT_BYTES", 100)
    path = tmp_path / "web.log"
    path.write_bytes(b"x" * 949 + b"\n" + b"y" * (size - 950))
    logs.keep_short(path)
    assert (path.stat().st_size < size) is is_cut
    assert path.read_bytes().endswith(b"y" * (size - 950))
    assert path.read_bytes().startswith(logs.REMOVED) is is_cut


def test_one_endless_line_is_cut_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MOST_BYTES", 1000)
    monkeypatch.setattr(logs, "KEPT_BYTES", 100)
    path = tmp_path / "web.log"
    path.write_bytes(b"x" * 5000)
    logs.keep_short(path)
    assert path.read_bytes() == logs.REMOVED


def test_the_file_stays_the_same_one_and_closed_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MOST_BYTES", 10)
    path = tmp_path / "web.log"
    path.touch(0o600)
    path.write_text("line\n" * 10)
    before = path.stat()
    logs.keep_short(path)
    assert (path.stat().st_ino, path.stat().st_mode) == (before.st_ino, before.st_mode)


def test_a_folder_in_the_place_of_a_log_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MOST_BYTES", -1)
    logs.keep_short(tmp_path)
    assert tmp_path.is_dir()
