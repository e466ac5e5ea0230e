"""Processes are found and ended with all they started, whatever the clock says."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from config.up import processes
from config.up.guard import Guard
from config.up.processes import ProcessRecord
from tests.config.up_helpers import wait_until

# Starts a child in a session of its own, says its pid, and ends at once or sleeps.
LEAVES_A_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                         start_new_session=True)
print(child.pid, flush=True)
time.sleep(float(sys.argv[1]))
"""


class Started:
    """A process as the supervisor starts one, and its child that has left the session."""

    def __init__(self, seconds: float) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", LEAVES_A_CHILD, str(seconds)],
            stdout=subprocess.PIPE,
            env={**os.environ, processes.COOKIE: "a-cookie"},
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.record: ProcessRecord = processes.record("part", self.process.pid, "a-cookie")
        self.child = int(self.process.stdout.readline())
        self.process.stdout.close()

    def is_over(self) -> bool:
        return all(
            (process := processes.look_at(pid)) is None or process.is_zombie
            for pid in (self.process.pid, self.child)
        )


@pytest.fixture
def part() -> Iterator[Started]:
    started = Started(600)
    yield started
    for pid in (started.process.pid, started.child):
        if not started.is_over():
            os.kill(pid, signal.SIGKILL)
    started.process.wait(10)


def test_a_family_is_found_after_the_clock_was_set(
    part: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("elsewhere a process's start does not move with the clock")
    # On Linux psutil adds the ticks to the time of the machine's start, which moves.
    at = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: at(process) - 3600)
    assert [process.pid for process in processes.family(part.record)] == [
        part.process.pid,
        part.child,
    ]
    assert processes.end([part.record], grace=5) == []
    assert part.is_over()


def test_a_child_that_left_the_session_is_ended_though_its_parent_is_dead(part: Started) -> None:
    part.process.kill()
    part.process.wait(10)
    assert [process.pid for process in processes.family(part.record)] == [part.child]
    assert processes.end([part.record], grace=5) == []
    assert part.is_over()


def test_a_deaf_process_is_killed(part: Started) -> None:
    os.kill(part.process.pid, signal.SIGSTOP)
    assert processes.end([part.record], grace=0) == []
    assert part.is_over()


def test_another_process_with_the_same_number_is_left_alone(part: Started) -> None:
    later = replace(part.record, started="1", cookie="another")
    assert processes.family(later) == []


def test_records_of_another_start_of_the_machine_name_nobody(part: Started) -> None:
    assert processes.family(replace(part.record, machine="another boot")) == []


def test_what_cannot_be_ended_is_named_and_not_waited_for(
    part: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a process that waits for a broken disk: it hears no signal.
    with monkeypatch.context() as patched:
        patched.setattr(processes.os, "kill", lambda _pid, _signal: None)
        patched.setattr(processes, "POLITE_SECONDS", 0.0)
        patched.setattr(processes, "KILL_SECONDS", 0.0)
        assert processes.end([part.record], grace=0) == ["part"]


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Guard]:
    guard = Guard(tmp_path / "parts.json")
    guard.start()
    yield guard
    guard.dismiss()


def test_the_guard_needs_no_file_to_end_what_was_started(part: Started, guard: Guard) -> None:
    guard.watch([part.record])
    guard._close()  # as the kernel does when the supervisor is killed
    assert guard.process is not None
    guard.process.wait(60)
    assert part.is_over()


def test_a_guard_that_is_killed_is_followed_by_another_one(part: Started, guard: Guard) -> None:
    guard.watch([part.record])
    assert guard.process is not None
    guard.process.kill()
    guard.process.wait(10)
    guard.look_after()
    guard._close()
    guard.process.wait(60)
    assert part.is_over()


def test_a_guard_that_hangs_does_not_hold_up_the_supervisor(guard: Guard) -> None:
    assert guard.process is not None
    os.kill(guard.process.pid, signal.SIGSTOP)
    record = ProcessRecord(name="part", pid=1, machine="another", started="1", cookie="x" * 1000)
    for _ in range(200):  # more than a pipe holds
        guard.watch([record])
    wait_until(lambda: guard.process is not None and guard.process.poll() is not None, "it ends")
    guard.look_after()
    assert guard.process.poll() is None


def test_a_name_may_hold_anything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fields = "S 7 8 9" + " 0" * 15 + " 4242 0"
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "stat").touch()
    (tmp_path / "12").mkdir()
    (tmp_path / "12" / "stat").write_text(f"12 (a) R 1 (b)) {fields}")
    monkeypatch.setattr(processes, "PROC", tmp_path)
    looked = processes.look_at(12)
    assert looked is not None
    assert (looked.parent, looked.session, looked.started) == (7, 9, "4242")
    assert list(processes.look_around()) == [12]
