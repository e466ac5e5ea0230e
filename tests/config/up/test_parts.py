"""One part of `manage.py up`: its pauses, its last words, and the order of all."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from config.up import parts
from config.up.parts import LONGEST_PAUSE_SECONDS, STEADY_SECONDS, Part


@pytest.fixture
def part(tmp_path: Path) -> Part:
    return Part(name="part", command=["true"], log=tmp_path / "part.log")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(parts.time, "monotonic", lambda: clock.now)
    return clock


def test_pauses_double_up_to_half_a_minute(part: Part, clock: Any) -> None:
    part.started = clock.now
    assert [part.plan_restart() for _ in range(8)] == [1, 2, 4, 8, 16, 30, 30, 30]
    assert part.start_again_at == clock.now + LONGEST_PAUSE_SECONDS


def test_pauses_stay_finite_after_a_night_of_failures(part: Part, clock: Any) -> None:
    part.started, part.failures = clock.now, 1000
    assert part.plan_restart() == LONGEST_PAUSE_SECONDS


def test_after_a_steady_minute_pauses_begin_anew(part: Part, clock: Any) -> None:
    part.started, part.failures = clock.now, 6
    clock.now += STEADY_SECONDS
    assert part.plan_restart() == LONGEST_PAUSE_SECONDS
    clock.now += 0.1
    assert part.plan_restart() == 1


@pytest.mark.parametrize(
    ("code", "words"), [(0, "exit code 0"), (3, "exit code 3"), (-9, "killed by signal 9")]
)
def test_an_ending_is_said_by_code_or_signal(part: Part, code: int, words: str) -> None:
    part.process = SimpleNamespace(returncode=code)  # type: ignore[assignment]
    assert part.ending() == words


def test_the_last_lines_of_a_log_are_shown_whatever_it_holds(part: Part) -> None:
    assert part.last_log_lines() == ""
    part.log.write_bytes(b"x" * 5000 + b"\nfirst\n\xff\xfe second\nthird")
    assert (
        part.last_log_lines(2)
        == "    \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER} second\n    third"
    )
    assert len(part.last_log_lines(12)) < 5000


def test_a_part_that_never_ran_runs_not(part: Part) -> None:
    assert not part.is_running()
    assert part.ending() == "exit code None"


def test_a_part_starts_with_its_own_environment_and_a_word_of_its_own(part: Part) -> None:
    part.command = ["env"]
    part.environment = {"OMP_NUM_THREADS": "7"}
    part.start()
    assert part.process is not None
    assert part.record is not None
    part.process.wait(30)
    first = part.record.cookie
    lines = part.log.read_text().splitlines()
    assert "OMP_NUM_THREADS=7" in lines
    assert f"{parts.processes.COOKIE}={first}" in lines
    part.start()
    part.process.wait(30)
    assert part.record.cookie != first
    assert part.log.read_text().count("OMP_NUM_THREADS=7") == 2  # appended, not begun anew


def test_what_hands_out_work_is_started_last_and_so_stopped_first(tmp_path: Path) -> None:
    names = [part.name for part in parts.in_start_order(tmp_path)]
    assert names == ["web", "worker-gpu", "worker-default", "scorer", "beat"]
    assert len({part.log for part in parts.in_start_order(tmp_path)}) == len(names)


def test_the_gpu_has_one_run_at_a_time(tmp_path: Path) -> None:
    command = " ".join(parts.worker_part(tmp_path, "gpu", concurrency=1).command)
    assert "-Q gpu -c 1 " in command


def test_redis_opens_no_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts.redis_server, "find_program", lambda: "redis-server")
    command = parts.redis_part(tmp_path, tmp_path / "redis.sock").command
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert (options["--port"], options["--unixsocketperm"]) == ("0", "700")
    assert options["--dir"] == str(tmp_path / "redis")
