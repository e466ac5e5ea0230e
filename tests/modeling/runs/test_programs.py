"""A program's log, its last words and the lock on its folder."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modeling.runs import programs
from modeling.runs.programs import FolderInUse

MOST = 1000
pieces = st.lists(st.binary(max_size=400) | st.just(b"\n"), max_size=40)


@given(pieces)
@example([b"start\n", b"x" * 5000])  # a progress bar that never ends its line
@example([b"x" * 5000])
@example([b"x" * 1001])
@example([b"\n" * 5000])
@example([b"x" * 950, b"\n", b"y" * 100])
@settings(max_examples=60)
def test_a_log_of_any_lines_is_shortened_to_its_beginning_and_its_end(parts: list[bytes]) -> None:
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"log-{os.getpid()}.txt"
    log = b"".join(parts)
    path.write_bytes(log)
    try:
        was_long = programs.cap_log(path, MOST)
        short = path.read_bytes()
    finally:
        path.unlink()
    assert was_long == (len(log) > MOST)
    if not was_long:
        assert short == log
        return
    assert len(short) < MOST
    beginning, notice, end = short.partition("[… ".encode())
    assert notice and log.startswith(beginning) and len(beginning) >= MOST // 8
    end = end.partition(b"left out \xe2\x80\xa6]\n")[2]
    assert end and log.endswith(end)


def test_the_notice_counts_what_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("".join(f"line {number:5}\n" for number in range(1000)))  # 11 bytes each
    assert programs.cap_log(path, MOST)
    lines = path.read_text().splitlines()
    (at,) = [n for n, text in enumerate(lines) if text.startswith("[…")]
    missing = int(lines[at + 1].split()[1]) - int(lines[at - 1].split()[1]) - 1
    assert lines[at] == f"[… {11 * missing:,} bytes of this log were left out …]"


def test_a_log_that_is_not_there_is_not_shortened(tmp_path: Path) -> None:
    assert not programs.cap_log(tmp_path / "log.txt", MOST)


@pytest.mark.parametrize(
    ("text", "lines", "shown"),
    [
        ("", 5, ""),
        ("one\ntwo\nthree\n", 2, "two\nthree"),
        ("one\n\n\ntwo\n", 5, "one\ntwo"),
        (" 10 %\r 50 %\r100 %\ndone\n", 5, "100 %\ndone"),
        ("windows\r\n", 5, "windows"),
        ("no end of line", 5, "no end of line"),
    ],
)
def test_the_last_lines_are_shown_as_a_terminal_would(
    tmp_path: Path, text: str, lines: int, shown: str
) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(text.encode())
    assert programs.tail(path, lines) == shown


def test_a_log_that_is_not_there_has_no_last_lines(tmp_path: Path) -> None:
    assert programs.tail(tmp_path / "log.txt", 5) == ""


def test_bytes_that_are_no_text_are_shown_as_such(tmp_path: Path) -> None:
    """A tail may begin within a character."""
    path = tmp_path / "log.txt"
    path.write_bytes("ä".encode()[1:] + b"bc\n\xff\n")
    assert programs.tail(path, 5) == "�bc\n�"


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ('{"error": "no"}', {"error": "no"}),
        ('{"loss": NaN, "most": Infinity, "least": -Infinity}',
         {"loss": None, "most": None, "least": None}),
        ('{"error": ', {}),
        ("[1]", {}),
        ("null", {}),
        ("", {}),
    ],
)  # fmt: skip
def test_what_a_program_says_of_its_end_is_an_object_or_nothing(
    tmp_path: Path, content: str, value: dict[str, Any]
) -> None:
    path = tmp_path / "error.json"
    path.write_text(content)
    assert programs.read_json(path) == value


def test_a_folder_in_the_place_of_a_file_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "error.json").mkdir()
    assert programs.read_json(tmp_path / "error.json") == {}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ({"error": "No weights.", "hint": "Add them.", "where": "config.json"},
         "No weights.\nAdd them.\nWhere: config.json"),
        ({"error": "No weights."}, "No weights."),
        ({"hint": "Add them.", "where": ""}, "Add them."),
        ({"error": 7}, "7"),
        ({}, ""),
    ],
)  # fmt: skip
def test_an_error_says_what_was_wrong_before_what_to_do(error: dict[str, Any], words: str) -> None:
    assert programs.error_in_words(error) == words


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "7"
    assert not programs.is_abandoned(folder), "nobody has ever worked there"
    with programs.sole_use(folder):
        assert not programs.is_abandoned(folder)
        with pytest.raises(FolderInUse, match=str(folder)), programs.sole_use(folder):
            pass
    assert programs.is_abandoned(folder)


def test_a_folder_is_free_again_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(KeyError), programs.sole_use(tmp_path):
        raise KeyError
    with programs.sole_use(tmp_path):
        pass


def test_a_lock_that_was_handed_on_holds_the_folder(tmp_path: Path) -> None:
    """The worker is gone, and its program still writes there."""
    with programs.sole_use(tmp_path) as lock:
        program = os.dup(lock)
    try:
        assert not programs.is_abandoned(tmp_path)
    finally:
        os.close(program)
    assert programs.is_abandoned(tmp_path)


def test_a_lock_that_cannot_be_opened_proves_nobody_dead(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    assert not programs.is_abandoned(tmp_path)


@pytest.mark.parametrize(
    ("code", "was_stopped"), [(0, False), (1, False), (-15, True), (143, True), (-9, False)]
)
def test_only_a_program_that_was_asked_to_stop_was_stopped(code: int, was_stopped: bool) -> None:
    assert programs.ProgramEnding(code).was_stopped is was_stopped


def test_a_program_finds_our_modules_and_none_of_its_folders(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    settings.POLICY_PRIVATE_HOSTS = ["gpu-box", "localhost"]
    environment = programs.environment()
    assert environment["PYTHONPATH"].split(os.pathsep) == [str(settings.BASE_DIR), "/elsewhere"]
    assert environment["PYTHONSAFEPATH"] == "1"
    assert environment["OMP_WAIT_POLICY"] == "active", "an operator's own choice stays"
    assert "gpu-box localhost" in environment.values()


def test_nothing_of_an_unusable_result_is_left(tmp_path: Path) -> None:
    programs.forget_result(tmp_path)
    (tmp_path / "result.json").write_text(json.dumps({}))
    programs.forget_result(tmp_path)
    assert list(tmp_path.iterdir()) == []
